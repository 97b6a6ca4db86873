import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import networks
from l2l_tf.networks import Observation, assign_weights, weights_of


def _draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def _build(**options):
    options = {"layers": (4, 3), "global_cells": 2, "dtype": "float64", **options}
    network = networks.get("GlobalAveragingLSTM", **options)
    assign_weights(network, {name: _draw(*value.shape, seed=1) * 0.5 for name, value in weights_of(network).items()})
    return network


def _run(network, gradient_sequence):
    """The updates of each step."""
    state = network.initial_state(gradient_sequence[0])
    updates = []
    for gradients in gradient_sequence:
        update, state = network(Observation(gradients), state)
        updates.append(update)
    return updates


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _numpy_rule(weights, num_layers, global_cells, gradient, state):
    """One function `[n]`: the equations, with a loop where the cells average."""
    rows, next_state = gradient[:, None], []
    for layer, (hidden, cell) in zip(range(1, num_layers + 1), state, strict=True):
        gates = rows @ weights[f"lstm_{layer}/w_i"] + hidden @ weights[f"lstm_{layer}/w_h"] + weights[f"lstm_{layer}/b"]
        i, f, g, o = np.split(gates, 4, axis=1)
        cell = _sigmoid(f) * cell + _sigmoid(i) * np.tanh(g)
        rows = _sigmoid(o) * np.tanh(cell)
        for shared in range(rows.shape[1] - global_cells, rows.shape[1]):
            rows[:, shared] = np.mean(rows[:, shared])
        next_state.append((rows, cell))
    return (rows @ weights["linear/w"] + weights["linear/b"])[:, 0], next_state


def test_update_is_the_equations_over_three_steps():
    network = _build(function_axis=0, scale=0.1)
    weights = weights_of(network)
    gradients = _draw(3, 2, 5)
    updates = _run(network, [{"a": tf.constant(g[:, :1, None]), "b": tf.constant(g[:, 1:])} for g in gradients])
    states = [[(np.zeros([5, cells]), np.zeros([5, cells])) for cells in (4, 3)] for _ in range(2)]
    for step in range(3):
        for function in range(2):
            expected, states[function] = _numpy_rule(weights, 2, 2, gradients[step, function], states[function])
            np.testing.assert_allclose(updates[step]["a"][function, 0, 0], 0.1 * expected[0], rtol=1e-12)
            np.testing.assert_allclose(updates[step]["b"][function], 0.1 * expected[1:], rtol=1e-12)


def test_without_averaging_cells_it_is_the_coordinatewise_lstm():
    network = _build(global_cells=0, function_axis=0, preprocess_name="LogAndSign", preprocess_options={"k": 5})
    plain = networks.get(
        "CoordinateWiseDeepLSTM",
        layers=(4, 3),
        dtype="float64",
        preprocess_name="LogAndSign",
        preprocess_options={"k": 5},
    )
    assign_weights(plain, weights_of(network))
    sequence = [{"x": tf.constant(g)} for g in _draw(3, 2, 5)]
    for ours, theirs in zip(_run(network, sequence), _run(plain, sequence), strict=True):
        np.testing.assert_allclose(ours["x"], theirs["x"], rtol=1e-12)


def test_without_an_axis_all_coordinates_share():
    together = _build()
    apart = _build(function_axis=0)
    gradients = _draw(2, 3)
    (whole,) = _run(together, [{"x": tf.constant(gradients)}])
    (as_one_function,) = _run(apart, [{"x": tf.constant(gradients.reshape(1, 6))}])
    (separate,) = _run(apart, [{"x": tf.constant(gradients)}])
    np.testing.assert_allclose(np.ravel(whole["x"]), as_one_function["x"][0], rtol=1e-12)
    assert np.all(np.abs(separate["x"] - whole["x"]) > 1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": (4, 2), "global_cells": 3}, r"global_cells counts .* the smallest has 2\. Received: 3\."),
        ({"global_cells": -1}, r"global_cells is a whole number of at least 0\. Received: global_cells=-1\."),
        ({"layers": ()}, r"layers is a list of 1 or more, each a whole .* Received: layers=\[\]\."),
        ({"layers": (0,)}, r"each a whole number of at least 1\. Received: layers=\[0\]\."),
        ({"function_axis": 1}, r"function_axis is 0, or null\. Received: function_axis=1\."),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        networks.get("GlobalAveragingLSTM", **options)
