"""What a replay keeps of the rollout.

"activations" keeps what going back through a step needs, gates included; "states" keeps the state before each step, a
quarter to a third of that, and computes the gates again; "recompute" keeps only what the networks saw, and computes
the states again, block by block. Each takes less memory and more time than the one before.
"""

import math
from collections.abc import Iterable
from typing import Any

import tensorflow as tf

DEFAULT_BUDGET = 2**29
MODES = ("activations", "states", "recompute")


def choose(parts: Iterable[Any], state: Any, len_unroll: int, budget: int) -> str:
    """The first of `MODES` whose records of `len_unroll` steps fit into `budget` bytes.

    Args:
      parts: the networks' parts, see `l2l_tf.fast.parts`.
      state: the state of all networks; tensors, of which only types and shapes are read.
    """
    states = sum(math.prod(tensor.shape) * tensor.dtype.size for tensor in tf.nest.flatten(state))
    activations = sum(part.activation_bytes() for part in parts)
    for mode, bytes_a_step in (("activations", states + activations), ("states", states)):
        if bytes_a_step * len_unroll <= budget:
            return mode
    return "recompute"


def checked(mode: str) -> str:
    """`mode`, one of `MODES`.

    Raises:
      ValueError: it is not.
    """
    if mode not in MODES:
        raise ValueError(f"memory is one of {list(MODES)}, or None. Received: {mode!r}.")
    return mode
