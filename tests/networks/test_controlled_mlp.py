"""ControlledMLP against its formulas in NumPy, and what it promises whatever its weights are."""

import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import networks
from l2l_tf.networks import Observation, assign_weights, weights_of
from tests.networks import mlp_reference as reference

DECAYS, SECOND = (0.5, 0.9), 0.8
SHAPES = {"kernel": (3, 4), "bias": (4,)}


def _build(**options):
    options = {"layers": (4, 3), "control_layers": (5,), "decays": DECAYS, "second_moment_decay": SECOND, **options}
    network = networks.get("ControlledMLP", dtype="float64", **options)
    assign_weights(network, reference.random_weights(weights_of(network)))
    return network


def _run(network, gradients, parameters, length=()):
    parameters = {name: tf.constant(x) for name, x in parameters.items()}
    state = network.initial_state(parameters)
    for step in range(len(next(iter(gradients.values())))):
        observation = Observation(
            {name: tf.constant(g[step]) for name, g in gradients.items()},
            parameters,
            step=tf.constant(float(step)),
            length=length,
        )
        updates, state = network(observation, state)
        yield {name: update.numpy() for name, update in updates.items()}


def _draw(steps=4, seed=0):
    generator = np.random.default_rng(seed)
    gradients = {name: generator.normal(size=(steps, *shape)) for name, shape in SHAPES.items()}
    return gradients, {name: generator.normal(size=shape) for name, shape in SHAPES.items()}


def _expected(weights, gradients, parameters, scale, magnitude_scale, trained_steps, length=0):
    control = {
        name.replace("control_output", "output").replace("control_", "hidden_"): weight
        for name, weight in weights.items()
        if name.startswith("control")
    }
    seen = {
        name: list(reference.adafactor_features(gradients[name], parameters[name], DECAYS, SECOND)) for name in SHAPES
    }
    sums = dict.fromkeys(SHAPES, 0.0)
    count = sum(x.size for x in parameters.values())
    everything = np.log(sum(np.sum(x**2) for x in parameters.values()) / count) / 2
    for step in range(len(gradients["bias"])):
        own = {}
        for name in SHAPES:
            if step == 0:
                own[name] = np.zeros(3)
                continue
            features, powers = seen[name][step - 1]
            shares = [np.mean(features[4 + 8 * k + 1][0] ** 2) for k in range(2)]
            starts = [1 - decay**step for decay in DECAYS]
            noise = [-np.log(x * (1 - SECOND**step) / s**2 + 1e-8) / 2 for x, s in zip(shares, starts)]
            own[name] = np.array([*noise, np.log(powers[0] / starts[0] / (powers[1] / starts[1])) / 2])
        clock = reference.time_features(min(step, trained_steps - 1))
        updates = {}
        for name, x in parameters.items():
            sizes = np.array([np.log(np.mean(x**2)) / 2, everything]) / 5 if step else np.zeros(2)
            rest = [np.log(x.size) / 10, sums[name]]
            further, factor = 0.0, 1.0
            if length:
                share = min(step / length, 1)
                further = np.array([np.log(length) / 10, share, share**2]) @ weights["control_told/w"]
                further += weights["control_told/b"]
                factor = 1.5 * min((1 - share) / 0.3, 1)  # As all of these are shorter than 500 steps.
            inputs = np.concatenate([own[name], np.mean(list(own.values()), 0), sizes, rest, clock])
            (size, rate), _ = reference.mlp(control, inputs, further)
            inputs = reference.normalized(seen[name][step][0])
            outputs, _ = reference.mlp(weights, inputs)
            raw = outputs[:, 0] * np.exp(magnitude_scale * outputs[:, 1])
            size = factor * scale * np.exp(8 * np.tanh((size + sums[name]) / 8))
            updates[name] = np.reshape(size * raw / np.sqrt(np.mean(raw**2)), x.shape)
            sums[name] += 0.03 * np.tanh(rate)
        yield updates


def test_four_steps_are_the_formulas():
    network = _build(scale=0.5, magnitude_scale=0.25, trained_steps=3)
    gradients, parameters = _draw()
    expected = _expected(weights_of(network), gradients, parameters, 0.5, 0.25, 3)
    for ours, theirs in zip(_run(network, gradients, parameters), expected, strict=True):
        for name in SHAPES:
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-6)


@pytest.mark.parametrize("length", [0, 4, 50])
def test_told_steps_are_the_formulas(length):
    network = _build(scale=0.5, told=True)
    gradients, parameters = _draw(steps=6)
    expected = _expected(weights_of(network), gradients, parameters, 0.5, 0.5, 100, length)
    ours = list(_run(network, gradients, parameters, tf.constant(float(length))))
    for step, (own, theirs) in enumerate(zip(ours, expected, strict=True)):
        for name in SHAPES:
            np.testing.assert_allclose(own[name], theirs[name], rtol=1e-6, atol=1e-12)
            assert (np.max(np.abs(own[name])) < 1e-12) == (length == 4 and step >= 4)  # Nothing moves after the end.


def test_a_rule_that_can_be_told_and_is_told_nothing_is_one_that_is_told_0():
    network = _build(told=True)
    gradients, parameters = _draw()
    for ours, theirs in zip(
        _run(network, gradients, parameters), _run(network, gradients, parameters, tf.constant(0.0)), strict=True
    ):
        for name in SHAPES:
            np.testing.assert_array_equal(ours[name], theirs[name])


