"""Copies of slots where the driver is: what is lost with a worker is computed again from there, to the same bits."""

from collections.abc import Sequence

import numpy as np

from l2l_tf.training.slots import Place
from l2l_tf.training.workers import Start

_PERIOD = 10  # Estimates after which a slot is copied.

State = Sequence[tuple[Place, list[np.ndarray]]]


class SlotCopies:
    """Where each slot stood when it was last copied, its run then, and all phi since.

    Args:
      state: of the slots at the beginning.
      replays: whether phi are kept, so that a slot can be brought from its copy to where it is.

    Attributes:
      copies: of each slot: its place and the arrays of its run.
      at: how many estimates had been made of each when it was copied.
    """

    def __init__(self, state: State, replays: bool):
        self.copies = list(state)
        self.at = [0] * len(self.copies)
        self._replays = replays
        self._phis: dict[int, np.ndarray] = {}

    def keep_phi(self, done: int, phi: np.ndarray) -> None:
        """Of the estimates that are made next, when `done` have been made of every slot."""
        if self._replays:
            self._phis[done] = phi
            oldest = min(self.at)
            for old in [j for j in self._phis if j < oldest]:
                del self._phis[old]

    def is_due(self, slot: int, done: int) -> bool:
        """Whether the slot is to be copied after its next estimate. Not all are at once."""
        return (done + 1 + slot) % _PERIOD == 0 or done + 1 - self.at[slot] >= _PERIOD

    def keep(self, slot: int, done: int, place: Place, run: list[np.ndarray]) -> None:
        """A copy of the slot, after `done` estimates."""
        self.copies[slot], self.at[slot] = (place, run), done

    def start(self, slot: int, done: int) -> Start:
        """What a worker needs to have the slot as it is after `done` estimates."""
        place, run = self.copies[slot]
        return Start(place, run, [self._phis[j] for j in range(self.at[slot], done)])
