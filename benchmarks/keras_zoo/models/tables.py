"""Models of rows of numbers: dense networks, regression in raw units, matrix factorisation."""

import keras
from keras import layers

from benchmarks.keras_zoo.data import generated, images
from benchmarks.keras_zoo.task import Task, cross_entropy, squared_error, supervised


def _dense():
    return [
        keras.Sequential(
            [
                keras.Input((40,)),
                layers.Dense(64, activation="relu"),
                layers.Dense(64, activation="relu"),
                layers.Dense(6),
            ]
        )
    ]


def _deep_narrow():
    hidden = [layers.Dense(16, activation="relu") for _ in range(10)]
    return [keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), *hidden, layers.Dense(10)])]


def _raw_targets():
    hidden = [layers.Dense(32, activation="relu") for _ in range(2)]
    return [keras.Sequential([keras.Input((6,)), *hidden, layers.Dense(1)])]


def _factorisation():
    user, item = keras.Input((), dtype="int32"), keras.Input((), dtype="int32")
    both = layers.Dot(1)([layers.Embedding(400, 8)(user), layers.Embedding(250, 8)(item)])
    offsets = [layers.Embedding(400, 1)(user), layers.Embedding(250, 1)(item)]
    return [keras.Model([user, item], layers.Add()([both, *offsets]))]


TASKS = {
    "dense": Task(
        "dense, ReLU, on a table", "choose", _dense, generated.classified_table, supervised(cross_entropy), 64
    ),
    "deep_narrow": Task(
        "10 ReLU layers of 16, Fashion-MNIST",
        "report",
        _deep_narrow,
        images.labelled("fashion_mnist"),
        supervised(cross_entropy),
        64,
    ),
    "raw_targets": Task(
        "dense, targets in raw units", "choose", _raw_targets, generated.raw_table, supervised(squared_error), 64
    ),
    "factorisation": Task(
        "matrix factorisation", "choose", _factorisation, generated.ratings, supervised(squared_error), 128
    ),
}
