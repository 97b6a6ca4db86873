"""The contract of the data: minibatches, and whole sets, in four roles."""

import abc
from typing import Any

import tensorflow as tf


class Source(abc.ABC):
    """Examples in the roles "train", "validation", "outer_validation" and "test".

    Attributes:
      batch_size: of the minibatches.
    """

    batch_size: int

    @abc.abstractmethod
    def count(self, role: str) -> int:
        """The number of examples."""

    @abc.abstractmethod
    def batch(self, role: str, examples: tf.Tensor, seed: tf.Tensor) -> Any:
        """These examples, by their number in the role; `seed` draws what is random about one."""
