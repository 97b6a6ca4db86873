"""What LearnedOptimizer takes variables and gradients for, and what it refuses."""

import collections
from collections.abc import Iterable, Sequence
from typing import Any

import tensorflow as tf

from l2l_tf.networks.dtypes import at_least_float32


def names(variables: Sequence[Any]) -> list[str]:
    """The variables' paths, a number added where variables share one."""
    names: list[str] = []
    for variable in variables:
        path = getattr(variable, "path", None) or variable.name.removesuffix(":0")
        name, number = path, 0
        while name in names:
            number += 1
            name = f"{path}_{number}"
        names.append(name)
    return names


def dtype(variable: Any) -> tf.DType:
    """The type that a variable is updated in. Integers have no gradients, and wait like others that are given none."""
    dtype = tf.as_dtype(variable.dtype)
    return tf.float32 if dtype.is_integer or dtype.is_bool else at_least_float32(dtype)


def check_once(variables: Sequence[Any]) -> None:
    counts = collections.Counter(map(id, variables))
    if len(counts) < len(variables):
        twice = [name for name, variable in zip(names(variables), variables) if counts[id(variable)] > 1]
        raise ValueError(f"An update takes every variable once. Received more than once: {twice}.")


def check_shapes(gradients: Sequence[tf.Tensor | None], variables: Iterable[Any]) -> None:
    for gradient, variable in zip(gradients, variables):
        if gradient is not None and not gradient.shape.is_compatible_with(variable.shape):
            raise ValueError(
                f"The gradient of {names([variable])[0]!r} has its shape, {tuple(variable.shape)}. "
                f"Received: {tuple(gradient.shape)}."
            )


def is_overwritten(variable: Any) -> bool:
    """Whether Keras assigns the gradient itself to `variable` (the scales of float8) and never updates it."""
    return getattr(variable, "overwrite_with_gradient", False)
