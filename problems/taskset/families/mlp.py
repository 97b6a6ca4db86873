"""Perceptrons that classify images."""

import math
from typing import Any

from problems.taskset.data import tables
from problems.taskset.families.optimizee import Optimizee, centered, cross_entropy, flat
from problems.taskset.parts.activations import ACTIVATIONS
from problems.taskset.parts.dense import dense, dense_weights


class Mlp(Optimizee):
    """Mean softmax cross entropy of a perceptron; parameters `mlp/linear_0/w`, `mlp/linear_0/b`, ..."""

    def __init__(self, config: dict[str, Any]):
        pixels = math.prod(tables.image_shape(config["data"]))
        sizes = [pixels, *config["hidden"], tables.num_classes(config["data"])]
        self.weights = dense_weights("mlp", sizes, config["initializer"])
        self._count = len(sizes) - 1
        self._activation = ACTIVATIONS[config["activation"]]
        self._center = config["center"]

    def loss(self, parameters, batch, noise):
        images, labels = batch
        x = flat(centered(images, self._center))
        return cross_entropy(labels, dense("mlp", self._count, parameters, x, self._activation))
