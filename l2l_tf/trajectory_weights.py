"""The weights w_t of a trajectory's losses. Needs no TensorFlow."""

import math
from collections.abc import Sequence


def trajectory_weights(len_unroll: int, weights: str | Sequence[float]) -> list[float]:
    """w_0 to w_T of an unroll of T steps (Andrychowicz et al. 2016, equation 3).

    Args:
      len_unroll: T.
      weights: "all" (every weight 1), "final" (only w_T = 1), or T + 1 numbers.

    Raises:
      ValueError: anything else.
    """
    if isinstance(weights, str):
        named = {"all": [1.0] * (len_unroll + 1), "final": [0.0] * len_unroll + [1.0]}
        if weights not in named:
            raise ValueError(f"loss_weights is 'all', 'final' or a list of numbers. Received: {weights!r}.")
        return named[weights]
    if len(weights) != len_unroll + 1:
        raise ValueError(
            f"loss_weights needs {len_unroll + 1} numbers, w_0 to w_{len_unroll}, for unrolls of {len_unroll} steps. "
            f"Received: {len(weights)}."
        )
    if not all(math.isfinite(weight) for weight in weights):
        raise ValueError(f"loss_weights holds finite numbers. Received: {list(weights)}.")
    return [float(weight) for weight in weights]
