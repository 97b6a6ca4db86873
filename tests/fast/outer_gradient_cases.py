"""What the fast path is compared on: a problem with shapes for every network, and the tape of the readable path."""

import functools

import numpy as np
import tensorflow as tf

from l2l_tf import fast, networks
from l2l_tf.unrolling import seeds, unroll
from l2l_tf.unrolling.objectives import trajectory_objective
from problems.problem import Problem

LSTM = {"layers": (3, 2), "preprocess_name": "LogAndSign", "preprocess_options": {"k": 5.0}, "scale": 0.1}
XLA = {"in_native_code": False}


class Network(Problem):
    """A convolution, a layer and a bias on minibatches of noise, and a table of which they use three rows: shapes for
    every network, more coordinates than a chunk of native code has, and a loss with a seed."""

    name = "network"
    options: dict = {}  # noqa: RUF012

    def initial_parameters(self, instance, seed):
        shapes = {"kernel": [2, 2, 1, 3], "w": [12, 2], "b": [2], "table": [50, 2]}
        return {
            name: tf.random.stateless_normal(shape, seeds.fold(seed, i), stddev=0.5)
            for i, (name, shape) in enumerate(shapes.items())
        }

    def loss(self, parameters, instance, seed):
        images = tf.random.stateless_normal([4, 3, 3, 1], seed)
        features = tf.tanh(tf.nn.conv2d(images, parameters["kernel"], 1, "VALID"))
        outputs = tf.tanh(tf.reshape(features, [4, 12]) @ parameters["w"] + parameters["b"])
        rows = 0.1 * tf.reduce_sum(tf.square(tf.gather(parameters["table"], [0, 7, 49]) - outputs[:3]))
        return tf.reduce_mean(tf.square(outputs - 0.5)) + 0.1 * tf.reduce_sum(tf.square(parameters["b"])) + rows

    def validation_loss(self, parameters, instance, seed):
        return 2 * self.loss(parameters, instance, seeds.fold(seed, 7))


def lstm(name="CoordinateWiseDeepLSTM", seed=0, **options):
    return networks.get(name, **{**LSTM, "seed": seed, **options})


@functools.cache
def readable(network, len_unroll, second_derivatives, *objective):
    """Two runs and their outer gradients on the tape, one after the other, made once for all modes of the fast path.

    It goes op by op, as for so few steps a graph takes far longer to make."""
    run, found = unroll.start(Network(), network, seeds.root(1)), []
    for _ in range(2):
        args = (Network(), network, run, len_unroll, trajectory_objective(len_unroll, *objective), second_derivatives)
        found.append((run, unroll.tape(*args)))
        run = found[-1][1].run
    return found


def assert_agrees(
    network, len_unroll=3, second_derivatives=False, transform="identity", weights="all", loss="training", **options
):
    """The fast path and the tape: meta-loss, losses, gradients, and the run they leave, twice in a row."""
    problem = Network()
    objective = trajectory_objective(len_unroll, weights, transform, loss)

    @tf.function(autograph=False)
    def in_blocks(run):
        return fast.outer_gradient(problem, network, run, len_unroll, objective, second_derivatives, **options)

    for run, expected in readable(network, len_unroll, second_derivatives, weights, transform, loss):
        actual = in_blocks(run)
        tf.nest.assert_same_structure(actual, expected)
        largest = max(float(tf.reduce_max(tf.abs(g))) for g in expected.gradients)
        assert largest > 0
        for got, wanted, variable in zip(actual.gradients, expected.gradients, network.trainable_variables):
            np.testing.assert_allclose(got, wanted, atol=1e-5 * largest, err_msg=variable.name)
        for got, wanted in zip(*(tf.nest.flatten(outer._replace(gradients=())) for outer in (actual, expected))):
            np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
    assert in_blocks.experimental_get_tracing_count() == 1
