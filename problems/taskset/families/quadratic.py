"""Quadratic functions of up to 3000 dimensions, with noise."""

from typing import Any

import numpy as np
import tensorflow as tf

from problems.taskset.families.optimizee import Optimizee


class Quadratic(Optimizee):
    """f(x) = s h(|(A + N) x|^2), h the identity or log(max(., 0) + 1e-8); parameter `x`, `[dims]`.

    A is the task's own, `[dims, dims]`: entries normal or uniform, or A = Q D Q^T with Q a random rotation (of the QR
    decomposition of a Gaussian matrix, with signs so that R has a positive diagonal) and eigenvalues from low to high,
    evenly spaced or evenly in their logarithm. N is drawn anew at every step in one of the same ways, its rotation too.
    """

    has_data = False

    def __init__(self, config: dict[str, Any]):
        self._dims = config["dims"]
        self._start, self._noise = config["start"], config["noise"]
        self._scale, self._output = config["scale"], config["output"]
        self.random = self._noise is not None
        generator = np.random.default_rng(config["matrix_seed"])
        with tf.init_scope():
            self._matrix = tf.constant(_matrix(config["matrix"], self._dims, generator), tf.float32)

    def initial_parameters(self, seed):
        start = self._start
        if start["kind"] == "normal":
            return {"x": start["mean"] + start["stddev"] * tf.random.stateless_normal([self._dims], seed)}
        return {"x": tf.random.stateless_uniform([self._dims], seed, start["low"], start["high"])}

    def noise(self, batch, seed):
        noise, shape = self._noise, [self._dims, self._dims]
        if noise is None:
            return ()
        if noise["kind"] == "uniform":
            return tf.random.stateless_uniform(shape, seed, noise["low"], noise["high"])
        gaussian = tf.random.stateless_normal(shape, seed)
        if noise["kind"] == "normal":
            return noise["mean"] + noise["stddev"] * gaussian
        q, r = tf.linalg.qr(gaussian)
        q *= tf.sign(tf.linalg.diag_part(r))
        return tf.matmul(q * tf.constant(eigenvalues(noise, self._dims), tf.float32), q, transpose_b=True)

    def loss(self, parameters, batch, noise):
        matrix = self._matrix if self._noise is None else self._matrix + noise
        square = tf.reduce_sum(tf.square(tf.linalg.matvec(matrix, parameters["x"])))
        return self._scale * (square if self._output == "identity" else tf.math.log(tf.maximum(square, 0) + 1e-8))


def _matrix(config: dict[str, Any], dims: int, generator: np.random.Generator) -> np.ndarray:
    if config["kind"] == "uniform":
        return generator.uniform(config["low"], config["high"], [dims, dims])
    gaussian = generator.standard_normal([dims, dims])
    if config["kind"] == "normal":
        return config["mean"] + config["stddev"] * gaussian
    q, r = np.linalg.qr(gaussian)
    q *= np.sign(np.diag(r))
    return (q * eigenvalues(config, dims)) @ q.T


def eigenvalues(config: dict[str, Any], dims: int) -> np.ndarray:
    """`[dims]`, from low to high."""
    spaced = np.linspace if config["kind"] == "linear_eigenvalues" else np.geomspace
    return spaced(config["low"], config["high"], dims)
