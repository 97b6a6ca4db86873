"""Functions that are compiled once for each object that has them."""

import functools
from collections.abc import Callable

import tensorflow as tf


def compiled(function: Callable) -> tf.types.experimental.PolymorphicFunction:
    """`tf.function` of a function that is defined anew in each object, e.g. for each task.

    TensorFlow counts tracings by the source line, and warns of retracing where many objects trace once each. A partial
    function has no line.
    """
    return tf.function(functools.partial(function), autograph=False)
