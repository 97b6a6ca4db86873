"""Fully connected layers, as `snt.nets.MLP` has them."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from problems.problem import Parameters
from problems.taskset.parts.weights import Weight, linear


def dense_weights(name: str, sizes: Sequence[int], initializer: Mapping[str, Any]) -> dict[str, Weight]:
    """The weights of layers between these sizes: `name/linear_0/w`, `name/linear_0/b`, ..."""
    weights: dict[str, Weight] = {}
    for i, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes)):
        weights |= linear(f"{name}/linear_{i}", fan_in, fan_out, initializer)
    return weights


def dense(
    name: str, count: int, parameters: Parameters, x: tf.Tensor, activation: Callable[[tf.Tensor], tf.Tensor]
) -> tf.Tensor:
    """`count` layers on `[B, in]`, the activation after each but the last."""
    for i in range(count):
        x = x @ parameters[f"{name}/linear_{i}/w"] + parameters[f"{name}/linear_{i}/b"]
        if i < count - 1:
            x = activation(x)
    return x
