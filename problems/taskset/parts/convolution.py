"""Stacks of 3x3 convolutions."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from problems.problem import Parameters
from problems.taskset.parts.activations import ACTIVATIONS
from problems.taskset.parts.weights import Weight
from problems.taskset.samplers.parts import strides


def convolution_weights(config: Mapping[str, Any], channels: int, initializer: Mapping[str, Any]) -> dict[str, Weight]:
    """The weights of a configuration's `convolutions` on images of so many channels, `conv_2d_0/w` ..."""
    weights: dict[str, Weight] = {}
    for i, fan_out in enumerate(config["channels"]):
        weights[f"conv_2d_{i}/w"] = Weight((3, 3, channels, fan_out), initializer)
        if config["bias"]:
            weights[f"conv_2d_{i}/b"] = Weight((fan_out,))
        channels = fan_out
    return weights


def convolve(config: Mapping[str, Any], parameters: Parameters, x: tf.Tensor) -> tf.Tensor:
    """`[B, height, width, channels]` through the convolutions, the activation after each, the last too."""
    steps = strides(config["strides"], len(config["channels"]))
    for i, (padding, stride) in enumerate(zip(config["padding"], steps, strict=True)):
        x = tf.nn.conv2d(x, parameters[f"conv_2d_{i}/w"], stride, padding)
        if config["bias"]:
            x += parameters[f"conv_2d_{i}/b"]
        x = ACTIVATIONS[config["activation"]](x)
    return x
