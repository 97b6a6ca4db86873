"""Stacks of 3x3 convolutions.

    convolve(config, parameters, x)

A config with `"as_matrices": True` computes them as products with matrices of all pixels by all outputs, to rounding
the same. For a few pixels that costs little, and goes for all kernels of a population at once, where TensorFlow's own
convolution runs member by member.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
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
    convolution = by_matrix if config.get("as_matrices") else tf.nn.conv2d
    for i, (padding, stride) in enumerate(zip(config["padding"], steps, strict=True)):
        x = convolution(x, parameters[f"conv_2d_{i}/w"], stride, padding)
        if config["bias"]:
            x += parameters[f"conv_2d_{i}/b"]
        x = ACTIVATIONS[config["activation"]](x)
    return x


def by_matrix(x: tf.Tensor, kernel: tf.Tensor, stride: int, padding: str) -> tf.Tensor:
    """`tf.nn.conv2d` as the product with the matrix that takes all pixels to all outputs.

    Args:
      x: `[B, height, width, channels]`, all but B known.
      kernel: `[rows, columns, channels, outputs]`.
      stride: of both axes.
      padding: "SAME" or "VALID".
    """
    rows, columns, channels, outputs = kernel.shape
    down, across = _seen(x.shape[1], rows, stride, padding), _seen(x.shape[2], columns, stride, padding)
    (_, height, above), (_, width, left) = down.shape, across.shape
    taps = np.einsum("ahy,bwx->yxhwab", down, across).reshape([-1, rows * columns])
    matrix = tf.constant(taps, kernel.dtype) @ tf.reshape(kernel, [rows * columns, -1])
    matrix = tf.transpose(tf.reshape(matrix, [above * left, height * width, channels, outputs]), [0, 2, 1, 3])
    flat = tf.reshape(x, [-1, above * left * channels]) @ tf.reshape(matrix, [above * left * channels, -1])
    return tf.reshape(flat, [-1, height, width, outputs])


def _seen(size: int, taps: int, stride: int, padding: str) -> np.ndarray:
    """1 where tap a of output h sees input y, `[a, h, y]`."""
    outputs = -(-(size - (taps - 1) * (padding == "VALID")) // stride)
    before = max((outputs - 1) * stride + taps - size, 0) // 2 if padding == "SAME" else 0
    a, h, y = np.ogrid[:taps, :outputs, :size]
    return (h * stride + a - before == y).astype(np.float32)
