"""Classifiers of images: convolutional networks of several kinds, an MLP-mixer, and one that is fine-tuned."""

import functools

import keras
import tensorflow as tf
from keras import layers

from benchmarks.keras_zoo.data import images
from benchmarks.keras_zoo.task import Task, cross_entropy, supervised

_CIFAR, _FASHION = (32, 32, 3), (28, 28, 1)


def _convnet():
    return [
        keras.Sequential(
            [
                keras.Input(_CIFAR),
                layers.Conv2D(12, 3, strides=2, activation="relu"),
                layers.Conv2D(24, 3, strides=2, activation="relu"),
                layers.Conv2D(32, 3, activation="relu"),
                layers.Flatten(),
                layers.Dense(10),
            ]
        )
    ]


def _batch_norm():
    blocks = []
    for channels in (8, 16, 32):
        blocks += [
            layers.Conv2D(channels, 3, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
        ]
    return [keras.Sequential([keras.Input(_FASHION), *blocks, layers.GlobalAveragePooling2D(), layers.Dense(10)])]


def _residual():
    def normalised(x, channels, strides=1):
        x = layers.Conv2D(channels, 3, strides, "same", use_bias=False)(x)
        return layers.BatchNormalization()(x)

    inputs = keras.Input(_CIFAR)
    x = layers.ReLU()(normalised(layers.AveragePooling2D(2)(inputs), 8, 2))
    for channels, strides in ((8, 1), (16, 2)):
        around = x if strides == 1 else normalised(x, channels, strides)
        inner = normalised(layers.ReLU()(normalised(x, channels, strides)), channels)
        x = layers.ReLU()(layers.Add()([inner, around]))
    return [keras.Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))]


def _separable():
    blocks = []
    for channels in (24, 48):
        blocks += [
            layers.SeparableConv2D(channels, 3, strides=2, padding="same"),
            layers.LayerNormalization(),
            layers.Activation("gelu"),
        ]
    stem = layers.Conv2D(16, 3, strides=2, padding="same")
    return [keras.Sequential([keras.Input(_CIFAR), stem, *blocks, layers.GlobalAveragePooling2D(), layers.Dense(10)])]


def _mixer():
    """MLP-Mixer (Tolstikhin et al. 2021): patches of 8 x 8, width 48, two blocks."""
    inputs = keras.Input(_CIFAR)
    x = layers.Reshape((16, 48))(layers.Conv2D(48, 8, strides=8)(inputs))
    for _ in range(2):
        y = layers.Permute((2, 1))(layers.LayerNormalization()(x))
        y = layers.Dense(16)(layers.Dense(24, activation="gelu")(y))
        x = layers.Add()([x, layers.Permute((2, 1))(y)])
        y = layers.LayerNormalization()(x)
        x = layers.Add()([x, layers.Dense(48)(layers.Dense(64, activation="gelu")(y))])
    return [keras.Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x))))]


def _stem():
    return keras.Sequential(
        [
            keras.Input(_CIFAR),
            layers.Conv2D(16, 3, strides=2, activation="relu"),
            layers.Conv2D(24, 3, strides=2, activation="relu"),
            layers.Conv2D(32, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
        ]
    )


@functools.cache
def _stem_weights():
    """Of a stem that Adam has trained on the first five labels for 600 steps, the same for all.

    The first call sets Keras's seed: the racer builds every model once before a seed counts.
    """
    keras.utils.set_random_seed(0)
    model = keras.Sequential([_stem(), layers.Dense(5)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.003), loss)
    images_, labels = images.some_labels("cifar10", range(5))(None).train
    rows = tf.random.stateless_uniform([600 * 32], [0, 0], 0, len(labels), tf.int32)
    model.fit(tf.gather(images_, rows), tf.gather(labels, rows), batch_size=32, shuffle=False, verbose=0)
    return model.layers[0].get_weights()


def _fine_tuning():
    stem = _stem()
    stem.set_weights(_stem_weights())
    stem.trainable = False
    return [keras.Sequential([keras.Input(_CIFAR), stem, layers.Dense(64, activation="relu"), layers.Dense(5)])]


TASKS = {
    "convnet": Task(
        "convnet, ReLU, no normalisation, CIFAR-10",
        "choose",
        _convnet,
        images.labelled("cifar10"),
        supervised(cross_entropy),
    ),
    "convnet_batch_norm": Task(
        "convnet, batch norm, Fashion-MNIST",
        "report",
        _batch_norm,
        images.labelled("fashion_mnist"),
        supervised(cross_entropy),
    ),
    "residual": Task(
        "residual, batch norm, CIFAR-10", "choose", _residual, images.labelled("cifar10"), supervised(cross_entropy)
    ),
    "separable": Task(
        "separable convnet, layer norm, CIFAR-10",
        "report",
        _separable,
        images.labelled("cifar10"),
        supervised(cross_entropy),
    ),
    "fine_tuning": Task(
        "fine-tuning a frozen stem, CIFAR-10",
        "choose",
        _fine_tuning,
        images.some_labels("cifar10", range(5, 10)),
        supervised(cross_entropy),
    ),
    "mixer": Task("MLP-mixer, CIFAR-10", "choose", _mixer, images.labelled("cifar10"), supervised(cross_entropy)),
}
