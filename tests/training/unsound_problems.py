"""Problems that are not finite at theta_0, in some draws or in all; named by `package.module:attribute` in tests."""

import tensorflow as tf

import problems


def _sample(seed):
    rare = tf.random.stateless_uniform([], seed) < 0.1
    return tf.random.stateless_normal([4], seed + 1), tf.where(rare, float("nan"), 1.0)


def _loss(parameters, instance):
    target, one = instance
    return one * tf.reduce_sum((parameters["x"] - target) ** 2)


def _group_lasso(parameters):
    return tf.reduce_sum((parameters["x"] - 1.0) ** 2) + 0.1 * tf.norm(parameters["group"])


def _huge(parameters):
    return 1e19 * tf.reduce_sum((parameters["x"] - 1.0) ** 2)


def _below_zero(parameters):
    return tf.reduce_sum((parameters["x"] - 1.0) ** 2) - 100.0


rare = problems.from_function(_loss, {"x": tf.zeros([4])}, _sample)
group_lasso = problems.from_function(_group_lasso, {"x": tf.zeros([3]), "group": tf.zeros([2])})
infinite_start = problems.from_function(_below_zero, {"x": tf.fill([2], float("inf"))})
huge = problems.from_function(_huge, {"x": tf.zeros([3])})
below_zero = problems.from_function(_below_zero, {"x": tf.zeros([3])})
