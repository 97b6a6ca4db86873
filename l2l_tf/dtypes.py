"""Types that optimizers compute in."""

from typing import Any

import tensorflow as tf


def at_least_float32(dtype: Any) -> tf.DType:
    """A type that holds the constants of optimizers: in bfloat16, Adam's beta_2 of 0.999 is 1."""
    dtype = tf.as_dtype(dtype)
    return dtype if dtype.size >= 4 else tf.float32
