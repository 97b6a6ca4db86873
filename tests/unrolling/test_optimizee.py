"""Losses and parameters as problems give them: what is checked, and what rules need not care about."""

import numpy as np
import pytest
import tensorflow as tf

import problems
from l2l_tf import fast, networks
from l2l_tf.unrolling import optimizee, seeds, unroll
from l2l_tf.unrolling.coordinates import AssignedNetworks
from l2l_tf.unrolling.objectives import trajectory_objective

TABLE = np.linspace(-1, 1, 300).astype(np.float32).reshape(100, 3)
OBJECTIVE = trajectory_objective(3)


def _network(name="CoordinateWiseDeepLSTM", **options):
    return AssignedNetworks({"network": networks.get(name, **options)})


def _compiled(take, problem, network, second_derivatives, **options):
    return tf.function(
        lambda run: take(problem, network, run, 3, OBJECTIVE, second_derivatives, **options), autograph=False
    )


@pytest.mark.parametrize(
    ("loss", "received"),
    [
        (lambda p: p["x"] - 3, r"float32 of shape \(10,\)"),
        (lambda p: tf.reduce_sum(tf.cast(p["x"], tf.int32)), r"int32 of shape \(\)"),
    ],
)
def test_a_loss_is_a_floating_scalar(loss, received):
    problem = problems.from_function(loss, {"x": tf.zeros([10])})
    run = unroll.start(problem, _network("Adam"), seeds.root(0))
    with pytest.raises(ValueError, match=rf"A problem's loss is a floating-point scalar\. Received: {received}"):
        optimizee.value_and_gradient(problem.loss, run)


def test_a_constant_loss_has_no_gradient():
    problem = problems.from_function(lambda p: 1.0, {"x": 2.0})
    value, gradients = optimizee.value_and_gradient(
        problem.loss, unroll.start(problem, _network("Adam"), seeds.root(0))
    )
    assert (float(value), float(gradients["x"])) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("parameters", "received"),
    [
        ({"x": 1}, r"\{'x': 'int32 of shape \(\)'\}"),
        ({}, r"\{\}"),
        ({"x": {"y": 1.0}}, r"\{'x': 'dict'\}"),
        ({3: 1.0}, r"\{3: 'float32 of shape \(\)'\}"),
        (lambda seed: [1.0], "list"),
    ],
)
def test_parameters_are_floating_tensors_by_name(parameters, received):
    problem = problems.from_function(lambda p: 0.0, parameters)
    with pytest.raises(ValueError, match=rf"parameters are floating-point tensors by name\. Received: {received}"):
        unroll.start(problem, _network("Adam"), seeds.root(0))


@pytest.mark.parametrize("second_derivatives", [False, True])
@pytest.mark.parametrize("name", ["CoordinateWiseDeepLSTM", "AdafactorMLP", "Adam"])
def test_rows_that_are_gathered_are_learned_from(name, second_derivatives):
    """As embeddings have it; and the same as with all rows in the loss."""
    rows = tf.constant([1, 7, 7, 50])
    gathered = problems.from_function(lambda p: tf.reduce_sum(tf.sin(tf.gather(p["table"], rows))), {"table": TABLE})
    one_hot = tf.one_hot(rows, 100)
    dense = problems.from_function(lambda p: tf.reduce_sum(tf.sin(one_hot @ p["table"])), {"table": TABLE})
    outers = []
    for problem in (gathered, dense):
        network = _network(name)
        run = unroll.start(problem, network, seeds.root(0))
        take = fast.outer_gradient if fast.applies(network, run.parameters) else unroll.tape
        outers.append(_compiled(take, problem, network, second_derivatives)(run))
    np.testing.assert_allclose(outers[0].losses, outers[1].losses, rtol=1e-5)
    for left, right in zip(outers[0].gradients, outers[1].gradients, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("second_derivatives", [False, True])
def test_the_loss_may_be_of_another_type_than_the_parameters(second_derivatives):
    def loss(p):
        return tf.reduce_mean(tf.cast(p["x"], tf.float64) ** 2) + tf.cast(tf.reduce_mean(p["y"] ** 2), tf.float64)

    start = {"x": TABLE, "y": TABLE[0].astype(np.float64)}
    problem, network = problems.from_function(loss, start), _network()
    run = unroll.start(problem, network, seeds.root(0))
    expected = unroll.tape(problem, network, run, 3, OBJECTIVE, second_derivatives)
    trajectory = unroll.roll_out(problem, network, run, 3, record_parameters=second_derivatives)
    for outer in (
        unroll.replay(problem, network, run, trajectory, OBJECTIVE, second_derivatives),
        _compiled(fast.outer_gradient, problem, network, second_derivatives)(run),
        _compiled(fast.outer_gradient, problem, network, second_derivatives, memory="recompute")(run),
    ):
        np.testing.assert_allclose(outer.losses, expected.losses, rtol=1e-6)
        for left, right in zip(outer.gradients, expected.gradients, strict=True):
            np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-6)
