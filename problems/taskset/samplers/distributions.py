"""What configurations are drawn from. All draws are of a NumPy generator, and what they give is plain Python."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np


def log_uniform(generator: np.random.Generator, low: float, high: float) -> float:
    """exp(U(ln low, ln high))."""
    return math.exp(generator.uniform(math.log(low), math.log(high)))


def log_integer(generator: np.random.Generator, low: int, high: int) -> int:
    """`log_uniform`, rounded."""
    return round(log_uniform(generator, low, high))


def linear_integer(generator: np.random.Generator, low: int, high: int) -> int:
    """U(low, high), rounded."""
    return round(uniform(generator, low, high))


def uniform(generator: np.random.Generator, low: float, high: float) -> float:
    """U(low, high)."""
    return float(generator.uniform(low, high))


def normal(generator: np.random.Generator, stddev: float = 1.0) -> float:
    """N(0, stddev^2)."""
    return float(generator.normal(0.0, stddev))


def integer(generator: np.random.Generator, low: int, high: int) -> int:
    """One of low, ..., high, all alike."""
    return int(generator.integers(low, high + 1))


def coin(generator: np.random.Generator, probability: float = 0.5) -> bool:
    """True with that probability."""
    return bool(generator.uniform() < probability)


def choice(generator: np.random.Generator, values: Sequence[Any], weights: Sequence[float] | None = None) -> Any:
    """One of the values, with shares in proportion to the weights; all alike without."""
    if weights is None:
        return values[int(generator.integers(len(values)))]
    shares = np.asarray(weights, float)
    return values[int(generator.choice(len(values), p=shares / shares.sum()))]
