"""Configurations of the family quadratic."""

import numpy as np

from problems.taskset.samplers.distributions import choice, coin, integer, log_integer, log_uniform, normal, uniform
from problems.taskset.samplers.parts import Config

_KINDS = ("normal", "uniform", "linear_eigenvalues", "geometric_eigenvalues")


def quadratic(generator: np.random.Generator, source: str) -> Config:
    """|A x|^2 with noise on A, times a scale, perhaps in a logarithm. There is no data."""
    del source
    return {
        "dims": log_integer(generator, 2, 3000),
        "matrix": _matrix(generator),
        "matrix_seed": integer(generator, 0, 100_000),
        "start": _start(generator),
        "noise": _noise(generator) if coin(generator) else None,
        "scale": log_uniform(generator, 1e-5, 1e3),
        "output": choice(generator, ("identity", "log")),
    }


def _matrix(generator: np.random.Generator) -> Config:
    kind = choice(generator, _KINDS)
    if kind == "normal":
        return {"kind": kind, "mean": normal(generator), "stddev": uniform(generator, 0, 2)}
    if kind == "uniform":
        return _interval(kind, uniform(generator, -3, 1), uniform(generator, 0, 5))
    if kind == "linear_eigenvalues":
        return _interval(kind, uniform(generator, 0.01, 50), uniform(generator, 0, 100))
    return {"kind": kind, "low": 1e-5, "high": uniform(generator, 1, 1000)}


def _start(generator: np.random.Generator) -> Config:
    if coin(generator):
        return {"kind": "normal", "mean": normal(generator), "stddev": uniform(generator, 0, 2)}
    return _interval("uniform", uniform(generator, -5, 2.5), uniform(generator, 0, 5))


def _noise(generator: np.random.Generator) -> Config:
    kind = choice(generator, _KINDS)
    if kind == "normal":
        return {"kind": kind, "mean": normal(generator, 0.05), "stddev": uniform(generator, 0, 0.05)}
    if kind == "uniform":
        return _interval(kind, uniform(generator, -0.15, 0.05), uniform(generator, 0, 0.25))
    if kind == "linear_eigenvalues":
        return _interval(kind, uniform(generator, 0.01, 2), uniform(generator, 0, 10))
    return {"kind": kind, "low": 1e-5, "high": uniform(generator, 1, 10)}


def _interval(kind: str, low: float, width: float) -> Config:
    return {"kind": kind, "low": low, "high": low + width}
