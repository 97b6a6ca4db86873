"""What values options may have, for tables that are read before TensorFlow is imported.

Only what JSON can say is judged; arrays, types and functions of a caller in Python are left to the constructors, which
check for themselves.
"""

import math
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

_JSON = (str, bool, int, float, list, tuple, dict, type(None))


def plain(value: Any) -> Any:
    """`value` with NumPy's numbers and arrays, wherever they are in it, as the Python numbers and lists of JSON."""
    if isinstance(value, Mapping):
        return {plain(key): plain(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(plain(item) for item in value)
    # Not imported: where nobody did, there is none.
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray | numpy.generic):
        return plain(value.tolist()) if value.dtype == object else value.tolist()
    return value


class Value(NamedTuple):
    """What a value is, as an error says it, and whether one is."""

    what: str
    fits: Callable[[Any], bool]


def one_of(*choices: str) -> Value:
    """One of these words."""
    return Value(f"one of {list(choices)}", lambda value: isinstance(value, str) and value in choices)


def whole(least: int) -> Value:
    """A whole number of at least `least`."""
    return Value(f"a whole number of at least {least}", lambda value: _is_whole(value) and value >= least)


def finite() -> Value:
    """Any number."""
    return Value("a number", _is_number)


def number(least: float) -> Value:
    """A number of at least `least`."""
    return Value(f"a number of at least {least:g}", lambda value: _is_number(value) and value >= least)


def above(bound: float) -> Value:
    """A number above `bound`."""
    return Value(f"a number above {bound:g}", lambda value: _is_number(value) and value > bound)


def decay() -> Value:
    """A number of at least 0 and below 1."""
    return Value("a number of at least 0 and below 1", lambda value: _is_number(value) and 0 <= value < 1)


def flag() -> Value:
    """True or false."""
    return Value("true or false", lambda value: isinstance(value, bool))


def text() -> Value:
    """Any text."""
    return Value("a text", lambda value: isinstance(value, str))


def list_of(element: Value, fewest: int = 0) -> Value:
    """A list of at least `fewest` values."""
    what = f"a list of {fewest} or more, each {element.what}" if fewest else f"a list, each {element.what}"
    return Value(
        what,
        lambda value: isinstance(value, list | tuple) and len(value) >= fewest and all(map(element.fits, value)),
    )


def or_none(value: Value) -> Value:
    """That, or None."""
    return Value(f"{value.what}, or null", lambda given: given is None or value.fits(given))


def check(owner: str, values: Mapping[str, Value], options: Mapping[str, Any]) -> None:
    """Checks those options that `values` knows.

    Raises:
      ValueError: one has a value that it cannot have.
    """
    for option, value in options.items():
        if option in values and isinstance(value, _JSON) and not values[option].fits(value):
            raise ValueError(f"{owner}: {option} is {values[option].what}. Received: {option}={value!r}.")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return _is_whole(value) or (isinstance(value, float) and math.isfinite(value))
