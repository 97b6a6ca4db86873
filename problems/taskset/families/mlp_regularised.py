"""Perceptrons with dropout, with layer or batch normalisation, or with a bounded loss."""

import math
from typing import Any

import tensorflow as tf

from problems.problem import split_seed
from problems.taskset.data import tables
from problems.taskset.families.optimizee import Optimizee, centered, cross_entropy, flat
from problems.taskset.parts.activations import ACTIVATIONS
from problems.taskset.parts.weights import ONES, Weight, linear

_EPSILON = 1e-5
# What the mean and the variance of a normalisation are over, of `[B, features]`.
_AXES = {"layer": 1, "batch": 0}


class MlpRegularised(Optimizee):
    """A perceptron, each of whose hidden layers is linear, normalised, activated, and of which dropout leaves a part.

    The loss is the mean softmax cross entropy, or "bounded_mse", the mean over examples and classes of (one-hot -
    sigmoid(logit))^2, from 0 to 1. Dropout is of minibatches that are trained on alone; a batch is normalised by its
    own mean and variance in every role, as a Problem keeps no averages (Srivastava et al. 2014; Ba et al. 2016; Ioffe
    and Szegedy 2015). Parameters `mlp/linear_0/w`, `mlp/linear_0/b`, ..., and with normalisation `mlp/norm_0/scale`,
    `mlp/norm_0/offset`, ...
    """

    def __init__(self, config: dict[str, Any]):
        pixels = math.prod(tables.image_shape(config["data"]))
        self._hidden = config["hidden"]
        self._classes = tables.num_classes(config["data"])
        self._normalisation, self._dropout = config["normalisation"], config["dropout"]
        self._loss = _LOSSES[config["loss"]]
        self.weights = {}
        fan_in = pixels
        for i, width in enumerate([*self._hidden, self._classes]):
            self.weights |= linear(f"mlp/linear_{i}", fan_in, width, config["initializer"])
            if self._normalisation and i < len(self._hidden):
                self.weights |= {
                    f"mlp/norm_{i}/scale": Weight((width,), ONES),
                    f"mlp/norm_{i}/offset": Weight((width,)),
                }
            fan_in = width
        self._activation = ACTIVATIONS[config["activation"]]
        self._center = config["center"]
        self.random = self._dropout is not None

    def noise(self, batch, seed):
        if self._dropout is None:
            return ()
        count = tf.shape(batch[0])[0]
        seeds = split_seed(seed, len(self._hidden))
        return [
            tf.cast(tf.random.stateless_uniform([count, width], s) >= self._dropout, tf.float32) / (1 - self._dropout)
            for width, s in zip(self._hidden, seeds, strict=True)
        ]

    def evaluation_noise(self, batch, seed):
        return ()

    def loss(self, parameters, batch, noise):
        images, labels = batch
        x = flat(centered(images, self._center))
        for i in range(len(self._hidden)):
            x = x @ parameters[f"mlp/linear_{i}/w"] + parameters[f"mlp/linear_{i}/b"]
            if self._normalisation:
                scale, offset = parameters[f"mlp/norm_{i}/scale"], parameters[f"mlp/norm_{i}/offset"]
                x = scale * normalised(x, _AXES[self._normalisation]) + offset
            x = self._activation(x)
            if noise:
                x *= noise[i]
        last = f"mlp/linear_{len(self._hidden)}"
        return self._loss(labels, x @ parameters[f"{last}/w"] + parameters[f"{last}/b"])


def normalised(x: tf.Tensor, axis: int) -> tf.Tensor:
    """Less its mean, over the root of its variance, along that axis."""
    centre = x - tf.reduce_mean(x, axis, keepdims=True)
    return centre * tf.math.rsqrt(tf.reduce_mean(tf.square(centre), axis, keepdims=True) + _EPSILON)


def bounded_mse(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """The mean of (one-hot - sigmoid(logit))^2."""
    return tf.reduce_mean(tf.square(tf.one_hot(labels, logits.shape[-1]) - tf.sigmoid(logits)))


_LOSSES = {"cross_entropy": cross_entropy, "bounded_mse": bounded_mse}
