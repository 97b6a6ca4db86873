"""The slots of outer steps, computed in this process."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np

from l2l_tf.training import slots
from l2l_tf.training.estimate import Given
from l2l_tf.training.slot_computer import SlotComputer
from l2l_tf.training.slots import Place
from l2l_tf.training.tasks_config import TasksConfig

_AT_ONCE = 2  # One estimate fills what another leaves of the cores.


class Slots(Protocol):
    """All slots of a training, wherever they are computed."""

    def step(self, phi: np.ndarray) -> Sequence[Given]:
        """What slots give to the outer step from phi, `[P]`, in the order in which it is summed."""

    def state(self) -> list[tuple[Place, list[np.ndarray]]]:
        """Where each slot stands, and its run: all that `restore` needs."""

    def restore(self, state: list[tuple[Place, list[np.ndarray]]]) -> None:
        """Goes on from there.

        Raises:
          ValueError: it is of other slots.
        """

    def close(self) -> None:
        """Ends what was begun for it."""

    @property
    def workers(self) -> int:
        """Processes at work beside this one."""


class LocalSlots:
    """`Slots` of this process.

    Args:
      config: of the training.
      computer: of estimates, whose network has phi already: it is not assigned.
    """

    workers = 0

    def __init__(self, config: TasksConfig, computer: SlotComputer):
        self._computer = computer
        self._slots = [computer.slot_of(slots.first(config, i), []) for i in range(config.tasks_per_step)]

    def step(self, phi):
        of, computer = self._slots, self._computer
        computer.keep_only([slot.place for slot in of])
        results = {}
        # What is traced is not traced twice at once.
        waiting = [i for i, slot in enumerate(of) if not self._may_run_beside_others(slot.place)]
        for i in waiting:
            results[i] = computer.estimate(of[i])
        rest = [i for i in range(len(of)) if i not in results]
        if len(rest) > 1:
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                results |= zip(rest, pool.map(lambda i: computer.estimate(of[i]), rest), strict=True)
        elif rest:
            results[rest[0]] = computer.estimate(of[rest[0]])
        given = [Given(slot.place, results[i][0]) for i, slot in enumerate(of)]
        self._slots = [results[i][1] for i in range(len(of))]
        return given

    def _may_run_beside_others(self, place: Place) -> bool:
        program = self._computer.programs.known(self._computer.task(place))
        return program is not None and program.traced and program.concurrent

    def state(self):
        return [(slot.place, self._computer.arrays_of(slot)) for slot in self._slots]

    def restore(self, state):
        if [place.slot for place, _ in state] != list(range(len(self._slots))):
            raise ValueError("it has other slots")
        self._slots = [self._computer.slot_of(place, arrays) for place, arrays in state]

    def close(self):
        self._computer.keep_only([])
