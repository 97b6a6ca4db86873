"""How a command says a reparameterisation: `how:low:high`. Needs no TensorFlow."""

import math
from typing import Any, NamedTuple

from problems.option_values import Value

HOW = ("whole", "tensor", "parameter")
SMALLEST, LARGEST = 1e-15, 1e15


class Reparameterization(NamedTuple):
    """What `scaling.Reparameterized` takes: `how`, one of `HOW`, and the ends of the scales' range."""

    how: str
    low: float
    high: float


def parsed(text: Any) -> Reparameterization:
    """The reparameterisation of `how:low:high`, e.g. "whole:0.001:1000".

    Raises:
      ValueError: it is none.
    """
    how, *ends = text.split(":") if isinstance(text, str) else [""]
    try:
        low, high = map(float, ends)
    except ValueError:
        low, high = math.nan, math.nan
    if how not in HOW or not SMALLEST <= low <= high <= LARGEST:
        raise ValueError(
            f"reparameterize is {' or '.join(HOW)}, the smallest and the largest scale, e.g. whole:0.001:1000. "
            f"Received: {text!r}."
        )
    return Reparameterization(how, low, high)


def value() -> Value:
    """What the option may be."""

    def fits(given: Any) -> bool:
        try:
            return bool(parsed(given))
        except ValueError:
            return False

    return Value(f"{' or '.join(HOW)}, the smallest and the largest scale, e.g. whole:0.001:1000", fits)
