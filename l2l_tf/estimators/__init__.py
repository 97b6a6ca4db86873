"""Outer gradients: how the gradient of the meta-loss for phi is estimated.

An estimator maps `(run, seed)` to an OuterGradient, which carries the run on; see `Estimator`.

May import: fast, unrolling, networks, problems. Imported by: training.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from l2l_tf.estimators.backpropagation import truncated_backpropagation
from l2l_tf.estimators.estimator import Estimator
from l2l_tf.estimators.evolution_strategies import evolution_strategies
from l2l_tf.estimators.imitation import imitation
from l2l_tf.estimators.mix import inverse_variance_mix
from l2l_tf.estimators.persistent_evolution_strategies import persistent_evolution_strategies
from l2l_tf.estimators.reparameterization import reparameterization
from l2l_tf.unrolling.coordinates import AssignedNetworks
from l2l_tf.unrolling.objectives import Objective
from problems.problem import Problem

__all__ = [
    "ESTIMATORS",
    "Estimator",
    "evolution_strategies",
    "get",
    "imitation",
    "inverse_variance_mix",
    "persistent_evolution_strategies",
    "reparameterization",
    "truncated_backpropagation",
]

ESTIMATORS: dict[str, Callable[..., Estimator]] = {
    "backpropagation": truncated_backpropagation,
    "es": evolution_strategies,
    "pes": persistent_evolution_strategies,
    "nres": functools.partial(persistent_evolution_strategies, reuse_noise=True),
    "reparameterization": reparameterization,
    "mix": inverse_variance_mix,
}


def get(
    name: str, problem: Problem, network: AssignedNetworks, len_unroll: int, objective: Objective, **options: Any
) -> Estimator:
    """The estimator of that name with those of `options` that it takes: the others are of other estimators.

    Raises:
      ValueError: an unknown name, an option that no estimator takes, or an option out of range.
    """
    if name not in ESTIMATORS:
        raise ValueError(f"Estimators are {list(ESTIMATORS)}. Received: {name!r}.")
    known = set().union(*map(_options, ESTIMATORS.values()))
    if unknown := set(options) - known:
        raise ValueError(f"Estimators take the options {sorted(known)}. Received: {sorted(unknown)}.")
    taken = _options(ESTIMATORS[name])
    own = {option: value for option, value in options.items() if option in taken}
    return ESTIMATORS[name](problem, network, len_unroll, objective, **own)


def _options(factory: Callable[..., Estimator]) -> set[str]:
    return set(inspect.signature(factory).parameters) - {"problem", "network", "len_unroll", "objective"}