def test_functions_of_a_batch_are_apart():
    together, alone = _build(function_axis=0), _build()
    draws = [_draw(seed=seed) for seed in (1, 2)]
    gradients = {name: np.stack([g[name] for g, _ in draws], 1) for name in SHAPES}
    parameters = {name: np.stack([x[name] for _, x in draws]) for name in SHAPES}
    updates = list(_run(together, gradients, parameters))
    for i, (own_gradients, own_parameters) in enumerate(draws):
        for ours, theirs in zip(updates, _run(alone, own_gradients, own_parameters), strict=True):
            for name in SHAPES:
                np.testing.assert_allclose(ours[name][i], theirs[name], rtol=1e-9)


def test_the_scale_of_the_loss_changes_nothing():
    network = _build()
    gradients, parameters = _draw()
    larger = {name: 1e4 * g for name, g in gradients.items()}
    for ours, theirs in zip(_run(network, larger, parameters), _run(network, gradients, parameters), strict=True):
        for name in SHAPES:
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-5)


def test_updates_are_of_bounded_size_whatever_the_gradients_are():
    network = _build(scale=0.001)
    generator = np.random.default_rng(3)
    gradients = {name: generator.normal(size=(20, *shape)) ** 9 for name, shape in SHAPES.items()}
    _, parameters = _draw()
    for updates in _run(network, gradients, parameters):
        for update in updates.values():
            assert 0 < np.sqrt(np.mean(update**2)) < 0.001 * np.exp(8)


def test_a_fresh_rule_steps_as_adam():
    network = networks.get("ControlledMLP", dtype="float64", second_moment_decay=0.999, scale=0.01)
    adam = networks.get("Adam", learning_rate=0.01, epsilon=0.0)
    gradients, parameters = _draw(steps=30, seed=5)
    gradients = {name: g + 0.5 for name, g in gradients.items()}
    ours = list(_run(network, gradients, parameters))
    theirs = list(_run(adam, gradients, parameters))
    for step in (0, 20, 29):
        for name in SHAPES:
            cosine = np.sum(ours[step][name] * theirs[step][name]) / (
                np.linalg.norm(ours[step][name]) * np.linalg.norm(theirs[step][name])
            )
            assert cosine > 0.99
            ratio = np.linalg.norm(ours[step][name]) / np.linalg.norm(theirs[step][name])
            assert 0.6 < ratio < 1.6  # Sizes are those that the noise of the step before asks for.


def test_a_tensor_without_a_gradient_says_nothing_to_the_others():
    network = _build()
    gradients, parameters = _draw()
    still = {**gradients, "still": np.zeros((4, 5))}
    mute = {**parameters, "still": np.zeros(5)}
    noise = [
        network.control._inputs(
            state["statistics"],
            state["sums"],
            network.counts({k: tf.constant(v) for k, v in x.items()}),
            tf.fill([1, 1, 1], tf.constant(4.0, tf.float64)),
            None,
        )
        for g, x in ((gradients, parameters), (still, mute))
        for state in [_last_state(network, g, x)]
    ]
    # Noise and growth of the two, and their means over tensors.
    np.testing.assert_allclose(noise[1][:, :2, :6], noise[0][..., :6], rtol=1e-6)
    assert np.all(noise[1][:, 2, :3] == 0)


def _last_state(network, gradients, parameters):
    parameters = {name: tf.constant(x) for name, x in parameters.items()}
    state = network.initial_state(parameters)
    for step in range(4):
        observed = {name: tf.constant(g[step]) for name, g in gradients.items()}
        observation = Observation(observed, parameters, step=tf.constant(float(step)))
        _, state = network(observation, state)
    return state


@pytest.mark.parametrize("options", [{"control_layers": []}, {"control_layers": [1]}, {"control_layers": 3}])
def test_bad_options(options):
    with pytest.raises(ValueError, match="control_layers"):
        networks.get("ControlledMLP", **options)


def test_what_is_remembered_of_a_size_stays_within_the_memory():
    options = {"layers": (4, 3), "control_layers": (5,), "decays": DECAYS, "second_moment_decay": SECOND}
    gradients, parameters = _draw(steps=40, seed=2)
    sums = {}
    for memory in (None, 0.2):
        network = networks.get("ControlledMLP", dtype="float64", memory=memory, **options)
        weights = reference.random_weights(weights_of(network))
        weights["control_output/b"] = np.array([0.0, 5.0])  # All tensors grow, step by step.
        weights["control_output/w"] = 0 * weights["control_output/w"]
        assign_weights(network, weights)
        state = network.initial_state({name: tf.constant(x) for name, x in parameters.items()})
        for step in range(40):
            seen = {name: tf.constant(g[step]) for name, g in gradients.items()}
            observation = Observation(seen, parameters, step=tf.constant(float(step)))
            _, state = network(observation, state)
        sums[memory] = state["sums"].numpy()
    np.testing.assert_allclose(sums[None], 40 * 0.03 * np.tanh(5.0), rtol=1e-6)
    np.testing.assert_allclose(sums[0.2], 0.2, rtol=1e-6)
