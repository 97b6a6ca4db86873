"""Normalising flows of images: what the families nvp and maf share."""

import abc
import math
from typing import Any

import numpy as np
import tensorflow as tf

from problems.problem import Parameters
from problems.taskset.data import tables
from problems.taskset.families.optimizee import Optimizee, flat
from problems.taskset.parts.activations import ACTIVATIONS
from problems.taskset.parts.gaussian import log_density
from problems.taskset.parts.weights import Weight

_NOISE = 0.01
_LOG_SCALES = (-5.0, 3.0)  # Those of TensorFlow Probability's template for autoregressive flows.


class Flow(Optimizee):
    """Minus the mean log density of images with N(0, 0.01^2) on their pixels, in nats an image.

    A density by the change of variables: log p(x) = log N(z; 0, 1) + log |det dz/dx|, where z comes of x through
    bijectors with a fixed random permutation of the dimensions between each two.
    """

    random = True

    def __init__(self, config: dict[str, Any]):
        dims = math.prod(tables.image_shape(config["data"]))
        generator = np.random.default_rng(config["permutation_seed"])
        self._permutations = [generator.permutation(dims) for _ in range(config["bijectors"] - 1)]
        activation = ACTIVATIONS[config["activation"]]
        self._bijectors = [
            self._bijector(f"bijector_{i}", dims, config["hidden"], activation) for i in range(config["bijectors"])
        ]
        self.weights = {}
        for bijector in self._bijectors:
            self.weights |= bijector.weights(config["initializer"])
        self._dims = dims

    @staticmethod
    @abc.abstractmethod
    def _bijector(name, dims, hidden, activation) -> "Bijector":
        """One of the flow's bijectors."""

    def noise(self, batch, seed):
        return _NOISE * tf.random.stateless_normal([tf.shape(batch[0])[0], self._dims], seed)

    def loss(self, parameters, batch, noise):
        return -tf.reduce_mean(self.log_density(parameters, flat(batch[0]) + noise))

    def log_density(self, parameters: Parameters, x: tf.Tensor) -> tf.Tensor:
        """`[B]`: log p(x) for x `[B, dims]`."""
        z, log_determinant = self._bijectors[0](parameters, x)
        for bijector, permutation in zip(self._bijectors[1:], self._permutations, strict=True):
            z, further = bijector(parameters, tf.gather(z, permutation, axis=1))
            log_determinant += further
        return log_density(z, 0.0, 0.0) + log_determinant


def shift_and_log_scale(outputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """t and s from a network's outputs `[B, 2 dims]`; s is cut to -5 to 3, or wide initializers start at infinity."""
    shift, log_scale = tf.split(outputs, 2, 1)
    return shift, tf.clip_by_value(log_scale, *_LOG_SCALES)


class Bijector(abc.ABC):
    """A map of `[B, dims]` that can be turned round, with the logarithm of its Jacobian's determinant."""

    @abc.abstractmethod
    def weights(self, initializer: Any) -> dict[str, Weight]:
        """The weights, all by that initializer."""

    @abc.abstractmethod
    def __call__(self, parameters: Parameters, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """z `[B, dims]` of x, and log |det dz/dx| `[B]`."""
