"""What a replay keeps of the rollout: every state, or only what the networks saw."""

import math
from typing import Any

import tensorflow as tf

DEFAULT_BUDGET = 2**29
MODES = ("states", "recompute")


def choose(state: Any, len_unroll: int, budget: int) -> str:
    """ "states" where the states of `len_unroll` steps fit into `budget` bytes, else "recompute"."""
    one = sum(math.prod(tensor.shape) * tensor.dtype.size for tensor in tf.nest.flatten(state))
    return "states" if one * len_unroll <= budget else "recompute"


def checked(mode: str) -> str:
    """`mode`, one of `MODES`.

    Raises:
      ValueError: it is not.
    """
    if mode not in MODES:
        raise ValueError(f"memory is one of {list(MODES)}, or None. Received: {mode!r}.")
    return mode
