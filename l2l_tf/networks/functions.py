"""Coordinates grouped by the function they belong to, for networks that share information between coordinates."""

import math

import tensorflow as tf

from l2l_tf.networks.network import Tensors


def count(tensors: Tensors, function_axis: int | None) -> tuple[int, int]:
    """How many functions `tensors` hold, and how many coordinates each of them has.

    Raises:
      ValueError: with an axis, tensors that do not agree on the number of functions.
    """
    if function_axis is None:
        return 1, sum(math.prod(tensor.shape) for tensor in tensors.values())
    functions = {tensor.shape[0] for tensor in tensors.values() if tensor.shape.rank}
    if len(functions) > 1 or any(not tensor.shape.rank for tensor in tensors.values()):
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        raise ValueError(f"With function_axis=0, the first axis of all parameters is alike. Received: shapes {shapes}.")
    return max(functions, default=1), sum(math.prod(tensor.shape[1:]) for tensor in tensors.values())


def join(tensors: Tensors, function_axis: int | None, dtype: tf.DType) -> tf.Tensor:
    """`tensors` as `[functions, coordinates]`: the coordinates of a function from all its tensors, in their order.

    Raises:
      ValueError: see `count`.
    """
    functions = 1 if function_axis is None else count(tensors, function_axis)[0]
    flat = [tf.reshape(tf.cast(tensor, dtype), _joined_shape(tensor, function_axis)) for tensor in tensors.values()]
    return tf.concat([tf.zeros([functions, 0], dtype), *flat], axis=1)


def part(joined: tf.Tensor, like: Tensors, function_axis: int | None) -> Tensors:
    """The inverse of `join`, in the shapes and types of `like`."""
    sizes = [tf.size(t) if _unknown(t) else _joined_shape(t, function_axis)[1] for t in like.values()]
    parts = tf.split(joined, sizes, axis=1)
    return {
        name: tf.reshape(tf.cast(values, tensor.dtype), tf.shape(tensor) if _unknown(tensor) else tensor.shape)
        for (name, tensor), values in zip(like.items(), parts)
    }


def _joined_shape(tensor: tf.Tensor, function_axis: int | None) -> list[int]:
    if function_axis is None:
        return [1, -1] if _unknown(tensor) else [1, math.prod(tensor.shape)]
    return [tensor.shape[0], math.prod(tensor.shape[1:])]


def _unknown(tensor: tf.Tensor) -> bool:
    """Whether it is traced for any number of coordinates, as in a SavedModel."""
    return not tensor.shape.is_fully_defined()


def average(values: tf.Tensor, num_functions: int, num_averaged: int) -> tf.Tensor:
    """Global averaging cells: the last `num_averaged` columns of `[functions * coordinates, cells]`, each replaced by
    its mean over the coordinates of the same function."""
    if not num_averaged:
        return values
    own, shared = tf.split(values, [values.shape[-1] - num_averaged, num_averaged], axis=1)
    shared = tf.reshape(shared, [num_functions, -1, num_averaged])
    means = tf.broadcast_to(tf.reduce_mean(shared, axis=1, keepdims=True), tf.shape(shared))
    return tf.concat([own, tf.reshape(means, [-1, num_averaged])], axis=1)
