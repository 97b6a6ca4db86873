"""Numbers that optimizers compute with."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

# Rules take means of squares over tensors: in float32, those of larger numbers are infinite.
_LARGEST = 1e15


def at_least_float32(dtype: Any) -> tf.DType:
    """A type that holds the constants of optimizers: in bfloat16, Adam's beta_2 of 0.999 is 1.

    Raises:
      ValueError: `dtype` is not of floating-point numbers.
    """
    dtype = tf.as_dtype(dtype)
    if not dtype.is_floating:
        raise ValueError(f"Optimizers update floating-point numbers. Received: {dtype.name}.")
    return dtype if dtype.size >= 4 else tf.float32


def of_network(dtype: Any) -> tf.DType:
    """The type of a network's weights and state.

    Raises:
      ValueError: one whose epsilons are 0 or whose decays are 1: half precision.
    """
    if tf.as_dtype(dtype) not in (tf.float32, tf.float64):
        raise ValueError(f"The dtype of a network is float32 or float64. Received: {dtype!r}.")
    return tf.as_dtype(dtype)


def scaled(tensors: Any, factor: tf.Tensor) -> Any:
    """Each of a nest of tensors times `factor`, in its own type."""
    return tf.nest.map_structure(lambda x: tf.cast(factor, x.dtype) * x, tensors)


def all_finite(tensors: Sequence[tf.Tensor]) -> tf.Tensor:
    """Whether no entry is infinite or NaN. Not asked of a norm, whose squares overflow first."""
    return tf.reduce_all([tf.reduce_all(tf.math.is_finite(tensor)) for tensor in tensors])


def usable_or_zero(tensor: tf.Tensor) -> tf.Tensor:
    """`tensor` with 0 for entries that rules cannot compute with, so that means over it are of the others."""
    return tf.where(is_usable(tensor), tensor, tf.zeros_like(tensor))


def is_usable(tensor: tf.Tensor) -> tf.Tensor:
    """Where `tensor` is a number that rules can compute with: neither NaN nor infinite nor beyond 1e15."""
    # Not the comparison alone: graphs are rewritten from "not below" to "at least", which NaN is not either.
    return tf.math.is_finite(tensor) & (tf.abs(tensor) < _LARGEST)
