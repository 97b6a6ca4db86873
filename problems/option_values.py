"""What values options may have: one place that says it of commands, JSON, Python and saved files. Needs no TensorFlow.

Options enter as Python's own values: `plain` turns NumPy's numbers and arrays, TensorFlow's types and paths into these.
What then is no value that its option may have is an error.
"""

import math
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

# Beyond it, squares are no longer floats of single precision once a few of them are added.
LARGEST = 1e15
LARGEST_COUNT = 2**31 - 1


class Value(NamedTuple):
    """What a value is, as an error says it.

    Attributes:
      what: it is.
      fits: whether one is.
      largest: no number in it has a larger size.
      kept: whether it enters as it is, as it may hold arrays and functions.
    """

    what: str
    fits: Callable[[Any], bool]
    largest: float = LARGEST
    kept: bool = False


def one_of(*choices: str) -> Value:
    """One of these words."""
    return Value(f"one of {list(choices)}", lambda value: isinstance(value, str) and value in choices)


def whole(least: int, largest: int = LARGEST_COUNT) -> Value:
    """A whole number of at least `least`."""
    return Value(f"a whole number of at least {least}", lambda value: is_whole(value) and value >= least, largest)


def seed() -> Value:
    """A whole number of at least 0 that the commands' flags take too."""
    return whole(0, 2**62 - 1)


def finite() -> Value:
    """Any number."""
    return Value("a number", is_number)


def number(least: float, largest: float = LARGEST) -> Value:
    """A number of at least `least`."""
    return Value(f"a number of at least {least:g}", lambda value: is_number(value) and value >= least, largest)


def above(bound: float, largest: float = LARGEST) -> Value:
    """A number above `bound`."""
    return Value(f"a number above {bound:g}", lambda value: is_number(value) and value > bound, largest)


def decay() -> Value:
    """A number of at least 0 and below 1."""
    return Value("a number of at least 0 and below 1", lambda value: is_number(value) and 0 <= value < 1)


def share() -> Value:
    """A number from 0 to 1."""
    return Value("a number of at least 0 and at most 1", lambda value: is_number(value) and 0 <= value <= 1)


def flag() -> Value:
    """True or false."""
    return Value("true or false", lambda value: isinstance(value, bool))


def text() -> Value:
    """Words that are not empty."""
    return Value("a text that is not empty", lambda value: isinstance(value, str) and bool(value))


def list_of(element: Value, fewest: int = 0) -> Value:
    """A list of at least `fewest` values."""
    what = f"a list of {fewest} or more, each {element.what}" if fewest else f"a list, each {element.what}"

    def fits(value: Any) -> bool:
        return isinstance(value, list | tuple) and len(value) >= fewest and all(map(element.fits, value))

    return Value(what, fits, element.largest, element.kept)


def dictionary(contents: str) -> Value:
    """A dictionary by names, of whose values others know."""
    return Value(f"a dictionary {contents}", lambda value: isinstance(value, Mapping) and all(map(_is_text, value)))


def either(first: Value, second: Value) -> Value:
    """One or the other."""
    largest = max(first.largest, second.largest)
    what = f"{first.what}, or {second.what}"
    return Value(what, lambda given: first.fits(given) or second.fits(given), largest, first.kept or second.kept)


def or_none(value: Value) -> Value:
    """That, or None."""
    return either(value, Value("null", lambda given: given is None, largest=0))


def enter(owner: str, values: Mapping[str, Value], options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as constructors get them: plain, lists as tuples, and checked as far as `values` knows them.

    Raises:
      ValueError: one has a value that it cannot have.
    """
    taken, where = {}, f"{owner}: " if owner else ""
    for option, given in options.items():
        known = values.get(option)
        if known is None:
            taken[option] = given
            continue
        value = given if known.kept else plain(given)
        value = taken[option] = tuple(value) if type(value) is list else value
        if not known.fits(value):
            raise ValueError(f"{where}{option} is {known.what}. Received: {option}={_shown(value)}.")
        if not known.kept and any(abs(each) > known.largest for each in _numbers(value)):
            raise ValueError(
                f"{where}{option} holds no number beyond {known.largest:g}. Received: {option}={_shown(value)}."
            )
    return taken


def plain(value: Any) -> Any:
    """`value` as Python's own, wherever in it there is something else: numbers of NumPy, arrays and tensors as lists of
    them, types and paths by name. What is none of these stays as it is."""
    if isinstance(value, str | bool | int | float | None):
        # Of NumPy's own some are Python's as well: np.float64, np.str_.
        return getattr(value, "tolist", lambda: value)()
    if type(value) in (list, tuple):
        return type(value)(map(plain, value))
    if isinstance(value, Mapping):
        return {plain(key): plain(each) for key, each in value.items()}
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if name := _name_of_type(value):
        return name
    if hasattr(value, "dtype") and hasattr(value, "numpy"):
        value = value.numpy()
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        listed = value.tolist()
        return plain(listed) if value.dtype == object else listed
    return value


def json_able(value: Any) -> Any:
    """`value` as JSON reads it back: tuples as lists.

    Raises:
      TypeError: it holds what JSON cannot say, or data: arrays.
    """
    if not getattr(value, "shape", ()):
        value = plain(value) if not isinstance(value, list | tuple | Mapping) else value
    if isinstance(value, list | tuple):
        return list(map(json_able, value))
    if isinstance(value, Mapping):
        return {key: json_able(each) for key, each in value.items()}
    if isinstance(value, str | bool | int | float | None):
        return value
    raise TypeError(f"JSON cannot say a {type(value).__name__}.")


def is_whole(value: Any) -> bool:
    """Whether it is a whole number; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether it is a number, neither NaN nor infinite; true and false are none."""
    return is_whole(value) or (isinstance(value, float) and math.isfinite(value))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _numbers(value: Any) -> Iterator[float]:
    """The numbers in `value`."""
    if isinstance(value, list | tuple):
        for each in value:
            yield from _numbers(each)
    elif isinstance(value, Mapping):
        yield from _numbers(list(value.values()))
    elif is_number(value):
        yield value


def _name_of_type(value: Any) -> str | None:
    """The name of a type of numbers, of TensorFlow's, NumPy's or a class of NumPy's numbers; None of all else."""
    if hasattr(value, "as_numpy_dtype") or (hasattr(value, "itemsize") and hasattr(value, "newbyteorder")):
        name = getattr(value, "name", None)
        return name if isinstance(name, str) else None
    if isinstance(value, type) and hasattr(value, "dtype"):
        return value.__name__
    return None


def _shown(value: Any) -> str:
    """`value` as an error shows it: sequences as the lists that they were in JSON."""
    text = repr(list(value) if isinstance(value, tuple) else value)
    return text if len(text) <= 200 else f"{text[:200]}..."
