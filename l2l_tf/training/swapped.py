"""Variables with other values for a while."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf


class Swapped:
    """Variables that hold other values for the time of a `with` block."""

    def __init__(self, variables: Sequence[tf.Variable], values: Sequence[np.ndarray]):
        self._variables = variables
        self._values = values

    def __enter__(self) -> None:
        self._kept = [variable.numpy() for variable in self._variables]
        for variable, value in zip(self._variables, self._values):
            variable.assign(value)

    def __exit__(self, *exception: Any) -> None:
        for variable, value in zip(self._variables, self._kept):
            variable.assign(value)
