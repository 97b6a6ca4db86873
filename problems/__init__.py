"""Optimizees: what is minimised. Knows nothing of the optimizers in `l2l_tf`."""

import copy
import importlib
import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from problems.adapters import from_function, from_keras, from_sonnet
from problems.datasets import DatasetNotPreparedError
from problems.ensemble import Ensemble
from problems.image import Cifar10, CifarMulti, ImageClassification, Mnist
from problems.problem import Parameters, Problem
from problems.quadratic import Quadratic
from problems.simple import Simple, SimpleMulti

__all__ = [
    "PROBLEMS",
    "DatasetNotPreparedError",
    "Ensemble",
    "ImageClassification",
    "Parameters",
    "Problem",
    "from_function",
    "from_keras",
    "from_sonnet",
    "get",
    "names",
]


def _ensemble(problems: Sequence[Mapping[str, Any]], weights: Sequence[float] | None = None) -> Ensemble:
    for problem in problems:
        if not isinstance(problem, Mapping) or not {"name"} <= set(problem) <= {"name", "options"}:
            raise ValueError(
                f'An ensemble takes each of its problems as {{"name": ..., "options": {{...}}}}. Received: {problem!r}.'
            )
    return Ensemble([get(problem["name"], **problem.get("options", {})) for problem in problems], weights)


PROBLEMS: dict[str, Callable[..., Problem]] = {
    **{problem.name: problem for problem in (Simple, SimpleMulti, Quadratic, Mnist, Cifar10, CifarMulti)},
    "ensemble": _ensemble,
}


def names() -> list[str]:
    """The names that `get` knows."""
    return sorted(PROBLEMS)


def get(name: str, **options) -> Problem:
    """The problem of that name.

    Args:
      name: one of `names()`, or `package.module:attribute` for a problem of the user's own: a Problem, a
        subclass, or a function that returns one. The current directory is importable, as for `python -m`.
      **options: what its constructor or function takes. A problem of the user's own carries `name` and these as
        its name and options.

    Raises:
      ValueError: an unknown name or option, an option out of range, or an attribute that is no problem.
    """
    if name in PROBLEMS:
        return _construct(name, PROBLEMS[name], options)
    if ":" not in name:
        raise ValueError(
            f"A problem is one of {names()}, or package.module:attribute for one of your own. Received: {name!r}."
        )
    attribute = _import(name)
    if isinstance(attribute, Problem):
        problem = copy.copy(_construct(name, lambda: attribute, options))
    elif callable(attribute):
        problem = _construct(name, attribute, options)
    else:
        problem = attribute
    if not isinstance(problem, Problem):
        raise ValueError(
            f"{name} is neither a Problem, nor a subclass of it, nor a function that returns one. "
            f"Received: {type(problem).__name__}."
        )
    problem.name, problem.options = name, options
    return problem


def _construct(name: str, constructor: Callable[..., Any], options: dict[str, Any]) -> Any:
    parameters = inspect.signature(constructor).parameters.values()
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        taken = [parameter.name for parameter in parameters]
        unknown = [option for option in options if option not in taken]
        if unknown:
            raise ValueError(f"The problem {name} takes the options {taken}. Received: {unknown}.")
    missing = [p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    missing = [option for option in missing if option not in options]
    if missing:
        raise ValueError(f"The problem {name} needs the options {missing}. Received: {list(options)}.")
    return constructor(**options)


def _import(name: str) -> Any:
    module_name, _, attribute = name.partition(":")
    if os.getcwd() not in sys.path:
        # Last, so that no file of the user's hides a module of ours.
        sys.path.append(os.getcwd())
    try:
        module = importlib.import_module(module_name)
    except (ModuleNotFoundError, TypeError, ValueError) as error:
        # A module that the user's own module misses is another matter, and needs its traceback.
        if isinstance(error, ModuleNotFoundError) and not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise ValueError(f"There is no module {module_name!r} to import. Received: {name!r}.") from None
    if not hasattr(module, attribute):
        raise ValueError(f"The module {module_name} has no attribute {attribute!r}. Received: {name!r}.")
    return getattr(module, attribute)
