"""What a slot gives to an outer step, and the slot after it: a function of phi, the slot and the config."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from l2l_tf import networks, pretrained
from l2l_tf.networks import catalogue
from l2l_tf.saving import saved_optimizer
from l2l_tf.training import slots
from l2l_tf.training.estimate import Estimate, described
from l2l_tf.training.programs import Program, Programs, flattened, restored
from l2l_tf.training.slots import Place
from l2l_tf.training.tasks_config import TasksConfig
from l2l_tf.unrolling import fitting, seeds
from l2l_tf.unrolling.coordinates import AssignedNetworks
from l2l_tf.unrolling.run import Run
from problems.distribution import Distribution, Task


class Slot(NamedTuple):
    """A slot between two outer steps: where it stands, and its run, None where one is about to begin."""

    place: Place
    run: Run | None = None


class SlotComputer:
    """Estimates of slots by the network's weights as they are; the same wherever they are computed.

    Args:
      config: of the training.
      distribution: of the tasks.
      network: phi's.
    """

    def __init__(self, config: TasksConfig, distribution: Distribution, network: AssignedNetworks):
        self._config = config
        self._distribution = distribution
        self._variables = list(network.trainable_variables)
        self._tasks: dict[int, tuple[int, Task]] = {}
        self.programs = Programs(distribution, network, config)

    def assign(self, phi: np.ndarray) -> None:
        """Gives the network phi, `[P]`: all of its variables one after the other."""
        for variable, value in zip(self._variables, split(phi, self._variables)):
            variable.assign(value)

    def task(self, place: Place) -> Task:
        """What a slot holds there."""
        generation, task = self._tasks.get(place.slot, (-1, None))
        if task is None or generation != place.generation:
            task = slots.task(self._config, self._distribution, place)
            self._tasks[place.slot] = place.generation, task
        return task

    def program(self, place: Place) -> Program:
        """Of its task, made where there is none."""
        return self.programs.get(self.task(place))

    def keep_only(self, places: Iterable[Place]) -> None:
        """Lets all programs go but those of these."""
        self.programs.keep_only([self.task(place) for place in places])

    def estimate(self, slot: Slot) -> tuple[Estimate, Slot]:
        """What a slot gives to an outer step, and the slot after it.

        Where its task raises, what it gives is the error, and the slot after it holds another task.
        """
        place = slot.place
        try:
            program = self.program(place)
            traces = not program.traced
            run = slot.run if slot.run is not None else program.start(run_seed(self._config, place))
            estimate, run = program.estimate(run, slots.told_length(self._config, place))
            estimate = estimate.times(slots.weight(self._config, place))
        except Exception as error:  # Of whatever kind: one task does not end the training on the others.
            self.keep_only([])  # What it holds may be what memory is short of.
            return failure(self._variables, described(error)), Slot(slots.given_up(self._config, place))
        after = slots.after(self._config, place, estimate.finite)
        goes_on = (after.generation, after.run) == (place.generation, place.run)
        return estimate._replace(traced=traces), Slot(after, run if goes_on else None)

    def arrays_of(self, slot: Slot) -> list[np.ndarray]:
        """The run of a slot, to be kept or sent."""
        return [] if slot.run is None else flattened(slot.run)

    def slot_of(self, place: Place, arrays: list[np.ndarray]) -> Slot:
        """A slot that was kept or sent.

        Raises:
          ValueError: the arrays are not of a run there.
        """
        if not arrays:
            return Slot(place)
        return Slot(place, restored(arrays, self.program(place).start(run_seed(self._config, place))))


def network_of(config: TasksConfig) -> AssignedNetworks:
    """The networks of a training, at the weights that they begin with. `fitted` fits them to a problem."""
    nets = {}
    for name, net in config.networks.items():
        options = net.get("net_options", {})
        clock = {"trained_steps": config.num_steps} if catalogue.takes(net["net"], "trained_steps") else {}
        axis = {"function_axis": None} if fitting.asks_problem(net["net"], options) else {}
        nets[name] = networks.get(net["net"], **clock | axis | options)
    network = AssignedNetworks(nets, config.net_assignments, config.trained_weights)
    if config.trained_weights is not None and config.start_from:
        saved_optimizer.assign_weights(network, pretrained.folder(config.start_from))  # Those that are not assigned.
    return network


def run_seed(config: TasksConfig, place: Place) -> tf.Tensor:
    """The seed of the run that is, or is about to be, in a slot: int32 `[2]`."""
    numbers = place.slot, place.generation, place.run
    return seeds.fold(seeds.root(config.seed), seeds.Purpose.TRAINING, *numbers)


def failure(variables: list[tf.Variable], error: str) -> Estimate:
    """What a slot gives whose task failed."""
    return Estimate(np.full_like(joined(variables), np.nan), np.nan, np.nan, 0, error=error)


def joined(variables: list[tf.Variable]) -> np.ndarray:
    """Variables, or values of them, one after the other: `[P]`, of a type that holds all of theirs."""
    return np.concatenate([np.asarray(variable).reshape(-1) for variable in variables])


def split(flat: np.ndarray, variables: list[tf.Variable]) -> list[np.ndarray]:
    """The values of variables in what `joined` gave."""
    ends = np.cumsum([variable.shape.num_elements() for variable in variables])
    return [
        piece.reshape(variable.shape).astype(variable.dtype.as_numpy_dtype)
        for piece, variable in zip(np.split(flat, ends[:-1]), variables)
    ]
