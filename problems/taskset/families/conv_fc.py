"""Convolutional networks with fully connected layers that classify images."""

import math
from typing import Any

import tensorflow as tf

from problems.taskset.data import tables
from problems.taskset.families.optimizee import Optimizee, centered, cross_entropy
from problems.taskset.parts.activations import ACTIVATIONS
from problems.taskset.parts.convolution import convolution_weights, convolve
from problems.taskset.parts.dense import dense, dense_weights
from problems.taskset.samplers.parts import convolved_shape


class ConvFc(Optimizee):
    """Mean softmax cross entropy; parameters `conv_2d_0/w`, ..., `mlp/linear_0/w`, `mlp/linear_0/b`, ..."""

    def __init__(self, config: dict[str, Any]):
        shape = tables.image_shape(config["data"])
        self._convolutions = config["convolutions"]
        self._features = math.prod(convolved_shape(self._convolutions, shape))
        sizes = [self._features, *config["hidden"], tables.num_classes(config["data"])]
        self.weights = convolution_weights(self._convolutions, shape[2], config["initializer"])
        self.weights |= dense_weights("mlp", sizes, config["initializer"])
        self._count = len(sizes) - 1
        self._activation = ACTIVATIONS[self._convolutions["activation"]]
        self._center = config["center"]

    def loss(self, parameters, batch, noise):
        images, labels = batch
        x = convolve(self._convolutions, parameters, centered(images, self._center))
        x = tf.reshape(x, [-1, self._features])
        return cross_entropy(labels, dense("mlp", self._count, parameters, x, self._activation))
