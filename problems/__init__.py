"""Optimizees: what is minimised. Knows nothing of the optimizers in `l2l_tf`.

Names and options are known without TensorFlow (see `catalogue`); it is imported with the first problem.

May import: no wing. Imported by: all wings of `l2l_tf` that meet problems.
"""

import copy
import importlib
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from problems import catalogue, option_values, user_code
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
      **options: what its constructor or function takes; NumPy's numbers and arrays as Python's. A problem of the
        user's own carries `name` and these as its name and options.

    Raises:
      ValueError: an unknown name or option, an option out of range, or an attribute that is no problem.
      UserCodeError: a ValueError too: the user's module or function raised.
    """
    name = catalogue.find(name, warn=True)
    catalogue.check(name, options)
    catalogue.check_inside(name, options)
    try:
        options = option_values.plain(options)
    except RecursionError:
        raise ValueError(f"The options of {name} lie too deep in each other.") from None
    if name in catalogue.CATALOGUE:
        try:
            return _constructor(name)(**catalogue.enter(name, options))
        except (TypeError, OverflowError) as error:
            raise ValueError(f"{name} does not take these options: {error}. Received: {options}.") from error
    from problems.problem import Problem

    attribute = _import(name)
    if isinstance(attribute, Problem):
        problem = _construct(name, lambda: copy.copy(attribute), options)
    elif inspect.isabstract(attribute):
        missing = sorted(attribute.__abstractmethods__)
        raise ValueError(f"{name} is abstract: write its {' and '.join(missing)}.{_defined_at(attribute)}")
    elif callable(attribute):
        problem = _construct(name, attribute, options)
    else:
        problem = attribute
    if not isinstance(problem, Problem):
        raise ValueError(
            f"{name} is neither a Problem, nor a subclass of it, nor a function that returns one. "
            f"Received: {type(problem).__name__}."
        )
    with user_code.named(f"Naming the problem {name}", type(problem)):
        problem.name, problem.options = name, options
    return problem


def _constructor(name: str) -> Callable[..., "Problem"]:
    module, _, attribute = catalogue.CATALOGUE[name].home.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _construct(name: str, constructor: Callable[..., Any], options: dict[str, Any]) -> Any:
    """Calls a user's constructor with options that it takes."""
    try:
        parameters = inspect.signature(constructor).parameters.values()
    except (TypeError, ValueError):
        raise ValueError(f"{name} does not say which options it takes. Received: {constructor!r}.") from None
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters)
    taken = tuple(options) if open_ended else tuple(p.name for p in parameters)
    required = [p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    catalogue.check_options(name, taken, tuple(required), options)
    with user_code.named(name, constructor):
        return constructor(**options)


def _import(name: str) -> Any:
    module_name, _, attribute = name.partition(":")
    catalogue.make_importable()
    if not all(module_name.split(".")):
        raise catalogue.missing_module(name)  # Python would take it for a relative name.
    try:
        with user_code.named(f"The module {module_name!r}"):
            module = importlib.import_module(module_name)
            # A module may have a __getattr__ of its own.
            return getattr(module, attribute)
    except ModuleNotFoundError as error:
        if f"{module_name}.".startswith(f"{error.name}."):
            raise catalogue.missing_module(name) from None
        raise
    except AttributeError:
        raise ValueError(f"The module {module_name} has no attribute {attribute!r}. Received: {name!r}.") from None
    except user_code.UserCodeError:
        raise
    except Exception as error:  # The file itself cannot be read, as one with null bytes.
        raise user_code.UserCodeError(user_code.described(f"The module {module_name!r}", error, None)) from error


def _defined_at(attribute: Any) -> str:
    place = user_code.definition(attribute)
    return f" See {place}." if place else ""


def __getattr__(name: str) -> Any:
    if name == "PROBLEMS":
        return {known: _constructor(known) for known in names()}
    if name not in _HOMES:
        raise AttributeError(f"module 'problems' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
