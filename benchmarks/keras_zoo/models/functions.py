"""Functions of a few numbers: the solution of a differential equation, a picture, and Rosenbrock's own."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from benchmarks.keras_zoo.data import generated
from benchmarks.keras_zoo.task import Data, Task, squared_error, supervised


def _tanh_network():
    hidden = [layers.Dense(24, activation="tanh") for _ in range(2)]
    return [keras.Sequential([keras.Input((2,)), *hidden, layers.Dense(1)])]


def _poisson(models, batch, noise, training):
    """Residual of u_xx + u_yy = f on the unit square, u = 0 on its edges; the solution is sin(pi x) sin(2 pi y).

    Physics-informed (Raissi et al. 2019): u is x (1 - x) y (1 - y) times the network, so that the edges hold.
    """
    (places,) = batch
    axes = [places[:, i : i + 1] for i in range(2)]

    def solution(x, y):
        return x * (1 - x) * y * (1 - y) * models[0](tf.concat([x, y], 1), training=training)

    curvature = 0.0
    for i, axis in enumerate(axes):
        with tf.GradientTape() as outer:
            outer.watch(axis)
            with tf.GradientTape() as inner:
                inner.watch(axis)
                value = solution(*(axis if j == i else other for j, other in enumerate(axes)))
            slope = inner.gradient(value, axis)
        curvature += outer.gradient(slope, axis)
    x, y = axes
    wanted = -5 * np.pi**2 * tf.sin(np.pi * x) * tf.sin(2 * np.pi * y)
    return [tf.reduce_mean(tf.square(curvature - wanted))]


class Frequencies(layers.Layer):
    """sin and cos of random directions (Tancik et al. 2020), `[batch, 2]` to `[batch, 2 count]`. Not trained."""

    def __init__(self, count, spread):
        super().__init__()
        self._directions = np.random.default_rng(0).normal(0, spread, [2, count]).astype("float32")

    def call(self, inputs):
        angles = tf.matmul(inputs, self._directions)
        return tf.concat([tf.sin(angles), tf.cos(angles)], 1)


def _picture():
    return [
        keras.Sequential(
            [
                keras.Input((2,)),
                Frequencies(32, 4.0),
                layers.Dense(48, activation="relu"),
                layers.Dense(48, activation="relu"),
                layers.Dense(3, activation="sigmoid"),
            ]
        )
    ]


class Point(layers.Layer):
    """A vector of its own, whatever the input."""

    def __init__(self, size):
        super().__init__()
        self._size = size

    def build(self, input_shape):
        self.point = self.add_weight(shape=(self._size,), initializer=keras.initializers.RandomNormal(0, 0.5))

    def call(self, inputs):
        return self.point


def _point():
    return [keras.Sequential([keras.Input((1,)), Point(20)])]


def _rosenbrock(models, batch, noise, training):
    """Mean of 100 (x_(i+1) - x_i^2)^2 + (1 - x_i)^2 (Rosenbrock 1960)."""
    x = models[0](batch[0], training=training)
    return [tf.reduce_mean(100 * tf.square(x[1:] - tf.square(x[:-1])) + tf.square(1 - x[:-1]))]


TASKS = {
    "poisson": Task("physics-informed, second derivatives", "report", _tanh_network, generated.points, _poisson, 64),
    "picture": Task(
        "a picture as a function of places", "report", _picture, generated.picture, supervised(squared_error), 128
    ),
    "rosenbrock": Task(
        "Rosenbrock, 20 numbers",
        "choose",
        _point,
        lambda data_dir: Data((np.zeros([1, 1], np.float32),), None),
        _rosenbrock,
        None,
    ),
}
