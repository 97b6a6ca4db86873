"""Autoencoders."""

import math
from typing import Any

import tensorflow as tf

from problems.taskset.data import tables
from problems.taskset.families.optimizee import Optimizee, centered, flat
from problems.taskset.parts.activations import ACTIVATIONS
from problems.taskset.parts.dense import dense, dense_weights

_OUTPUTS = {"tanh": tf.tanh, "sigmoid": tf.sigmoid, "linear_center": tf.identity, "linear": tf.identity}
_CENTERED = ("tanh", "linear_center")
_LOSSES = {"l1": tf.abs, "l2": tf.square}
_OVER_PIXELS = {"mean": tf.reduce_mean, "sum": tf.reduce_sum}


class MlpAe(Optimizee):
    """Squared or absolute error of a perceptron that gives its input back: over pixels the mean or sum, then the mean.

    Parameters `mlp/linear_0/w`, `mlp/linear_0/b`, ... Outputs tanh and linear_center are of pixels from -1 to 1,
    sigmoid and linear of pixels from 0 to 1.
    """

    def __init__(self, config: dict[str, Any]):
        pixels = math.prod(tables.image_shape(config["data"]))
        sizes = [pixels, *config["hidden"], pixels]
        self.weights = dense_weights("mlp", sizes, config["initializer"])
        self._count = len(sizes) - 1
        self._activation = ACTIVATIONS[config["activation"]]
        self._config = config

    def loss(self, parameters, batch, noise):
        x = flat(centered(batch[0], self._config["output"] in _CENTERED))
        output = _OUTPUTS[self._config["output"]](dense("mlp", self._count, parameters, x, self._activation))
        errors = _LOSSES[self._config["loss"]](output - x)
        return tf.reduce_mean(_OVER_PIXELS[self._config["over_pixels"]](errors, 1))
