"""Optimizees: what is minimised. Knows nothing of the optimizers in `l2l_tf`."""

import importlib
from collections.abc import Callable

from problems.problem import Parameters, Problem
from problems.quadratic import Quadratic
from problems.simple import Simple, SimpleMulti

PROBLEMS: dict[str, Callable[..., Problem]] = {
    problem.name: problem for problem in (Simple, SimpleMulti, Quadratic)
}


def names() -> list[str]:
    """The names that `get` knows."""
    return sorted(PROBLEMS)
