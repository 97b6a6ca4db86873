"""Whether draws are of a distribution: chi-squared tests at 99.9 %."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

_BINS = 8
_SURE = 1e-3


def assert_shares(values: Iterable[Any], weights: Mapping[Any, float]) -> None:
    """Each key as often as its weight says, and nothing else."""
    counts = Counter(values)
    assert set(counts) == set(weights)
    _compare([counts[key] for key in weights], list(weights.values()))


def assert_coin(values: Iterable[bool], probability: float) -> None:
    """True with that probability."""
    assert_shares(values, {True: probability, False: 1 - probability})


def assert_uniform(values: Sequence[float], low: float, high: float) -> None:
    """U(low, high)."""
    _assert_spread(values, low, high)


def assert_log_uniform(values: Sequence[float], low: float, high: float) -> None:
    """exp(U(ln low, ln high))."""
    _assert_spread([math.log(value) for value in values], math.log(low), math.log(high))


def assert_normal(values: Sequence[float], stddev: float) -> None:
    """N(0, stddev^2)."""
    _assert_spread(stats.norm.cdf(values, scale=stddev), 0, 1)


def assert_log_integers(values: Sequence[int], low: int, high: int) -> None:
    """`assert_log_uniform` of what was rounded to whole numbers."""
    _assert_rounded(values, low, high, math.log)


def assert_integers(values: Sequence[int], low: int, high: int) -> None:
    """`assert_uniform` of what was rounded to whole numbers."""
    _assert_rounded(values, low, high, float)


def _assert_spread(values, low, high):
    assert low <= min(values) and max(values) <= high
    counts, _ = np.histogram(values, _BINS, (low, high))
    _compare(counts, [1] * _BINS)


def _assert_rounded(values, low, high, scale):
    assert all(type(value) is int for value in values)
    assert low <= min(values) and max(values) <= high
    inverse = math.exp if scale is math.log else float
    quantiles = [inverse(scale(low) + (scale(high) - scale(low)) * i / _BINS) for i in range(1, _BINS)]
    edges = sorted({math.floor(quantile) + 0.5 for quantile in quantiles if low <= quantile - 0.5 < high - 1})
    counts, _ = np.histogram(values, [-math.inf, *edges, math.inf])
    _compare(counts, np.diff([scale(edge) for edge in (low, *edges, high)]))


def _compare(counts, weights):
    expected = np.asarray(weights, float) / np.sum(weights) * np.sum(counts)
    assert stats.chisquare(counts, expected).pvalue > _SURE, (list(counts), list(expected))
