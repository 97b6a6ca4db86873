"""AdafactorMLP against its formulas in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import networks
from l2l_tf.networks import Observation, assign_weights, weights_of
from tests.networks import mlp_reference as reference

DECAYS = (0.5, 0.9)
SECOND = 0.8


def _build(**options):
    options = {"layers": (4, 3), "decays": DECAYS, "second_moment_decay": SECOND, "dtype": "float64", **options}
    network = networks.get("AdafactorMLP", **options)
    assign_weights(network, reference.random_weights(weights_of(network)))
    return network


def _draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def _run(network, gradients, parameter):
    state = network.initial_state({"x": tf.constant(parameter)})
    for step, gradient in enumerate(gradients):
        observation = Observation(
            {"x": tf.constant(gradient)}, parameters={"x": tf.constant(parameter)}, step=tf.constant(float(step))
        )
        updates, state = network(observation, state)
        yield updates["x"].numpy()


def _expected(weights, gradients, parameter, scale, magnitude_scale):
    for step, (features, _) in enumerate(reference.adafactor_features(gradients, parameter, DECAYS, SECOND)):
        inputs = reference.normalized(features)
        time = np.tile(reference.time_features(step), [len(inputs), 1])
        outputs, _ = reference.mlp(weights, np.concatenate([inputs, time], axis=1))
        yield np.reshape(scale * outputs[:, 0] * np.exp(magnitude_scale * outputs[:, 1]), parameter.shape)


@pytest.mark.parametrize("shape", [(), (4,), (3, 2), (2, 2, 3)])
def test_three_steps_are_the_formulas(shape):
    network = _build(scale=0.5, magnitude_scale=0.25)
    parameter, gradients = _draw(*shape, seed=1), _draw(3, *shape, seed=2)
    expected = _expected(weights_of(network), gradients, parameter, 0.5, 0.25)
    for ours, theirs in zip(_run(network, gradients, parameter), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)


@pytest.mark.parametrize("shape", [(3,), (3, 2)])
def test_functions_of_a_batch_are_apart(shape):
    network, alone = _build(function_axis=0), _build()
    parameters, gradients = _draw(2, *shape, seed=1), _draw(2, 2, *shape, seed=2)
    together = list(_run(network, gradients, parameters))
    for function in range(2):
        for ours, theirs in zip(together, _run(alone, gradients[:, function], parameters[function]), strict=True):
            np.testing.assert_allclose(ours[function], theirs, rtol=1e-9)


def test_updates_move_with_rows_and_columns():
    network = _build()
    parameter, gradients = _draw(3, 4, seed=1), _draw(2, 3, 4, seed=2)
    where = np.ix_([2, 0, 1], [3, 0, 2, 1])
    permuted = _run(network, np.stack([g[where] for g in gradients]), parameter[where])
    for ours, theirs in zip(permuted, _run(network, gradients, parameter), strict=True):
        np.testing.assert_allclose(ours, theirs[where], rtol=1e-9)


def test_the_state_of_a_matrix_is_four_numbers_a_coordinate_and_its_sides():
    def size(shape):
        state = networks.get("AdafactorMLP").initial_state({"x": tf.zeros(shape)})
        return sum(tensor.shape.num_elements() for tensor in tf.nest.flatten(state))

    assert size([5, 7]) == 4 * 35 + 3 * (5 + 7)
    assert size([35]) == 7 * 35


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": (1,)}, r"each a whole number of at least 2\. Received: layers=\[1\]\."),
        ({"decays": (-0.1,)}, r"decays is a list .* Received: decays=\[-0\.1\]\."),
        (
            {"second_moment_decay": 1.0},
            r"is a number .* below 1\. Received: second_moment_decay=1\.0\.",
        ),
        ({"function_axis": "rows"}, r"function_axis is 0, or null\. Received: function_axis='rows'\."),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        networks.get("AdafactorMLP", **options)
