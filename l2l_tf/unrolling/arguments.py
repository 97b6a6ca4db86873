"""What the arguments of unrolls, estimators, training and evaluation may be. Needs no TensorFlow.

An argument means the same wherever it is taken: in functions and constructors that are `checked`, and in
`training.config.TrainingConfig`, from the commands and from JSON. Options of networks and problems are in their
catalogues.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from problems import option_values, reparameterization
from problems.option_values import (  # `plain` is for wings that see no problems.
    Value,
    above,
    decay,
    dictionary,
    either,
    finite,
    flag,
    list_of,
    number,
    one_of,
    or_none,
    plain,
    seed,
    share,
    text,
    whole,
)

__all__ = ["VALUES", "check_factor", "checked", "plain"]

Function = TypeVar("Function", bound=Callable[..., Any])

_LONGEST_UNROLL = 1_000_000  # Its losses' weights are a list.
_LONGEST_RUN = 1_000_000_000  # Its losses are kept.
_LARGEST_RATE = 1e3  # Weights are of about 1, and so are steps and perturbations of them.

VALUES: dict[str, Value] = {
    "average_decay": or_none(decay()),
    "clip_norm": or_none(above(0)),
    "clip_value": or_none(above(0)),
    "compiles": flag(),
    "evaluation_epochs": whole(1),
    "evaluation_period": whole(1),
    "held_out_splits": list_of(text()),
    "held_out_steps": list_of(whole(1)),
    "imitation_learning_rate": above(0, _LARGEST_RATE),
    "imitation_share": share(),
    "in_blocks": flag(),
    "learning_rate": above(0, _LARGEST_RATE),
    "learning_rate_decay": above(0, _LARGEST_RATE),
    "len_unroll": whole(1, _LONGEST_UNROLL),
    "loss_weights": either(text(), list_of(finite(), fewest=1)),
    "memory_budget": whole(1, 2**62),
    "num_draws": whole(1),
    "num_epochs": whole(1),
    "num_steps": whole(1, _LONGEST_RUN),
    "num_steps_curriculum": or_none(list_of(whole(1, _LONGEST_RUN))),
    "optimizees": whole(1),
    "optimizees_per_step": whole(1),
    "own_draws": flag(),
    "patience": or_none(whole(1)),
    "perturbation_std": above(0, _LARGEST_RATE),
    "perturbations": whole(1),
    "problem_options": dictionary("of the problem's options"),
    "random_scaling": or_none(above(0, largest=40)),  # Of an exponent.
    "reuse_noise": flag(),
    "reparameterize": or_none(reparameterization.value()),
    "rewind": or_none(number(1)),
    "second_derivatives": flag(),
    "seed": seed(),
    "start_from": or_none(text()),
    "told": flag(),
    "transform": one_of("identity", "log"),
    "unroll_length": whole(1, _LONGEST_UNROLL),
}


def check_factor(owner: str, **factors: Any) -> None:
    """Raises ValueError where one of `factors` is no number, or not finite."""
    option_values.enter(owner, dict.fromkeys(factors, finite()), factors)


def checked(function: Function) -> Function:
    """`function`, or a constructor, whose arguments by the names above enter as Python's own values, checked.

    What is wrong with one is a ValueError.
    """
    signature = inspect.signature(function)
    known = {name: VALUES[name] for name in signature.parameters if name in VALUES}
    owner = function.__qualname__.removesuffix(".__init__").rpartition(".")[2]

    @functools.wraps(function)
    def call(*args, **kwargs):
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError:
            return function(*args, **kwargs)  # Python says what is wrong.
        given = {name: value for name, value in bound.arguments.items() if name in known}
        bound.arguments.update(option_values.enter(owner, known, given))
        return function(*bound.args, **bound.kwargs)

    return call  # type: ignore[return-value]
