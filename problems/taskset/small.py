"""Small tasks of many kinds, to meta-train on: each under a few thousand parameters. Needs no TensorFlow.

Perceptrons on images of 8x8 pixels, as Celo2 (2026) has them, beside deep and narrow ones, some that have few images
and learn them by heart, autoencoders, recurrent networks and embeddings, so that a rule sees more than one way in which
gradients come. All of them are configs of the families of TaskSet, and take part in populations.
"""

from typing import Any

from problems.taskset import fixed
from problems.taskset.samplers.parts import Config

_HE, _GLOROT = {"name": "he_normal"}, {"name": "glorot_uniform"}


def _images(dataset: str, batch_size: int = 64, num_train: int | None = None) -> Config:
    return fixed.images(dataset, size=8, grey=True, batch_size=batch_size, num_train=num_train)


def perceptron(
    dataset: str,
    hidden: tuple[int, ...] = (32,),
    activation: str = "relu",
    batch_size: int = 64,
    num_train: int | None = None,
) -> Config:
    """A classifier of grey images of 8x8 pixels; of few images, it learns them by heart."""
    return {
        "family": "mlp",
        "hidden": list(hidden),
        "activation": activation,
        "initializer": _HE if activation == "relu" else _GLOROT,
        "center": True,
        "data": _images(dataset, batch_size, num_train),
    }


def _convolutions(channels: list[int], strides: str) -> Config:
    same = ["SAME"] * len(channels)
    return {
        "strides": strides,
        "channels": channels,
        "padding": same,
        "bias": True,
        "activation": "relu",
        "as_matrices": True,
    }


def _regularised(dataset: str, hidden: tuple[int, ...], normalisation: str) -> Config:
    return {
        **perceptron(dataset, hidden),
        "family": "mlp_regularised",
        "loss": "cross_entropy",
        "normalisation": normalisation,
        "dropout": None,
    }


def _function(kind: str, **parameters: Any) -> Config:
    return {"family": "losg", "kind": kind, "seed": 0, "parameters": {**parameters, "gradient_noise": None}}


TASKS: dict[str, Config] = {
    "mnist": perceptron("mnist"),
    "fashion_mnist": perceptron("fashion_mnist"),
    "cifar10": perceptron("cifar10"),
    "deep_narrow": perceptron("fashion_mnist", (16,) * 5),
    "tanh": perceptron("cifar10", (24, 24), "tanh", 32),
    "few_clothes": perceptron("fashion_mnist", num_train=500),
    "few_photographs": perceptron("cifar10", (32, 16), "tanh", 32, num_train=300),
    "autoencoder": {
        "family": "mlp_ae",
        "hidden": [24, 12, 24],
        "activation": "relu",
        "initializer": _GLOROT,
        "output": "sigmoid",
        "loss": "l2",
        "over_pixels": "mean",
        "data": _images("fashion_mnist"),
    },
    "variational_autoencoder": {
        "family": "mlp_vae",
        "encoder": [24],
        "decoder": [24],
        "activation": "tanh",
        "initializer": _GLOROT,
        "data": _images("mnist"),
    },
    "characters": {
        "family": "char_rnn_language_model",
        "vocabulary": 64,
        "embedding": 16,
        "core": fixed.core("gru", 16),
        "trainable_initial_state": False,
        "data": fixed.texts("language", "bytes", 12, 32),
    },
    "reviews": {
        "family": "rnn_text_classification",
        "vocabulary": 500,
        "embedding": 8,
        "core": fixed.core("vanilla", 12),
        "trainable_initial_state": False,
        "readout": "max",
        "data": fixed.texts("text_classification", "words", 16, 32),
    },
}
# Of further kinds, for a second stage: noisier and quieter gradients, normalisation, rare words, long ways down.
FURTHER: dict[str, Config] = {
    "small_batches": perceptron("fashion_mnist", batch_size=8),
    "layer_norm": _regularised("fashion_mnist", (32, 32), normalisation="layer"),
    "batch_norm": _regularised("cifar10", (32, 32), normalisation="batch"),
    "few_pictures": {
        "family": "mlp_ae",
        "hidden": [32],
        "activation": "tanh",
        "initializer": _GLOROT,
        "output": "linear",
        "loss": "l2",
        "over_pixels": "mean",
        "data": _images("cifar10", 32, num_train=100),
    },
    "long_reviews": {
        "family": "rnn_text_classification",
        "vocabulary": 2_000,
        "embedding": 4,
        "core": fixed.core("vanilla", 4),
        "trainable_initial_state": False,
        "readout": "mean",
        "data": fixed.texts("text_classification", "words", 24, 32),
    },
    "last_words": {
        "family": "rnn_text_classification",
        "vocabulary": 500,
        "embedding": 8,
        "core": fixed.core("lstm", 12),
        "trainable_initial_state": False,
        "readout": "last",
        "data": fixed.texts("text_classification", "words", 16, 32),
    },
    "least_squares": _function("quadratic", dims=30),
}
# Convolutions without normalisation, which long first steps kill.
CONVOLUTIONAL: dict[str, Config] = {
    "convolutions": {
        "family": "conv_pooling",
        "convolutions": _convolutions([8, 12], "two_one"),
        "pool": "mean",
        "initializer": _HE,
        "center": True,
        "data": _images("cifar10", 32),
    },
    "deep_convolutions": {
        "family": "conv_fc",
        "convolutions": _convolutions([6, 8, 8, 8], "two_one"),
        "hidden": [],
        "initializer": _HE,
        "center": True,
        "data": _images("fashion_mnist", 32),
    },
}
IMAGES = ("mnist", "fashion_mnist", "cifar10")  # those of Celo2 whose data are at hand


def mixture(names: tuple[str, ...] = tuple(TASKS)) -> dict[str, Any]:
    """The options of the distribution `mixture` that has these tasks, each with the same share."""
    tasks = {**TASKS, **FURTHER, **CONVOLUTIONAL}
    members = [{"problem": "taskset", "problem_options": {"config": tasks[name]}, "family": name} for name in names]
    return {"problems": members}
