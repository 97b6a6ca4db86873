"""Preprocessing of gradients before they enter a network (Andrychowicz et al. 2016, appendix A).

Each preprocessor maps `[n, size]` to `[n, size * features]` or, along axis 0, `[size, n]` to `[size * features, n]`.
"""

import functools
import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from l2l_tf.networks import catalogue
from problems import option_values


class Preprocess(Protocol):
    """A function of rows that gives `features` numbers for each entry, side by side along an axis, -1 or 0."""

    features: int

    def __call__(self, x: tf.Tensor, axis: int = -1) -> tf.Tensor: ...


class Identity:
    """x * gain. With its default gain, the paper's choice for the quadratic.

    Args:
      gain: a constant factor. Without preprocessing a network sees gradients at their own scale, and a loss that
        is a mean over many functions makes them small.
    """

    features = 1

    def __init__(self, gain: float = 1.0):
        self._gain = gain

    def __call__(self, x: tf.Tensor, axis: int = -1) -> tf.Tensor:
        return x * self._gain if self._gain != 1.0 else x


class Clamp:
    """x limited to [min_value, max_value]; None leaves a side open."""

    features = 1

    def __init__(self, min_value: float | None = None, max_value: float | None = None):
        if min_value is not None and max_value is not None and min_value > max_value:
            raise ValueError(
                f"Clamp needs min_value <= max_value. Received: min_value={min_value}, max_value={max_value}."
            )
        self._min_value = min_value
        self._max_value = max_value

    def __call__(self, x: tf.Tensor, axis: int = -1) -> tf.Tensor:
        if self._min_value is not None:
            x = tf.maximum(x, tf.cast(self._min_value, x.dtype))
        if self._max_value is not None:
            x = tf.minimum(x, tf.cast(self._max_value, x.dtype))
        return x


class LogAndSign:
    """(log|x| / k, sgn x) where |x| >= e^-k, else (-1, e^k x): magnitude and sign at comparable scales.

    The two features of an entry stand side by side. `k` is the paper's p: 10 there, 5 in the original code.
    """

    features = 2

    def __init__(self, k: float):
        self._k = k
        self._at_least_minus_one = Clamp(min_value=-1.0)
        self._within_one = Clamp(min_value=-1.0, max_value=1.0)

    def __call__(self, x: tf.Tensor, axis: int = -1) -> tf.Tensor:
        tiny = np.finfo(x.dtype.as_numpy_dtype).eps  # log 0 is finite
        magnitude = self._at_least_minus_one(tf.math.log(tf.abs(x) + tiny) / self._k)
        sign = self._within_one(x * math.exp(self._k))
        if axis == 0:
            return tf.reshape(tf.stack([magnitude, sign], axis=1), [2 * x.shape[0], -1])
        return tf.reshape(tf.stack([magnitude, sign], axis=-1), [-1, 2 * x.shape[-1]])


class Function:
    """A function of TensorFlow that acts entry by entry, as the original code takes them by name: "tanh", say."""

    features = 1

    def __init__(self, name: str):
        self._function = getattr(tf, name)

    def __call__(self, x: tf.Tensor, axis: int = -1) -> tf.Tensor:
        return self._function(x)


PREPROCESSORS: dict[str, Callable[..., Any]] = {
    "identity": Identity,
    "Clamp": Clamp,
    "LogAndSign": LogAndSign,
    **{name: functools.partial(Function, name) for name in catalogue.FUNCTIONS},
}


def get(name: str, **options: Any) -> Preprocess:
    """Builds a preprocessor by name.

    Raises:
      ValueError: an unknown name or option.
    """
    catalogue.check_preprocessor(name, options)
    return PREPROCESSORS[name](**option_values.plain(options))
