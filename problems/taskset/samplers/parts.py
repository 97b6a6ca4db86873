"""What the families' samplers share: activations, initializers, cores, convolutions, data."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from problems.taskset.data import tables
from problems.taskset.data.tables import SYNTHETIC
from problems.taskset.samplers.distributions import choice, coin, integer, linear_integer, log_integer, log_uniform

Config = dict[str, Any]

ACTIVATIONS = {
    "relu": 6,
    "tanh": 3,
    "cos": 1,
    "elu": 1,
    "sigmoid": 1,
    "swish": 1,
    "leaky_relu_0.4": 1,
    "leaky_relu_0.2": 1,
    "leaky_relu_0.1": 1,
}
# Those after the first four take a scale.
INITIALIZERS = {
    "he_normal": 2,
    "he_uniform": 2,
    "glorot_normal": 2,
    "glorot_uniform": 2,
    "orthogonal": 1,
    "uniform": 1,
    "normal": 1,
    "truncated_normal": 1,
    "variance_scaling": 1,
}
_SCALED = ("orthogonal", "uniform", "normal", "truncated_normal", "variance_scaling")
CORES = {"vanilla": ("w_i", "w_h"), "gru": ("w_z", "u_z", "w_r", "u_r", "w_h", "u_h"), "lstm": ("w_gates",)}
STRIDES = ("two", "one_two", "two_one")
SOURCES = ("prepared", SYNTHETIC)

# The ten of TaskSet and, where there is no such data here, what stands in: docs/taskset.md.
_MNIST_LIKE = {"batch": 512, "examples": 55_000, "just_train": 0.1}
_CIFAR_LIKE = {"batch": 256, "examples": 50_000, "just_train": 0.2}
_WHOLE = {"batch": 256, "examples": None, "just_train": 0.2}
IMAGE_CHOICES: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    ({"dataset": "mnist"}, _MNIST_LIKE),
    ({"dataset": "fashion_mnist"}, _MNIST_LIKE),
    ({"dataset": "cifar10"}, _CIFAR_LIKE),
    ({"dataset": "cifar10", "classes": 5}, _CIFAR_LIKE),
    ({"dataset": "cifar10", "classes": 2}, _WHOLE),
    ({"dataset": "fashion_mnist", "size": 8}, _WHOLE),
    ({"dataset": "cifar10", "grey": True}, _WHOLE),
    ({"dataset": "mnist", "size": 16}, _WHOLE),
    ({"dataset": "cifar10", "size": 16}, _WHOLE),
    ({"dataset": "cifar10", "size": 8}, _WHOLE),
)
CORPORA = (
    {"dataset": "imdb_reviews"},
    {"dataset": "imdb_reviews", "label": 0},
    {"dataset": "imdb_reviews", "label": 1},
)


def weighted(generator: np.random.Generator, weights: Mapping[str, float]) -> str:
    """A key, with shares in proportion to the values."""
    return choice(generator, list(weights), list(weights.values()))


def activation(generator: np.random.Generator) -> str:
    """The name of an activation."""
    return weighted(generator, ACTIVATIONS)


def initializer(generator: np.random.Generator) -> Config:
    """An initializer of weights: `name`, and where it takes one `scale`."""
    name = weighted(generator, INITIALIZERS)
    return {"name": name, "scale": log_uniform(generator, 0.1, 10)} if name in _SCALED else {"name": name}


def widths(generator: np.random.Generator, fewest: int, most: int, low: int, high: int) -> list[int]:
    """The sizes of `fewest` to `most` layers."""
    return [log_integer(generator, low, high) for _ in range(integer(generator, fewest, most))]


def core(generator: np.random.Generator) -> Config:
    """A recurrent core."""
    kind = choice(generator, list(CORES))
    config = {"kind": kind, "width": log_integer(generator, 32, 128)}
    if kind == "vanilla":
        config["activation"] = activation(generator)
    if coin(generator, 0.8):
        one = initializer(generator)
        config["initializers"] = {matrix: dict(one) for matrix in CORES[kind]}
    else:
        config["initializers"] = {matrix: initializer(generator) for matrix in CORES[kind]}
    return config


def convolutions(generator: np.random.Generator) -> Config:
    """A stack of 3x3 convolutions."""
    count = integer(generator, 1, 5)
    return {
        "strides": choice(generator, STRIDES),
        "channels": [log_integer(generator, 8, 64) for _ in range(count)],
        "padding": [choice(generator, ("SAME", "VALID")) for _ in range(count)],
        "bias": coin(generator),
        "activation": activation(generator),
    }


def strides(pattern: str, count: int) -> list[int]:
    """The stride of each of `count` convolutions."""
    period = {"two": [2, 2], "one_two": [1, 2], "two_one": [2, 1]}[pattern]
    return [period[i % 2] for i in range(count)]


def convolved_shape(config: Config, shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """Height, width and channels after the convolutions; a height or width below 1 cannot be built."""
    height, width, _ = shape
    steps = strides(config["strides"], len(config["channels"]))
    for padding, stride in zip(config["padding"], steps, strict=True):
        cut = 2 if padding == "VALID" else 0
        height, width = (-(-(size - cut) // stride) for size in (height, width))
    return height, width, config["channels"][-1]


def images(generator: np.random.Generator, source: str) -> Config:
    """Image data, with augmentation."""
    chosen, ranges = choice(generator, IMAGE_CHOICES)
    data = {"kind": "images", "dataset": chosen["dataset"], "size": None, "grey": False, "classes": None, **chosen}
    if source == SYNTHETIC:
        # Of the same shape.
        height, _, channels = tables.IMAGES[data["dataset"]].shape
        data |= {"dataset": SYNTHETIC, "size": data["size"] or height, "grey": data["grey"] or channels == 1}
    data["batch_size"] = log_integer(generator, 8, ranges["batch"])
    data["num_train"] = linear_integer(generator, 1000, ranges["examples"]) if ranges["examples"] else None
    data["just_train"] = coin(generator, ranges["just_train"])
    data["augmentation"] = None
    if coin(generator, 0.3):
        data["augmentation"] = _augmentation(generator, tables.image_shape(data)[2])
    return data


def _augmentation(generator: np.random.Generator, channels: int) -> Config:
    config: Config = {
        "crop": choice(generator, (0, 0, 0, 1, 2)),
        "flip_left_right": coin(generator),
        "flip_up_down": coin(generator),
        "color": None,
    }
    if channels == 3 and coin(generator):
        config["color"] = {
            "brightness": log_uniform(generator, 0.001, 64 / 255),
            "saturation": log_uniform(generator, 0.01, 1),
            "hue": log_uniform(generator, 0.01, 0.5),
            "contrast": log_uniform(generator, 0.01, 1),
        }
    return config


def language(generator: np.random.Generator, source: str, tokens: str) -> Config:
    """A corpus for a language model over "bytes" or "words"."""
    chosen = choice(generator, CORPORA)
    return {
        "kind": "language",
        "dataset": SYNTHETIC if source == SYNTHETIC else chosen["dataset"],
        "label": chosen.get("label"),
        "tokens": tokens,
        "patch": log_integer(generator, 10, 160 if tokens == "bytes" else 256),
        "batch_size": log_integer(generator, 8, 512),
        "num_train": linear_integer(generator, 1000, 50_000) if coin(generator, 0.2) else None,
        "just_train": coin(generator, 0.2),
    }


def text_classification(generator: np.random.Generator, source: str) -> Config:
    """Texts with labels."""
    return {
        "kind": "text_classification",
        "dataset": SYNTHETIC if source == SYNTHETIC else "imdb_reviews",
        "label": None,
        "tokens": "words",
        "patch": log_integer(generator, 8, 128),
        "batch_size": log_integer(generator, 8, 512),
        "num_train": linear_integer(generator, 1000, 50_000) if coin(generator, 0.2) else None,
        "just_train": coin(generator, 0.2),
    }
