"""What a replay keeps of the rollout.

"activations" keeps what going back through a step needs, gates included; "states" keeps the state before each step, a
quarter to a third of that, and computes the gates again; "recompute" keeps only what the networks saw, and computes
the states again, block by block. Each takes less memory and more time than the one before.

This is for networks in blocks that XLA compiled; native code has no use for such records (`l2l_tf.fast.native`).
"""

from collections.abc import Mapping
from typing import Any

DEFAULT_BUDGET = 2**29
MODES = ("activations", "states", "recompute")


def choose(parts: Mapping[str, Any], state: Mapping[str, Any], len_unroll: int, budget: int) -> str:
    """The first of `MODES` whose records of `len_unroll` steps fit into `budget` bytes.

    Args:
      parts: name to part of a network, see `l2l_tf.fast.parts`.
      state: name to the network's state; tensors, of which only types and shapes are read.
    """
    for mode in MODES[:-1]:
        activations = mode == "activations"
        if len_unroll * sum(part.record_bytes(state[name], activations) for name, part in parts.items()) <= budget:
            return mode
    return MODES[-1]


def checked(mode: str) -> str:
    """`mode`, one of `MODES`.

    Raises:
      ValueError: it is not.
    """
    if mode not in MODES:
        raise ValueError(f"memory is one of {list(MODES)}, or None. Received: {mode!r}.")
    return mode
