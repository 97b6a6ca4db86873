"""The two sanity problems of the original code: x^2, and a sum of squares under several optimizers."""

import tensorflow as tf

from problems.problem import Parameters, Problem


class Simple(Problem):
    """f(x) = x^2 from x = 1. Parameter: `x`, a scalar."""

    name = "simple"

    def __init__(self, dtype: str = "float32"):
        self._dtype = tf.as_dtype(dtype)

    def initial_parameters(self, instance, seed) -> Parameters:
        return {"x": tf.ones([], self._dtype)}

    def loss(self, parameters, instance, seed):
        return tf.square(parameters["x"])


class SimpleMulti(Problem):
    """f(x) = sum_i x_i^2 from all ones, one scalar parameter `x_i` a coordinate.

    Made to try several optimizers on one problem: the default assigns `x_0` to an LSTM and the rest to Adam.
    """

    name = "simple-multi"

    def __init__(self, num_dims: int = 2, dtype: str = "float32"):
        self._num_dims = num_dims
        self._dtype = tf.as_dtype(dtype)

    def initial_parameters(self, instance, seed) -> Parameters:
        return {f"x_{i}": tf.ones([], self._dtype) for i in range(self._num_dims)}

    def loss(self, parameters, instance, seed):
        return tf.add_n([tf.square(x) for x in parameters.values()])
