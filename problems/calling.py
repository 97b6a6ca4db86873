"""The door to a problem's functions: what they raise is one error, and what they draw is by our seeds."""

from collections.abc import Callable
from typing import Any

from problems import catalogue, randomness, user_code


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """What one of a problem's functions, e.g. `problem.loss`, gives.

    Raises:
      UserCodeError: it raises, see `user_code.named`, or draws at random without a seed, see `randomness.refused`.
    """
    what = title(function)
    with user_code.named(what, written(function)), randomness.refused(what, seen_at(function)):
        return function(*arguments)


def title(function: Callable[..., Any]) -> str:
    """One of a problem's functions, as an error names it."""
    problem = getattr(function, "__self__", None)
    name = getattr(function, "__name__", "function")
    owner = getattr(problem, "name", None)
    return f"A problem's {name}" if owner is None else f"The {name} of the problem {owner!r}"


def written(function: Callable[..., Any]) -> Callable | None:
    """What its author wrote behind one of a problem's functions; None where that is ours."""
    problem = getattr(function, "__self__", None)
    if problem is None or getattr(problem, "name", None) in catalogue.CATALOGUE:
        return None
    return problem.written.get(function.__name__, function)


def seen_at(function: Callable[..., Any]) -> str:
    """Where one of a problem's functions stands, as a sentence to end an error about what it gave; "" if it is ours."""
    code = written(function)
    place = None if code is None else user_code.definition(code)
    return f" See {place}." if place else ""
