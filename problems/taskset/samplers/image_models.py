"""Configurations of the families that learn from images."""

import numpy as np

from problems.taskset.data import tables
from problems.taskset.samplers import parts
from problems.taskset.samplers.distributions import choice, coin, integer
from problems.taskset.samplers.parts import Config


def mlp(generator: np.random.Generator, source: str) -> Config:
    """A perceptron that classifies."""
    return {
        "hidden": parts.widths(generator, 1, 6, 16, 128),
        "activation": parts.activation(generator),
        "initializer": parts.initializer(generator),
        "center": coin(generator),
        "data": parts.images(generator, source),
    }


def mlp_ae(generator: np.random.Generator, source: str) -> Config:
    """An autoencoder."""
    return {
        "hidden": parts.widths(generator, 1, 6, 32, 128),
        "activation": parts.activation(generator),
        "initializer": parts.initializer(generator),
        "output": choice(generator, ("tanh", "sigmoid", "linear_center", "linear"), (2, 2, 1, 1)),
        "loss": choice(generator, ("l2", "l1"), (2, 1)),
        "over_pixels": choice(generator, ("mean", "sum")),
        "data": parts.images(generator, source),
    }


def mlp_vae(generator: np.random.Generator, source: str) -> Config:
    """A variational autoencoder."""
    return {
        "encoder": parts.widths(generator, 1, 4, 32, 128),
        "decoder": parts.widths(generator, 1, 3, 32, 128),
        "activation": parts.activation(generator),
        "initializer": parts.initializer(generator),
        "data": parts.images(generator, source),
    }


def conv_fc(generator: np.random.Generator, source: str) -> Config:
    """A convolutional network with fully connected layers on top."""
    return {
        "convolutions": parts.convolutions(generator),
        "hidden": parts.widths(generator, 0, 3, 32, 128),
        "initializer": parts.initializer(generator),
        "center": coin(generator),
        "data": parts.images(generator, source),
    }


def conv_pooling(generator: np.random.Generator, source: str) -> Config:
    """A convolutional network that pools over space."""
    return {
        "convolutions": parts.convolutions(generator),
        "pool": choice(generator, ("mean", "max", "squared_mean")),
        "initializer": parts.initializer(generator),
        "center": coin(generator),
        "data": parts.images(generator, source),
    }


def flow(generator: np.random.Generator, source: str) -> Config:
    """A normalising flow."""
    return {
        "hidden": parts.widths(generator, 1, 2, 16, 128),
        "bijectors": integer(generator, 1, 4),
        "permutation_seed": integer(generator, 0, 100_000),
        "activation": parts.activation(generator),
        "initializer": parts.initializer(generator),
        "data": parts.images(generator, source),
    }


def fault(config: Config) -> str | None:
    """Why these convolutions cannot be built, or None."""
    as_matrices = config["convolutions"].get("as_matrices", False)
    if not isinstance(as_matrices, bool):
        return f"as_matrices is true or false, not {as_matrices!r}"
    shape = tables.image_shape(config["data"])
    height, width, _ = parts.convolved_shape(config["convolutions"], shape)
    if min(height, width) < 1:
        return f"its convolutions leave nothing of {shape[0]} x {shape[1]} pixels"
    return None
