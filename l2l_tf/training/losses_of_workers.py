"""Workers that were lost over slots, and when a slot's task is to blame."""

import math
from collections.abc import Sequence

import numpy as np

from l2l_tf.training.estimate import Estimate
from l2l_tf.training.worker_pool import Result

_APART = 2  # Workers lost while they had a slot, after which it is computed alone, to know whether it is the cause.
_BLAMED = 3  # Lost over a slot alone, for want of memory or by the time limit, after which its task is left out.
_UNCLEAR = 20  # Lost over it alone for any reason.


class LossesOfWorkers:
    """How often in a row workers were lost over each slot.

    A kill is not a task's fault, nor is the end of a machine. Want of memory (which Ray tells from other ends of a
    process) and the time limit are, three times in a row over one slot alone. A task that ends its process in another
    way, as an error in native code does, cannot be told from kills: it is left out after twenty in a row.

    Args:
      count: slots.
    """

    def __init__(self, count: int):
        self._lost = [0] * count
        self._alone = [0] * count
        self._blamed = [0] * count

    def clear(self, slot: int) -> None:
        """The slot was computed."""
        self._lost[slot] = self._alone[slot] = self._blamed[slot] = 0

    def apart(self, chosen: Sequence[int]) -> Sequence[int]:
        """Of the slots that a worker might do, those that it is to do in one call: suspects come last, each alone."""
        innocent = [i for i in chosen if self._lost[i] < _APART]
        return innocent or chosen[:1]

    def count(self, slot: int, result: Result, alone: bool) -> str:
        """Counts that a worker was lost while it had the slot, alone or not; why its task is left out, or nothing."""
        self._lost[slot] += _APART if result.blamed else 1
        if alone:
            self._alone[slot] += 1
            self._blamed[slot] += result.blamed
        if self._blamed[slot] < _BLAMED and self._alone[slot] < _UNCLEAR:
            return ""
        lost = self._alone[slot]
        self.clear(slot)
        return f"{lost} workers were lost over it, the last as {result.error}"

    @staticmethod
    def failed(error: str, like: np.ndarray) -> Estimate:
        """What such a task gives: `like` phi, `[P]`, and not finite."""
        return Estimate(np.full_like(like, np.nan), math.nan, math.nan, 0, error=error)
