"""NTM-BFGS and NTM-L-BFGS: as BFGS, against each other, and what neither may mix up."""

import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import networks
from l2l_tf.networks import Observation, assign_weights, weights_of
from l2l_tf.networks.ntm_bfgs import MAX_COORDINATES
from l2l_tf.unrolling import seeds, unroll
from l2l_tf.unrolling.coordinates import AssignedNetworks
from l2l_tf.unrolling.objectives import trajectory_objective
from problems.quadratic import Quadratic
from tests.networks.test_memory import numpy_bfgs, quadratics

SHARING = ["GlobalAveragingLSTM", "NtmBfgs", "NtmLBfgs"]
OPTIONS = {"layers": (4,), "global_cells": 2, "function_axis": 0, "dtype": "float64", "scale": 0.1}


def _draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def _build(name, random=True, **options):
    network = networks.get(name, **OPTIONS | options)
    if random:
        weights = {key: _draw(*value.shape, seed=1) * 0.3 for key, value in weights_of(network).items()}
        assign_weights(network, weights)
    return network


def _descend(network, hessian, minimum, num_steps):
    """The updates on quadratics, theta_0 = 0, as `[steps, functions, n]`."""
    theta, updates = tf.zeros_like(minimum), []
    state = network.initial_state({"x": theta})
    for _ in range(num_steps):
        gradient = tf.linalg.matvec(hessian, theta - minimum)
        update, state = network(Observation({"x": gradient}), state)
        theta = theta + update["x"]
        updates.append(update["x"].numpy())
    return np.array(updates)


@pytest.mark.parametrize("name", ["NtmBfgs", "NtmLBfgs"])
def test_untrained_it_is_bfgs(name):
    """Heads start as those of BFGS with step size 1; spare heads do not matter."""
    history = {"history": 20} if name == "NtmLBfgs" else {}
    network = _build(name, random=False, initial_scale=0.8, read_heads=2, write_heads=4, **history)
    hessian, minimum = quadratics(3, 6)
    updates = _descend(network, hessian, minimum, 20)
    for function in range(3):
        expected = numpy_bfgs(hessian[function], minimum[function], np.zeros(6), 20, 0.8)
        np.testing.assert_allclose(updates[:, function], expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def test_converged_in_single_precision_it_stays_there():
    """Changes of the gradient that are round-off are not written."""
    network = _build("NtmBfgs", random=False, dtype="float32", initial_scale=1.0)
    hessian, minimum = (tf.constant(x, tf.float32) for x in quadratics(2, 4, condition=10.0))
    updates = _descend(network, hessian, minimum, 120)
    np.testing.assert_allclose(updates.sum(axis=0), minimum, atol=1e-4)
    assert np.abs(updates[40:]).max() < 1e-5


def test_a_memory_that_does_not_descend_is_emptied():
    """Of the function that it belongs to."""
    network = _build("NtmBfgs", random=False, initial_scale=0.5)
    gradient = tf.constant([[1.0, 2.0], [1.0, 2.0]], tf.float64)
    state = network.initial_state({"x": gradient})
    state["memory"] = tf.constant([[[-3.0, 0.0], [0.0, 1.0]], [[-7.0, 0.0], [0.0, 1.0]]], tf.float64)
    updates, next_state = network(Observation({"x": gradient}), state)
    np.testing.assert_allclose(updates["x"], [[2.5, -3.0], [-0.5, -1.0]], rtol=1e-12)
    np.testing.assert_array_equal(next_state["memory"], [state["memory"][0], np.zeros([2, 2])])


@pytest.mark.parametrize("heads", ["bfgs", "secant", "linear"])
@pytest.mark.parametrize("output", ["read", "controller", "both"])
def test_with_a_history_as_long_as_the_run_both_forms_are_the_same(heads, output):
    options = {"heads": heads, "output": output, "read_heads": 2}
    dense, history = _build("NtmBfgs", **options), _build("NtmLBfgs", history=7, **options)
    hessian, minimum = quadratics(2, 5)
    expected = _descend(dense, hessian, minimum, 7)
    assert np.abs(np.diff(expected, axis=0)).min() > 1e-9
    np.testing.assert_allclose(_descend(history, hessian, minimum, 7), expected, rtol=1e-5, atol=1e-9)
    forgetful = _descend(_build("NtmLBfgs", history=2, **options), hessian, minimum, 7)
    np.testing.assert_allclose(forgetful[:2], expected[:2], rtol=1e-5)
    assert np.abs(forgetful - expected).max() > 1e-7


@pytest.mark.parametrize("name", SHARING)
@pytest.mark.parametrize("moved", ["coordinates", "functions"])
def test_updates_move_with_coordinates_and_functions(name, moved):
    network = _build(name)
    hessian, minimum = quadratics(3, 5)
    updates = _descend(network, hessian, minimum, 5)
    if moved == "functions":
        order = np.array([2, 0, 1])
        permuted = _descend(network, hessian[order], minimum[order], 5)
        np.testing.assert_allclose(permuted, updates[:, order], rtol=1e-10)
    else:
        order = np.array([3, 0, 4, 2, 1])
        permuted = _descend(network, hessian[:, order][:, :, order], minimum[:, order], 5)
        np.testing.assert_allclose(permuted, updates[:, :, order], rtol=1e-8)


@pytest.mark.parametrize("name", SHARING)
def test_no_function_hears_from_another(name):
    network = _build(name, dtype="float32")
    hessian, minimum = (x.astype(np.float32) for x in quadratics(3, 5))
    updates = _descend(network, hessian, minimum, 5)
    minimum[1] *= 100
    changed = _descend(network, hessian, minimum, 5)
    assert np.all(changed[:, 1] != updates[:, 1])
    np.testing.assert_array_equal(changed[:, [0, 2]], updates[:, [0, 2]])


@pytest.mark.parametrize("name", SHARING)
def test_every_coordinate_hears_from_the_others_of_its_function(name):
    """Through all of a function's tensors."""
    network = _build(name)
    a, b = _draw(3, 2, 2), _draw(3, 2, 3, seed=1)

    def last_update(a):
        state = network.initial_state({"a": tf.constant(a[0]), "b": tf.constant(b[0])})
        for step in range(3):
            observation = Observation({"a": tf.constant(a[step]), "b": tf.constant(b[step])})
            updates, state = network(observation, state)
        return updates["b"].numpy()

    changed = a.copy()
    changed[0, 0, 0] += 0.5
    difference = last_update(changed) - last_update(a)
    assert np.all(difference[0] != 0)
    np.testing.assert_array_equal(difference[1], 0)


@pytest.mark.parametrize("second_derivatives", [False, True])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("GlobalAveragingLSTM", {"layers": (3, 3)}),
        ("NtmBfgs", {}),
        ("NtmBfgs", {"heads": "linear", "output": "controller"}),
        ("NtmLBfgs", {"heads": "secant", "output": "both", "history": 2}),
    ],
)
def test_replay_is_the_tape(name, options, second_derivatives):
    problem = Quadratic(batch_size=2, num_dims=3, stddev=1.0, dtype="float64")
    network = AssignedNetworks({"only": _build(name, **options)})
    objective = trajectory_objective(4)

    run = unroll.start(problem, network, seeds.root(3))
    # Op by op: a graph takes far longer to make than to run.
    tape = unroll.tape(problem, network, run, 4, objective, second_derivatives)
    trajectory = unroll.roll_out(problem, network, run, 4, second_derivatives)
    replay = unroll.replay(problem, network, run, trajectory, objective, second_derivatives)
    np.testing.assert_allclose(replay.losses, tape.losses, rtol=1e-10)
    for variable, ours, oracle in zip(network.trainable_variables, replay.gradients, tape.gradients, strict=True):
        scale = np.abs(oracle).max()
        assert scale > 0 or "read_heads" in variable.name, variable.name
        np.testing.assert_allclose(ours, oracle, rtol=1e-5, atol=1e-5 * scale, err_msg=variable.name)


