"""What the driver costs: a training whose workers only sleep."""

import functools
import os
import time
import types

import numpy as np

from benchmarks.workers.trainings import digits_config
from l2l_tf.training.estimate import Estimate
from l2l_tf.training.workers import Workers

_SLOTS = 16  # Of each worker.


class Sleeper:
    """Computes nothing, in as much time as it is told. Its gradients are small, so that phi stays finite."""

    def __init__(self, seconds: float, size: int):
        self._seconds = seconds
        self._gradient = np.full([size], 1e-6, np.float32)

    def assign(self, phi):
        """Nothing is computed at it."""

    def keep_only(self, places):
        """Nothing is compiled."""

    def arrays_of(self, slot):
        """No run."""
        return []

    def slot_of(self, place, arrays):
        """A slot that stays where it is."""
        return types.SimpleNamespace(place=place)

    def estimate(self, slot):
        """After a while."""
        time.sleep(self._seconds)
        return Estimate(self._gradient, 0.0, 0.0, 0), slot


def simulate(folder: str, count: list[int], rate: float, size: int, seconds: float = 10.0) -> None:
    """Prints the driver's CPU time of an estimate, with so many workers that make `rate` estimates a second together.

    Twice: of slots alone, with gradients of `size` numbers, and of whole outer steps of AdafactorMLP.
    """
    for processes in count:
        settings = digits_config(tasks_per_step=processes * _SLOTS)
        pause = processes / rate
        for make in (  # One after the other: the first to end ends Ray.
            functools.partial(_slots, settings, pause, size, processes),
            functools.partial(_training, settings, pause, processes, folder),
        ):
            name, advance, close = make()
            for _ in range(3):
                advance()
            began, own, steps = time.time(), time.process_time(), 0
            while time.time() - began < seconds or steps < 3:
                advance()
                steps += 1
            wall, own = time.time() - began, time.process_time() - own
            estimates = steps * settings.tasks_per_step
            print(
                f"{processes} workers, {name}: {estimates / wall:.0f} estimates a second ({rate:g} asked), driver "
                f"{own / wall:.1%} of a core, {own / estimates * 1e6:.0f} microseconds an estimate; "
                f"load {os.getloadavg()[0]:.1f}",
                flush=True,
            )
            close()


def _slots(settings, pause, size, processes):
    from l2l_tf.training.remote_slots import RemoteSlots
    from l2l_tf.training.tasks import mean_of_finite

    remote = RemoteSlots(settings, functools.partial(Sleeper, pause, size), Workers(processes))
    phi = np.zeros([size], np.float32)
    return (
        f"{size} numbers",
        lambda: mean_of_finite([each.estimate for each in remote.step(phi)]),
        remote.close,
    )


def _training(settings, pause, processes, folder):
    from l2l_tf.training.remote_slots import RemoteSlots
    from l2l_tf.training.tasks import TasksTraining

    class Simulated(TasksTraining):
        def _made_slots(self, distribution, data, workers):
            size = sum(variable.shape.num_elements() for variable in self._variables)
            return RemoteSlots(self.config, functools.partial(Sleeper, pause, size), workers)

    training = Simulated(settings, folder, overwrite=True, workers=Workers(processes))
    return "whole outer steps", training._advance, training.close
