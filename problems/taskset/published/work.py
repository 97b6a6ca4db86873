"""How much work a task's loss is, read from its configuration. Needs no TensorFlow."""

import itertools
import math
from typing import Any

from problems.taskset.data import tables
from problems.taskset.samplers.parts import convolved_shape


def products(config: dict[str, Any]) -> int:
    """About how many numbers are multiplied for one loss; losg, whose functions are all small, counts as none."""
    return _PRODUCTS[config["family"]](config)


def _dense(sizes: list[int]) -> int:
    return sum(a * b for a, b in itertools.pairwise(sizes))


def _pixels(config: dict[str, Any]) -> int:
    return math.prod(tables.image_shape(config["data"]))


def _mlp(config):
    sizes = [_pixels(config), *config["hidden"], tables.num_classes(config["data"])]
    return config["data"]["batch_size"] * _dense(sizes)


def _mlp_ae(config):
    return config["data"]["batch_size"] * _dense([_pixels(config), *config["hidden"], _pixels(config)])


def _mlp_vae(config):
    latent = config["encoder"][-1]
    encoder = [_pixels(config), *config["encoder"], 2 * latent]
    return config["data"]["batch_size"] * (_dense(encoder) + _dense([latent, *config["decoder"], 2 * _pixels(config)]))


def _convolutional(config):
    shape = tables.image_shape(config["data"])
    convolutions, total, channels = config["convolutions"], 0, shape[2]
    for i, fan_out in enumerate(convolutions["channels"], 1):
        below = {**convolutions, "channels": convolutions["channels"][:i], "padding": convolutions["padding"][:i]}
        height, width, _ = convolved_shape(below, shape)
        total += 9 * height * width * channels * fan_out
        channels = fan_out
    features = math.prod(convolved_shape(convolutions, shape)) if "hidden" in config else channels
    sizes = [features, *config.get("hidden", []), tables.num_classes(config["data"])]
    return config["data"]["batch_size"] * (total + _dense(sizes))


def _flow(config):
    return (
        config["data"]["batch_size"]
        * config["bijectors"]
        * _dense([_pixels(config), *config["hidden"], 2 * _pixels(config)])
    )


def _recurrent(config):
    width, data = config["core"]["width"], config["data"]
    gates = {"vanilla": 1, "gru": 3, "lstm": 4}[config["core"]["kind"]]
    a_token = gates * width * (config["embedding"] + width)
    if data["kind"] == "language":
        a_token += width * config["vocabulary"]
    return data["batch_size"] * data["patch"] * a_token


def _quadratic(config):
    # A rotation of its own in every step is as dear as a product of matrices.
    noise = config["noise"] or {"kind": ""}
    return config["dims"] ** (3 if "eigenvalues" in noise["kind"] else 2)


_PRODUCTS = {
    "mlp": _mlp,
    "mlp_ae": _mlp_ae,
    "mlp_vae": _mlp_vae,
    "conv_fc": _convolutional,
    "conv_pooling": _convolutional,
    "nvp": _flow,
    "maf": _flow,
    "char_rnn_language_model": _recurrent,
    "word_rnn_language_model": _recurrent,
    "rnn_text_classification": _recurrent,
    "quadratic": _quadratic,
    "losg": lambda config: 0,
}
