"""Convolutional networks that classify images by what they pool over space."""

from typing import Any

import tensorflow as tf

from problems.taskset.data import tables
from problems.taskset.families.optimizee import Optimizee, centered, cross_entropy
from problems.taskset.parts.convolution import convolution_weights, convolve
from problems.taskset.parts.weights import linear

POOLS = {
    "mean": lambda x: tf.reduce_mean(x, [1, 2]),
    "max": lambda x: tf.reduce_max(x, [1, 2]),
    "squared_mean": lambda x: tf.reduce_mean(tf.square(x), [1, 2]),
}


class ConvPooling(Optimizee):
    """Mean softmax cross entropy; parameters `conv_2d_0/w`, ..., `linear/w`, `linear/b`.

    Convolutions, the mean, the largest or the mean square of each channel over all positions, a linear layer.
    """

    def __init__(self, config: dict[str, Any]):
        channels = tables.image_shape(config["data"])[2]
        self._convolutions = config["convolutions"]
        self.weights = convolution_weights(self._convolutions, channels, config["initializer"])
        classes = tables.num_classes(config["data"])
        self.weights |= linear("linear", self._convolutions["channels"][-1], classes, config["initializer"])
        self._pool = POOLS[config["pool"]]
        self._center = config["center"]

    def loss(self, parameters, batch, noise):
        images, labels = batch
        x = self._pool(convolve(self._convolutions, parameters, centered(images, self._center)))
        return cross_entropy(labels, x @ parameters["linear/w"] + parameters["linear/b"])
