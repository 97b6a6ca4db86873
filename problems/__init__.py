"""Optimizees: what is minimised. Knows nothing of the optimizers in `l2l_tf`.

Names and options are known without TensorFlow (see `catalogue`); it is imported with the first problem.
"""

import copy
import importlib
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from problems import catalogue
from problems.catalogue import names
from problems.datasets import DatasetNotPreparedError

if TYPE_CHECKING:
    from problems.adapters import from_keras, from_sonnet
    from problems.ensemble import Ensemble
    from problems.function import from_function
    from problems.image import ImageClassification
    from problems.problem import Parameters, Problem

    PROBLEMS: dict[str, Callable[..., Problem]]

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

_HOMES = {
    "Ensemble": "problems.ensemble",
    "ImageClassification": "problems.image",
    "Parameters": "problems.problem",
    "Problem": "problems.problem",
    "from_function": "problems.function",
    "from_keras": "problems.adapters",
    "from_sonnet": "problems.adapters",
}


def get(name: str, **options) -> "Problem":
    """The problem of that name.

    Args:
      name: one of `names()`, or `package.module:attribute` for a problem of the user's own: a Problem, a
        subclass, or a function that returns one. The current directory is importable, as for `python -m`.
      **options: what its constructor or function takes. A problem of the user's own carries `name` and these as
        its name and options.

    Raises:
      ValueError: an unknown name or option, an option out of range, or an attribute that is no problem.
    """
    catalogue.check(name, options)
    if name in catalogue.CATALOGUE:
        try:
            return _constructor(name)(**options)
        except (TypeError, OverflowError) as error:
            raise ValueError(f"{name} does not take these options: {error}. Received: {options}.") from error
    from problems.problem import Problem

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


def _constructor(name: str) -> Callable[..., "Problem"]:
    module, _, attribute = catalogue.CATALOGUE[name].home.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _construct(name: str, constructor: Callable[..., Any], options: dict[str, Any]) -> Any:
    """Calls a user's constructor with options that it takes."""
    parameters = inspect.signature(constructor).parameters.values()
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters)
    taken = tuple(options) if open_ended else tuple(p.name for p in parameters)
    required = [p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    catalogue.check_options(name, taken, tuple(required), options)
    return constructor(**options)


def _import(name: str) -> Any:
    module_name, _, attribute = name.partition(":")
    catalogue.make_importable()
    try:
        module = importlib.import_module(module_name)
    except (ModuleNotFoundError, TypeError, ValueError) as error:
        # A module that the user's own module misses is another matter, and needs its traceback.
        if isinstance(error, ModuleNotFoundError) and not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise catalogue.missing_module(name) from None
    if not hasattr(module, attribute):
        raise ValueError(f"The module {module_name} has no attribute {attribute!r}. Received: {name!r}.")
    return getattr(module, attribute)


def __getattr__(name: str) -> Any:
    if name == "PROBLEMS":
        return {known: _constructor(known) for known in names()}
    if name not in _HOMES:
        raise AttributeError(f"module 'problems' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
