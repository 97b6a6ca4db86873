"""What the numbers of a training may be: kind, least and most. Needs no TensorFlow.

The ends are what computing allows: steps are counted in int32 and their losses kept, weights of a trajectory are
written out, and squares and exponentials are to be numbers in float32.
"""

import math
import numbers
from typing import Any, NamedTuple

import numpy as np

MOST_COUNTED = 2**31 - 2
MOST_STEPS = 10**9  # Of a run: their losses are kept.
MOST_UNROLLED = 10**6  # Of an unroll: what its replay needs is kept.
MOST_AT_ONCE = 10**6
MOST_SEED = 2**62 - 1
LARGEST = 1e30  # Its reciprocal is a float32 too.
LARGEST_RATE = 1e3
LARGEST_PERTURBATION = 1e3
LARGEST_LOG_RANGE = 40.0  # The square of exp of it is a float32.


class Range(NamedTuple):
    """What a number may be.

    Attributes:
      whole: whether it counts something.
      above: the bound that it is above; None where `least` holds.
      least: the least that it may be.
      most: the most that it may be.
      below: whether `most` itself is too much.
      or_none: whether it may be None.
    """

    whole: bool = False
    above: float | None = None
    least: float = -math.inf
    most: float = math.inf
    below: bool = False
    or_none: bool = False

    def checked(self, name: str, value: Any) -> Any:
        """`value` as Python's own number.

        Raises:
          ValueError: it is none, or out of range.
        """
        if value is None and self.or_none:
            return None
        kind = numbers.Integral if self.whole else numbers.Real
        if isinstance(value, bool | np.bool_) or not isinstance(value, kind):
            raise self._error(name, "a whole number" if self.whole else "a number", value)
        value = value.item() if isinstance(value, np.generic) else value
        if not (value > self.above if self.above is not None else value >= self.least) or value == math.inf:
            raise self._error(name, self._low(), value)
        if value > self.most or (self.below and value == self.most):
            raise self._error(name, f"below {self.most:g}" if self.below else f"at most {self._most()}", value)
        return value

    def _low(self) -> str:
        return f"above {self.above:g}" if self.above is not None else f"at least {self.least:g}"

    def _most(self) -> str:
        return f"{self.most:,}" if self.whole else f"{self.most:g}"

    def _error(self, name: str, what: str, value: Any) -> ValueError:
        return ValueError(f"{name} is {what}{', or None' if self.or_none else ''}. Received: {value!r}.")


_count = Range(whole=True, least=1, most=MOST_COUNTED)
_at_once = _count._replace(most=MOST_AT_ONCE)
_rate = Range(above=0, most=LARGEST_RATE)
_limit = Range(above=0, most=LARGEST, or_none=True)

RANGES: dict[str, Range] = {
    "seed": Range(whole=True, least=0, most=MOST_SEED),
    "num_epochs": _count,
    "num_steps": _count._replace(most=MOST_STEPS),
    "unroll_length": _count._replace(most=MOST_UNROLLED),
    "optimizees_per_step": _at_once,
    "perturbations": _at_once,
    "evaluation_period": _count,
    "evaluation_epochs": _count,
    "patience": _count._replace(or_none=True),
    "learning_rate": _rate,
    "learning_rate_decay": _rate,
    "imitation_learning_rate": _rate,
    "perturbation_std": Range(above=0, most=LARGEST_PERTURBATION),
    "random_scaling": Range(above=0, most=LARGEST_LOG_RANGE, or_none=True),
    "imitation_share": Range(least=0, most=1),
    "average_decay": Range(least=0, most=1, below=True, or_none=True),
    "clip_norm": _limit,
    "clip_value": _limit,
    "rewind": Range(least=1, most=LARGEST, or_none=True),
}
FLAGS = ("second_derivatives", "in_blocks")