def test_the_scale_is_a_weight_or_a_constant():
    learned, constant = _build("NtmBfgs", False), _build("NtmBfgs", False, learned_scale=False)
    assert set(weights_of(learned)) - set(weights_of(constant)) == {"log_scale"}
    gradient = tf.constant([[3.0, 4.0]], tf.float64)
    for network in (learned, constant):
        updates, _ = network(Observation({"x": gradient}), network.initial_state({"x": gradient}))
        np.testing.assert_allclose(updates["x"], -0.1 * gradient, rtol=1e-12)


def test_sizes_of_the_states():
    parameters = {"x": tf.zeros([2, 50])}
    for name, shapes in (("NtmBfgs", [(2, 50, 50)]), ("NtmLBfgs", [(2, 30, 50)] * 2)):
        memory = _build(name).initial_state(parameters)["memory"]
        assert [tuple(tensor.shape) for tensor in tf.nest.flatten(memory)] == shapes


def test_the_matrix_has_a_size_limit():
    with pytest.raises(ValueError, match=r"up to 4,096 of them a function\. Use NtmLBfgs, .* Received: 4,097 coord"):
        _build("NtmBfgs", function_axis=None).initial_state({"x": tf.zeros([MAX_COORDINATES + 1])})


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("NtmBfgs", {"heads": "free"}, r"heads is one of \['bfgs', 'secant', 'linear'\]\. Received: heads='free'\."),
        (
            "NtmBfgs",
            {"output": "head"},
            r"output is one of \['read', 'controller', 'both'\]\. Received: output='head'\.",
        ),
        ("NtmBfgs", {"write_heads": 2}, r'heads="bfgs" takes at least 3 write heads\. Received: write_heads=2\.'),
        ("NtmBfgs", {"read_heads": 0}, r"read_heads is a whole number of at least 1\. Received: read_heads=0\."),
        ("NtmBfgs", {"initial_scale": 0.0}, r"initial_scale is a number above 0\. Received: initial_scale=0\.0\."),
        ("NtmBfgs", {"global_cells": 5}, r"global_cells counts cells .* smallest has 4\. Received: 5\."),
        ("NtmLBfgs", {"history": 0}, r"history is a whole number of at least 1\. Received: history=0\."),
    ],
)
def test_bad_options(name, options, message):
    with pytest.raises(ValueError, match=message):
        _build(name, **options)
