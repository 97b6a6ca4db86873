"""The eight functions of two variables that optimizers have always been tested on."""

import math
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from problems.taskset.families.losg_function import OfVector


class TestFunction(NamedTuple):
    """A function of x and y, and where it starts.

    Attributes:
      value: from x and y to f.
      low, high: of the uniform starts of x and y; None is N(0, 1).
    """

    value: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    low: tuple[float, float] | None = None
    high: tuple[float, float] | None = None


def _ackley(x, y):
    waves = tf.exp(0.5 * (tf.cos(2 * math.pi * x) + tf.cos(2 * math.pi * y)))
    # At 0 a root has no slope, nor has the function one there.
    return -20 * tf.exp(-0.2 * tf.sqrt(0.5 * (x * x + y * y) + 1e-12)) - waves + math.e + 20


def _beale(x, y):
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def _branin(x, y):
    b, c, t = 5.1 / (4 * math.pi**2), 5 / math.pi, 1 / (8 * math.pi)
    return (y - b * x * x + c * x - 6) ** 2 + 10 * (1 - t) * tf.cos(x) + 10


def _log_sum_exp(x, y):
    terms = tf.stack([x + 3 * y - 0.1, x - 3 * y - 0.1, -x - 0.1, tf.zeros_like(x)])
    return tf.reduce_logsumexp(terms)


def _matyas(x, y):
    return 0.26 * (x * x + y * y) - 0.48 * x * y


def _michalewicz(x, y):
    return 2 - tf.sin(x) * tf.sin(x * x / math.pi) ** 10 - tf.sin(y) * tf.sin(2 * y * y / math.pi) ** 10


def _rosenbrock(x, y):
    return 100 * (y - x * x) ** 2 + (1 - x) ** 2


def _styblinski_tang(x, y):
    return 0.5 * (x**4 - 16 * x * x + 5 * x + y**4 - 16 * y * y + 5 * y) + 80


def _square(low: float, high: float) -> tuple[tuple[float, float], tuple[float, float]]:
    return (low, low), (high, high)


FUNCTIONS = {
    "ackley": TestFunction(_ackley, *_square(-32.768, 32.768)),
    "beale": TestFunction(_beale, *_square(-4.5, 4.5)),
    "branin": TestFunction(_branin, (-5.0, 0.0), (10.0, 15.0)),
    "log_sum_exp": TestFunction(_log_sum_exp),
    "matyas": TestFunction(_matyas, *_square(-10, 10)),
    "michalewicz": TestFunction(_michalewicz, *_square(0, math.pi)),
    "rosenbrock": TestFunction(_rosenbrock, *_square(-5, 10)),
    "styblinski_tang": TestFunction(_styblinski_tang, *_square(-5, 5)),
}


class OptimizationTest(OfVector):
    """One of `FUNCTIONS` of `x`, `[2]`."""

    dims = 2

    def __init__(self, parameters, generator):
        self._function = FUNCTIONS[parameters["function"]]

    def initial_parameters(self, seed):
        if self._function.low is None or self._function.high is None:
            return super().initial_parameters(seed)
        low, high = tf.constant(self._function.low, tf.float32), tf.constant(self._function.high, tf.float32)
        return {"x": low + (high - low) * tf.random.stateless_uniform([2], seed)}

    def of(self, x, drawn):
        return self._function.value(x[0], x[1])
