"""The weights w_t of a trajectory's losses. Needs no TensorFlow."""

import numbers
from collections.abc import Sequence

BEST = "best"  # Weights that depend on the losses: 1 for the lowest.
NAMED = ("all", "mean", "final", BEST)
_LAST = "last:"
_LARGEST = 1e30
KNOWN = ", ".join(map(repr, (*NAMED, f"{_LAST}N")))


def trajectory_weights(len_unroll: int, weights: str | Sequence[float]) -> list[float]:
    """w_0 to w_T of an unroll of T steps (Andrychowicz et al. 2016, equation 3).

    Args:
      len_unroll: T.
      weights: "all" (every weight 1), "mean" (every weight 1 / (T + 1)), "final" (only w_T = 1), "last:N" (the mean of
        the last N losses, or of all where there are fewer), or T + 1 numbers.

    Raises:
      ValueError: anything else.
    """
    if isinstance(weights, str):
        count = len_unroll + 1
        named = {"all": [1.0] * count, "mean": [1.0 / count] * count, "final": [0.0] * len_unroll + [1.0]}
        if last := _number_of_last(weights):
            last = min(last, count)
            return [0.0] * (count - last) + [1.0 / last] * last
        if weights not in named:
            raise ValueError(f"loss_weights is {KNOWN} or a list of numbers. Received: {weights!r}.")
        return named[weights]
    if not isinstance(weights, Sequence):
        raise ValueError(f"loss_weights is {KNOWN} or a list of numbers. Received: {weights!r}.")
    if len(weights) != len_unroll + 1:
        raise ValueError(
            f"loss_weights needs {len_unroll + 1} numbers, w_0 to w_{len_unroll}, for unrolls of {len_unroll} steps. "
            f"Received: {len(weights)}."
        )
    if not all(isinstance(w, numbers.Real) and not isinstance(w, bool) and abs(w) <= _LARGEST for w in weights):
        raise ValueError(f"loss_weights holds finite numbers, at most 1e30. Received: {list(weights)}.")
    if not any(weights):
        raise ValueError(f"loss_weights that are all 0 ask for nothing. Received: {list(weights)}.")
    return [float(weight) for weight in weights]


def is_named(text: str) -> bool:
    """Whether it names weights, rather than list them."""
    return text in NAMED or bool(_number_of_last(text))


def check(len_unroll: int, weights: str | Sequence[float]) -> None:
    """Raises a ValueError where `weights` are neither "best" nor what `trajectory_weights` takes."""
    if weights != BEST:
        trajectory_weights(len_unroll, weights)


def _number_of_last(text: str) -> int:
    """N of "last:N", 0 of anything else."""
    number = text.removeprefix(_LAST)
    return int(number) if text.startswith(_LAST) and number.isascii() and number.isdigit() else 0
