"""Configurations of the family losg: the functions of Wichrowska et al. 2017 by TaskSet's distributions."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from problems.taskset.samplers import parts
from problems.taskset.samplers.distributions import choice, coin, integer, log_integer, log_uniform, uniform
from problems.taskset.samplers.parts import Config

ANGLES = (0.0, 0.0, math.pi / 4, math.pi / 3)
TEST_FUNCTIONS = (
    "ackley",
    "beale",
    "branin",
    "log_sum_exp",
    "matyas",
    "michalewicz",
    "rosenbrock",
    "styblinski_tang",
)
# What may be below 0 on a minibatch has no logarithm.
_MAY_BE_NEGATIVE = ("outward_snake", "sum_of_quadratics")


def losg(generator: np.random.Generator, source: str) -> Config:
    """One of the 14 kinds; data are of its own making."""
    del source
    kind = choice(generator, list(_KINDS))
    return {"kind": kind, "seed": integer(generator, 0, 100_000), "parameters": _KINDS[kind](generator)}


def _with_noise(draw: Callable[[np.random.Generator], Config]) -> Callable[[np.random.Generator], Config]:
    def drawn(generator):
        return {**draw(generator), "gradient_noise": _gradient_noise(generator)}

    return drawn


def _gradient_noise(generator: np.random.Generator) -> float | None:
    return log_uniform(generator, 0.01, 10) if coin(generator) else None


def _quadratic(generator: np.random.Generator) -> Config:
    return {"dims": log_integer(generator, 10, 1000)}


def _bowl(generator: np.random.Generator) -> Config:
    return {"condition": log_uniform(generator, 0.01, 100), "angle": choice(generator, ANGLES)}


def _sparse_softmax_regression(generator: np.random.Generator) -> Config:
    return {
        "embedding": log_integer(generator, 2, 100),
        "batch_size": log_integer(generator, 1, 50),
        "samples": log_integer(generator, 1, 30),
    }


def _optimization_test(generator: np.random.Generator) -> Config:
    return {"function": choice(generator, TEST_FUNCTIONS)}


def _fully_connected(generator: np.random.Generator) -> Config:
    count = integer(generator, 2, 5)
    if coin(generator):
        hidden = [log_integer(generator, 4, 32)] * count
    else:
        hidden = [log_integer(generator, 4, 32) for _ in range(count)]
    return {
        "hidden": hidden,
        "activation": parts.activation(generator),
        "features": log_integer(generator, 1, 16),
        "batch_size": log_integer(generator, 1, 200),
        "samples": log_integer(generator, 1, 30),
    }


def _norm(generator: np.random.Generator) -> Config:
    return {"dims": log_integer(generator, 3, 1000), "power": uniform(generator, 0.1, 5)}


def _dependency_chain(generator: np.random.Generator) -> Config:
    return {"dims": log_integer(generator, 3, 100)}


def _with_data(generator: np.random.Generator) -> Config:
    return {
        "dims": log_integer(generator, 3, 100),
        "batch_size": log_integer(generator, 1, 200),
        "samples": log_integer(generator, 100, 20_000),
    }


BASES: dict[str, Callable[[np.random.Generator], dict[str, Any]]] = {
    "quadratic": _quadratic,
    "bowl": _bowl,
    "optimization_test": _optimization_test,
    "fully_connected": _fully_connected,
    "norm": _norm,
    "dependency_chain": _dependency_chain,
    "outward_snake": _with_data,
    "min_max_well": _quadratic,
    "sum_of_quadratics": _with_data,
    "projection_quadratic": _with_data,
}


def _base(generator: np.random.Generator, without: tuple[str, ...] = ()) -> Config:
    kind = choice(generator, [kind for kind in BASES if kind not in without])
    return {"kind": kind, "parameters": BASES[kind](generator)}


def _sparse_problems(generator: np.random.Generator) -> Config:
    return {"base": _base(generator), "zeros": uniform(generator, 0.9, 0.99)}


def _rescale_problems(generator: np.random.Generator) -> Config:
    return {"base": _base(generator), "scale": log_uniform(generator, 1e-3, 1e3)}


def _log_objective(generator: np.random.Generator) -> Config:
    return {"base": _base(generator, without=_MAY_BE_NEGATIVE)}


_KINDS: dict[str, Callable[[np.random.Generator], dict[str, Any]]] = {
    **BASES,
    "quadratic": _with_noise(_quadratic),
    "bowl": _with_noise(_bowl),
    "sparse_softmax_regression": _with_noise(_sparse_softmax_regression),
    "optimization_test": _with_noise(_optimization_test),
    "min_max_well": _with_noise(_quadratic),
    "sparse_problems": _with_noise(_sparse_problems),
    "rescale_problems": _rescale_problems,
    "log_objective": _log_objective,
}
KINDS = tuple(_KINDS)
