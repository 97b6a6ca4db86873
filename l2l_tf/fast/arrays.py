"""Nests of tensors, and of `TensorArray`s over time: the records of a rollout."""

import math
from typing import Any

import tensorflow as tf


def arrays_like(values: Any, size: int) -> Any:
    """An empty `TensorArray` of `size` entries for each tensor of `values`."""
    return tf.nest.map_structure(lambda x: tf.TensorArray(x.dtype, size, element_shape=x.shape), values)


def write(arrays: Any, t: tf.Tensor | int, values: Any) -> Any:
    """`arrays` with `values` at entry t."""
    return tf.nest.map_structure(lambda array, x: array.write(t, x), arrays, values, check_types=False)


def read(arrays: Any, t: tf.Tensor | int) -> Any:
    """The values at entry t."""
    return tf.nest.map_structure(lambda array: array.read(t), arrays)


def stack(arrays: Any) -> Any:
    """All entries of each array, `[size, ...]`."""
    return tf.nest.map_structure(lambda array: array.stack(), arrays)


def bytes_of(tensors: Any) -> int:
    """What a nest of tensors, or of their types and shapes, takes."""
    return sum(math.prod(tensor.shape) * tensor.dtype.size for tensor in tf.nest.flatten(tensors))
