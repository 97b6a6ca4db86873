"""Functions of losg with a formula, of a vector x; some of minibatches d of normal numbers.

Sums over minibatches are sums, not means, as there.
"""

import math

import numpy as np
import tensorflow as tf

from problems.taskset.families.losg_function import Minibatches, OfVector

_SMALL = 1e-6
_TINY = 1e-12


class LeastSquares(OfVector):
    """|W x - y|^2 / 2, W `[dims, dims]` and y `[dims]` normal."""

    def __init__(self, parameters, generator):
        self.dims = parameters["dims"]
        self._w, self._y = _system(self.dims, generator)

    def of(self, x, drawn):
        return 0.5 * tf.reduce_sum(tf.square(tf.linalg.matvec(self._w, x) - self._y))


class Bowl(OfVector):
    """|diag(sqrt c, 1) R(angle) x|^2 / 2 in two dimensions: condition c, turned."""

    dims = 2

    def __init__(self, parameters, generator):
        cos, sin = math.cos(parameters["angle"]), math.sin(parameters["angle"])
        stretch = np.diag([math.sqrt(parameters["condition"]), 1.0])
        with tf.init_scope():
            self._matrix = tf.constant(stretch @ np.array([[cos, -sin], [sin, cos]]), tf.float32)

    def of(self, x, drawn):
        return 0.5 * tf.reduce_sum(tf.square(tf.linalg.matvec(self._matrix, x)))


class Norm(OfVector):
    """(sum (|W x - y| + 1e-6)^p)^(1/p), W and y as in `LeastSquares`."""

    def __init__(self, parameters, generator):
        self.dims, self._power = parameters["dims"], parameters["power"]
        self._w, self._y = _system(self.dims, generator)

    def of(self, x, drawn):
        residual = tf.abs(tf.linalg.matvec(self._w, x) - self._y) + _SMALL
        return tf.reduce_sum(residual**self._power) ** (1 / self._power)


class DependencyChain(OfVector):
    """sum_i [x_0^2 + x_i^2 / (x_{i-1}^2 + 1e-6)], i = 1 ... n, in n + 1 dimensions."""

    def __init__(self, parameters, generator):
        self.dims = parameters["dims"] + 1

    def of(self, x, drawn):
        return tf.reduce_sum(tf.square(x[0]) + tf.square(x[1:]) / (tf.square(x[:-1]) + _SMALL))


class MinMaxWell(OfVector):
    """max x^2 + 1 / min x^2 - 2 + 1e-12."""

    def __init__(self, parameters, generator):
        self.dims = parameters["dims"]

    def of(self, x, drawn):
        squares = tf.square(x)
        return tf.reduce_max(squares) + 1 / tf.reduce_min(squares) - 2 + _TINY


class _OfData(OfVector):
    random = True

    def __init__(self, parameters, generator):
        self.dims = parameters["dims"]
        self._minibatches = Minibatches(self._data(parameters["samples"], generator), parameters["batch_size"])

    def _data(self, samples, generator):
        return generator.standard_normal([samples, self.dims]).astype(np.float32)

    def draw(self, seed):
        return self._minibatches.draw(seed)


class OutwardSnake(_OfData):
    """sum_b d_b0 / (|x| + 1e-6) + sum_bi ((x_{i+1} - pi cos x_i) d_b,i+1)^2."""

    def of(self, x, drawn):
        outward = tf.reduce_sum(drawn[:, 0]) / (tf.norm(x) + _SMALL)
        return outward + tf.reduce_sum(tf.square((x[1:] - math.pi * tf.cos(x[:-1])) * drawn[:, 1:]))


class SumOfQuadratics(_OfData):
    """sum_b (|x - d_b|^2 - |d_b|^2) + 1e-12; with each row of the data there is its negative."""

    def _data(self, samples, generator):
        half = generator.standard_normal([(samples + 1) // 2, self.dims]).astype(np.float32)
        return np.concatenate([half, -half])[:samples]

    def of(self, x, drawn):
        return tf.reduce_sum(tf.square(x - drawn)) - tf.reduce_sum(tf.square(drawn)) + _TINY


class ProjectionQuadratic(SumOfQuadratics):
    """sum_bi (x_i d_bi)^2, the data as in `SumOfQuadratics`."""

    def of(self, x, drawn):
        return tf.reduce_sum(tf.square(x * drawn))


def _system(dims, generator):
    with tf.init_scope():
        w = tf.constant(generator.standard_normal([dims, dims]), tf.float32)
        return w, tf.constant(generator.standard_normal([dims]), tf.float32)
