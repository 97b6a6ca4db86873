"""PerParameterMLP against its formulas in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import networks
from l2l_tf.networks import Observation, assign_weights, mlp_layers, weights_of
from tests.networks import mlp_reference as reference

DECAYS = (0.5, 0.9)


def _build(**options):
    network = networks.get("PerParameterMLP", **{"layers": (4,), "decays": DECAYS, "dtype": "float64", **options})
    assign_weights(network, reference.random_weights(weights_of(network)))
    return network


def _draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def _observation(gradients, parameters, step=0.0):
    return Observation(
        {name: tf.constant(g) for name, g in gradients.items()},
        parameters={name: tf.constant(p) for name, p in parameters.items()},
        step=tf.constant(float(step)),
    )


def _run(network, gradients, parameters):
    """The updates of every step, for gradients `{name: [steps, ...]}` at parameters that stay."""
    state = network.initial_state({name: tf.constant(p) for name, p in parameters.items()})
    updates = []
    for step in range(len(next(iter(gradients.values())))):
        at_step = {name: g[step] for name, g in gradients.items()}
        update, state = network(_observation(at_step, parameters, step), state)
        updates.append({name: u.numpy() for name, u in update.items()})
    return updates


def _expected(weights, gradients, parameter, scale, magnitude_scale):
    state = {"m": [np.zeros_like(parameter)] * 2, "v": [np.zeros_like(parameter)] * 2}
    for step, gradient in enumerate(gradients):
        inputs = reference.normalized(reference.moment_features(gradient, parameter, state, DECAYS))
        time = np.tile(reference.time_features(step), [len(inputs), 1])
        outputs, _ = reference.mlp(weights, np.concatenate([inputs, time], axis=1))
        yield np.reshape(scale * outputs[:, 0] * np.exp(magnitude_scale * outputs[:, 1]), parameter.shape)


@pytest.mark.parametrize("layers", [(4,), (3, 2)])
def test_three_steps_are_the_formulas_tensor_by_tensor(layers):
    network = _build(layers=layers, scale=0.5, magnitude_scale=0.25)
    parameters = {"matrix": _draw(2, 3, seed=1), "scalar": _draw(seed=2), "cube": _draw(2, 1, 2, seed=3)}
    gradients = {name: _draw(3, *p.shape, seed=4) * 10.0**-i for i, (name, p) in enumerate(parameters.items())}
    updates = _run(network, gradients, parameters)
    for name, parameter in parameters.items():
        expected = list(_expected(weights_of(network), gradients[name], parameter, 0.5, 0.25))
        for step in range(3):
            np.testing.assert_allclose(updates[step][name], expected[step], rtol=1e-10)


def test_functions_of_a_batch_are_apart():
    network, alone = _build(function_axis=0), _build()
    parameters, gradients = _draw(3, 4, seed=1), _draw(2, 3, 4, seed=2)
    together = _run(network, {"x": gradients}, {"x": parameters})
    for function in range(3):
        single = _run(alone, {"x": gradients[:, function]}, {"x": parameters[function]})
        for step in range(2):
            np.testing.assert_allclose(together[step]["x"][function], single[step]["x"], rtol=1e-10)


def test_updates_move_with_the_coordinates():
    network, order = _build(), np.array([3, 0, 2, 1])
    parameters, gradients = _draw(4, seed=1), _draw(2, 4, seed=2)
    straight = _run(network, {"x": gradients}, {"x": parameters})
    permuted = _run(network, {"x": gradients[:, order]}, {"x": parameters[order]})
    for ours, theirs in zip(permuted, straight, strict=True):
        np.testing.assert_allclose(ours["x"], theirs["x"][order], rtol=1e-10)


def test_the_scale_of_the_loss_does_not_matter():
    network = _build()
    parameters, gradients = _draw(4, seed=1), _draw(2, 4, seed=2)
    for ours, theirs in zip(
        _run(network, {"x": 1e-3 * gradients}, {"x": parameters}), _run(network, {"x": gradients}, {"x": parameters})
    ):
        np.testing.assert_allclose(ours["x"], theirs["x"], rtol=1e-6)


@pytest.mark.parametrize("name", ["PerParameterMLP", "AdafactorMLP", "HierarchicalLSTM"])
def test_a_fresh_rule_descends_slowly(name):
    """Untrained, on 0.5 |x|^2: every coordinate goes down by about `scale`, in every step."""
    network = networks.get(name, **({"losses": ()} if name == "HierarchicalLSTM" else {}), scale=0.01)
    x = np.array([0.5, -1.0, 2.0], np.float32)
    state = network.initial_state({"x": tf.constant(x)})
    for step in range(20):
        updates, state = network(_observation({"x": x}, {"x": x}, step), state)
        assert np.all(updates["x"] * x < 0)
        assert np.all((np.abs(updates["x"]) > 0.002) & (np.abs(updates["x"]) < 0.03))
        x = x + updates["x"].numpy()


@pytest.mark.parametrize("name", ["PerParameterMLP", "AdafactorMLP", "HierarchicalLSTM"])
def test_derivatives_at_gradients_of_zero_are_finite(name):
    """Also of coordinates that never have one, and of parameters that are all 0, as biases are at first."""
    network = networks.get(name)
    assign_weights(network, reference.random_weights(weights_of(network)))
    parameters = {"w": tf.zeros([2, 3]), "b": tf.zeros([3])}
    gradients = {"w": tf.constant([[0.0, 1e-3, 0.0], [0.0, -2.0, 0.0]]), "b": tf.zeros([3])}
    state = network.initial_state(parameters)
    loss = tf.constant(1.0)
    with tf.GradientTape() as tape:
        tape.watch((gradients, parameters, loss))
        for step in range(2):
            observation = Observation(gradients, parameters, loss, tf.constant(float(step)))
            updates, state = network(observation, state)
        total = tf.add_n(
            [
                tf.reduce_sum(u * tf.reshape(tf.range(1.0, 1.0 + u.shape.num_elements()), u.shape))
                for u in updates.values()
            ]
        )
    derivatives = tape.gradient(total, (gradients, parameters, list(network.trainable_variables)))
    for derivative in tf.nest.flatten(derivatives):
        assert np.all(np.isfinite(derivative))
    assert all(np.any(derivative != 0) for derivative in derivatives[2])


@pytest.mark.parametrize("name", ["PerParameterMLP", "AdafactorMLP"])
@pytest.mark.parametrize("shape", [(50, 3), (150,)])
def test_large_tensors_in_compiled_blocks_are_the_same(name, shape, monkeypatch):
    network = networks.get(name, layers=(4, 3), decays=DECAYS, dtype="float64")
    assign_weights(network, reference.random_weights(weights_of(network)))
    parameters, gradients = _draw(*shape, seed=1), _draw(2, *shape, seed=2)
    plain = _run(network, {"x": gradients}, {"x": parameters})
    monkeypatch.setattr(mlp_layers, "COMPILED_FROM", 100)
    monkeypatch.setattr(mlp_layers, "BLOCK", 40)
    for ours, theirs in zip(_run(network, {"x": gradients}, {"x": parameters}), plain, strict=True):
        np.testing.assert_allclose(ours["x"], theirs["x"], rtol=1e-10)


@pytest.mark.parametrize("num_coordinates", [1, 5, 16_384, 100_000, 1_000_003])
def test_blocks_hold_every_coordinate(num_coordinates):
    sizes = mlp_layers._block_sizes(num_coordinates)
    assert sum(sizes) == num_coordinates
    assert set(sizes[:-1]) <= {sizes[0]} and 0 < sizes[-1] <= sizes[0] <= 2 * mlp_layers.BLOCK


def test_the_state_is_two_numbers_a_decay():
    state = networks.get("PerParameterMLP").initial_state({"w": tf.zeros([4, 5]), "b": tf.zeros([5])})
    assert sum(tensor.shape.num_elements() for tensor in tf.nest.flatten(state)) == 10 * 25


def test_an_initializer_replaces_the_descent():
    weights = weights_of(networks.get("PerParameterMLP", initializer="ones"))
    assert all(np.all(value == 1) for value in weights.values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": ()}, r"layers is a list of 1 or more, each a whole number of at least 2\. Received: layers=\[\]\."),
        ({"layers": (4, 1)}, r"at least 2\. Received: layers=\[4, 1\]\."),
        (
            {"decays": ()},
            r"decays is a list of 1 or more, each a number of at least 0 and below 1\. Received: decays=\[\]\.",
        ),
        ({"decays": (0.9, 1.0)}, r"below 1\. Received: decays=\[0\.9, 1\.0\]\."),
        ({"function_axis": 1}, r"function_axis is 0, or null\. Received: function_axis=1\."),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        networks.get("PerParameterMLP", **options)
