"""The contract of the functions of losg."""

import abc
from typing import Any

import tensorflow as tf

from problems.problem import Parameters, draw_rows


class Function(abc.ABC):
    """A function of losg, perhaps of a minibatch: `draw` draws that, `value` draws nothing.

    Attributes:
      random: whether there is something to draw.
    """

    random = False

    @abc.abstractmethod
    def initial_parameters(self, seed: tf.Tensor) -> Parameters:
        """Draws theta_0."""

    def draw(self, seed: tf.Tensor) -> Any:
        """What is random in one value."""
        del seed
        return ()

    @abc.abstractmethod
    def value(self, parameters: Parameters, drawn: Any) -> tf.Tensor:
        """The scalar f(theta)."""


class OfVector(Function):
    """A function of `x`, `[dims]`, which starts at N(0, 1)."""

    dims: int

    def initial_parameters(self, seed):
        return {"x": tf.random.stateless_normal([self.dims], seed)}

    def value(self, parameters, drawn):
        return self.of(parameters["x"], drawn)

    @abc.abstractmethod
    def of(self, x: tf.Tensor, drawn: Any) -> tf.Tensor:
        """f(x)."""


class Minibatches:
    """Rows of arrays that are drawn with replacement.

    Args:
      arrays: with as many rows each.
      batch_size: of a minibatch.
    """

    def __init__(self, arrays: Any, batch_size: int):
        with tf.init_scope():
            self._arrays = tf.nest.map_structure(tf.constant, arrays)
        self._batch_size = batch_size

    def draw(self, seed: tf.Tensor) -> Any:
        """Such arrays of the minibatch's rows."""
        rows = draw_rows(seed, self._batch_size, tf.nest.flatten(self._arrays)[0].shape[0])
        return tf.nest.map_structure(lambda array: tf.gather(array, rows), self._arrays)
