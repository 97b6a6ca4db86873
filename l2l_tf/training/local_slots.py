"""The slots of an outer step in this process."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from l2l_tf.training import slots
from l2l_tf.training.programs import Estimate, Programs, flattened, restored
from l2l_tf.training.slots import Place
from l2l_tf.training.tasks_config import TasksConfig
from l2l_tf.unrolling import seeds
from l2l_tf.unrolling.run import Run
from problems.distribution import Distribution

_AT_ONCE = 2  # One estimate fills what another leaves of the cores.


class Slot(NamedTuple):
    """A slot between two outer steps: where it stands, and its run, None where one is about to begin."""

    place: Place
    run: Run | None = None


def run_seed(config: TasksConfig, place: Place) -> tf.Tensor:
    """The seed of the run that is, or is about to be, in a slot: int32 `[2]`."""
    numbers = place.slot, place.generation, place.run
    return seeds.fold(seeds.root(config.seed), seeds.Purpose.TRAINING, *numbers)


class LocalSlots:
    """Estimates of slots, one after the other or two at a time, by the network's weights as they are.

    An estimate and the slot after it are a function of phi, the slot and the config: the same wherever it is computed.

    Args:
      config: of the training.
      distribution: of the tasks.
      programs: of the tasks.
    """

    def __init__(self, config: TasksConfig, distribution: Distribution, programs: Programs):
        self._config = config
        self._distribution = distribution
        self._programs = programs

    def estimate(self, slot: Slot) -> tuple[Estimate, Slot]:
        """What a slot gives to an outer step, and the slot after it."""
        config, place = self._config, slot.place
        program = self._programs.get(slots.task(config, self._distribution, place))
        run = slot.run if slot.run is not None else program.start(run_seed(config, place))
        estimate, run = program.estimate(run)
        after = slots.after(config, place, estimate.finite)
        goes_on = (after.generation, after.run) == (place.generation, place.run)
        return estimate, Slot(after, run if goes_on else None)

    def estimate_all(self, of: Sequence[Slot]) -> list[tuple[Estimate, Slot]]:
        """`estimate` of each, in their order."""
        tasks = [slots.task(self._config, self._distribution, slot.place) for slot in of]
        self._programs.keep_only(tasks)
        programs = [self._programs.get(task) for task in tasks]
        # What is traced is not traced twice at once.
        results = {}
        for i, (slot, program) in enumerate(zip(of, programs)):
            if not (program.traced and program.concurrent):
                results[i] = self.estimate(slot)
        rest = [i for i in range(len(of)) if i not in results]
        if len(rest) > 1:
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                results |= zip(rest, pool.map(lambda i: self.estimate(of[i]), rest), strict=True)
        elif rest:
            results[rest[0]] = self.estimate(of[rest[0]])
        return [results[i] for i in range(len(of))]

    def arrays_of(self, slot: Slot) -> list[np.ndarray]:
        """The run of a slot, to be kept."""
        return [] if slot.run is None else flattened(slot.run)

    def slot_of(self, place: Place, arrays: list[np.ndarray]) -> Slot:
        """A slot that was kept.

        Raises:
          ValueError: the arrays are not of a run there.
        """
        if not arrays:
            return Slot(place)
        program = self._programs.get(slots.task(self._config, self._distribution, place))
        return Slot(place, restored(arrays, program.start(run_seed(self._config, place))))
