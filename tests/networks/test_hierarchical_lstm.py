"""HierarchicalLSTM against its formulas in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import networks
from l2l_tf.networks import Observation, assign_weights, weights_of
from tests.networks import mlp_reference as reference

DECAYS = (0.5, 0.9)
OPTIONS = {"layers": (4,), "cells": 3, "messages": 2, "decays": DECAYS, "dtype": "float64"}


def _build(**options):
    network = networks.get("HierarchicalLSTM", **{**OPTIONS, **options})
    assign_weights(network, reference.random_weights(weights_of(network)))
    return network


def _draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _run(network, gradients, parameters, losses=(), validation_losses=()):
    """The updates of every step, for gradients `{name: [steps, ...]}` at parameters that stay."""
    state = network.initial_state({name: tf.constant(p) for name, p in parameters.items()})
    for step in range(len(next(iter(gradients.values())))):
        observation = Observation(
            {name: tf.constant(g[step]) for name, g in gradients.items()},
            parameters={name: tf.constant(p) for name, p in parameters.items()},
            step=tf.constant(float(step)),
        )
        if len(losses):
            observation = observation._replace(loss=tf.constant(losses[step]))
        if len(validation_losses):
            observation = observation._replace(validation_loss=tf.constant(validation_losses[step]))
        updates, state = network(observation, state)
        yield {name: u.numpy() for name, u in updates.items()}


class _Loss:
    """A loss against its own running mean."""

    def __init__(self):
        self.mean = self.variance = self.weight = 0.0

    def see(self, value):
        self.weight = 0.95 * self.weight + 0.05
        self.mean = 0.95 * self.mean + 0.05 * value
        self.variance = 0.95 * self.variance + 0.05 * (value - self.mean / self.weight) ** 2
        return self.place(value)

    def place(self, value):
        mean, variance = self.mean / self.weight, self.variance / self.weight
        return np.clip((value - mean) / np.sqrt(variance + 1e-6 * mean**2 + 1e-16), -5, 5)


def _sizes(gradient, parameter, state):
    of_tensor = [np.mean(gradient**2) + 1e-16, np.mean(parameter**2) + 1e-6]
    first = [np.mean(m**2) + 1e-16 for m in state["m"]]
    second = [np.mean(v) + 1e-16 for v in state["v"]]
    logarithms = [np.log(x) / 20 for x in (*of_tensor, *first, *second)]
    return [*logarithms, *[m / v for m, v in zip(first, second)], np.log(gradient.size) / 10]


def _expected(weights, gradients, parameters, losses, validation_losses, scale, magnitude_scale):
    names = list(gradients)
    moments = {n: {"m": [np.zeros_like(parameters[n])] * 2, "v": [np.zeros_like(parameters[n])] * 2} for n in names}
    h, c, from_mlp = ({n: np.zeros(size) for n in names} for size in (3, 3, 2))
    from_tensors = np.zeros(2)
    training, validation = _Loss(), _Loss()
    for step in range(len(losses)):
        own = [training.see(losses[step]), validation.see(validation_losses[step])]
        loss_features = [*own, training.place(validation.mean / validation.weight)]
        updates, to_tensors = {}, []
        for n in names:
            gradient, parameter = gradients[n][step], parameters[n]
            inputs = reference.normalized(reference.moment_features(gradient, parameter, moments[n], DECAYS))
            time = reference.time_features(step)
            q = [*_sizes(gradient, parameter, moments[n]), *time, *loss_features, *from_tensors, *from_mlp[n]]
            gates = q @ weights["lstm_1/w_i"] + h[n] @ weights["lstm_1/w_h"] + weights["lstm_1/b"]
            i, f, g, o = np.split(gates, 4)
            c[n] = _sigmoid(f) * c[n] + _sigmoid(i) * np.tanh(g)
            h[n] = _sigmoid(o) * np.tanh(c[n])
            to_mlp, to_all, magnitude = (
                h[n] @ weights[f"{layer}/w"] + weights[f"{layer}/b"]
                for layer in ("to_mlp", "to_tensors", "to_magnitude")
            )
            shared = np.tile([*time, *to_mlp], [len(inputs), 1])
            outputs, hidden = reference.mlp(weights, np.concatenate([inputs, shared], axis=1))
            update = scale * outputs[:, 0] * np.exp(magnitude_scale * (outputs[:, 1] + magnitude))
            updates[n] = np.reshape(update, parameter.shape)
            from_mlp[n] = np.mean(hidden, axis=0) @ weights["from_mlp/w"] + weights["from_mlp/b"]
            to_tensors.append(to_all)
        from_tensors = np.mean(to_tensors, axis=0)
        yield updates


def test_four_steps_are_the_formulas():
    network = _build(losses=("training", "validation"), scale=0.5, magnitude_scale=0.25)
    assert network.observes == {"gradients", "parameters", "step", "loss", "validation_loss"}
    parameters = {"matrix": _draw(2, 3, seed=1), "scalar": _draw(seed=2), "vector": _draw(3, seed=3)}
    gradients = {name: _draw(4, *p.shape, seed=4) * 10.0**-i for i, (name, p) in enumerate(parameters.items())}
    losses, validation_losses = np.array([3.0, 2.5, 2.6, 1.0]), np.array([3.1, 2.9, 2.8, 2.7])
    everything = (gradients, parameters, losses, validation_losses)
    expected = _expected(weights_of(network), *everything, 0.5, 0.25)
    for ours, theirs in zip(_run(network, *everything), expected, strict=True):
        for name in parameters:
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-8)


@pytest.mark.parametrize("changed", ["matrix", "loss"])
def test_a_tensor_hears_from_the_others_and_of_the_loss(changed):
    network = _build()
    parameters = {"matrix": _draw(2, 3, seed=1), "vector": _draw(3, seed=3)}
    gradients = {name: _draw(3, *p.shape, seed=4) for name, p in parameters.items()}
    losses = np.array([3.0, 2.5, 2.6])
    before = list(_run(network, gradients, parameters, losses))
    if changed == "matrix":
        gradients["matrix"] = gradients["matrix"] * np.array([2.0, 1.0, 1.0])[:, None, None]
    else:
        losses = np.array([3.0, 2.9, 2.6])
    after = list(_run(network, gradients, parameters, losses))
    np.testing.assert_array_equal(after[0]["vector"], before[0]["vector"])
    assert np.all(after[2]["vector"] != before[2]["vector"])


def test_functions_of_a_batch_are_apart_and_see_no_losses():
    network, alone = _build(function_axis=0), _build(losses=())
    assert "loss" not in network.observes
    assign_weights(alone, weights_of(network))
    parameters = {"a": _draw(3, 4, seed=1), "b": _draw(3, 2, seed=2)}
    gradients = {name: _draw(3, *p.shape, seed=4) for name, p in parameters.items()}
    together = list(_run(network, gradients, parameters))
    for function in range(3):
        own = {name: g[:, function] for name, g in gradients.items()}
        single = _run(alone, own, {name: p[function] for name, p in parameters.items()})
        for ours, theirs in zip(together, single, strict=True):
            for name in parameters:
                np.testing.assert_allclose(ours[name][function], theirs[name], rtol=1e-9)


def test_updates_move_with_the_coordinates_and_the_tensors():
    network, order = _build(losses=()), np.array([2, 0, 1])
    parameters = {"a": _draw(3, seed=1), "b": _draw(3, seed=2)}
    gradients = {name: _draw(3, 3, seed=i) for i, name in enumerate(parameters)}
    straight = _run(network, gradients, parameters)
    moved = _run(
        network,
        {"b": gradients["b"], "a": gradients["a"][:, order]},
        {"b": parameters["b"], "a": parameters["a"][order]},
    )
    for ours, theirs in zip(moved, straight, strict=True):
        np.testing.assert_allclose(ours["a"], theirs["a"][order], rtol=1e-9)
        np.testing.assert_allclose(ours["b"], theirs["b"], rtol=1e-9)


def test_the_state_is_ten_numbers_a_coordinate_and_some_a_tensor():
    parameters = {"w": tf.zeros([40, 50]), "b": tf.zeros([50])}
    state = networks.get("HierarchicalLSTM").initial_state(parameters)
    size = sum(tensor.shape.num_elements() for tensor in tf.nest.flatten(state))
    assert size == 10 * 2050 + 2 * (2 * 32 + 16) + 16 + 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cells": 0}, r"cells is a whole number of at least 1\. Received: cells=0\."),
        ({"messages": 1.5}, r"messages is a whole number of at least 1\. Received: messages=1\.5\."),
        ({"losses": ("test",)}, r"each one of \['training', 'validation'\]\. Received: losses=\['test'\]\."),
        ({"losses": "training"}, r"losses is a list, each one of .* Received: losses='training'\."),
        ({"losses": ("training", "training")}, r"losses holds each of .* once"),
        ({"decays": ()}, r"decays is a list of 1 or more, each a number of at least 0 and below 1\."),
        ({"layers": ()}, r"layers is a list of 1 or more, each a whole number of at least 2\."),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        networks.get("HierarchicalLSTM", **{**OPTIONS, **options})
