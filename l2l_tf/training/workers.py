"""Workers: processes that compute estimates of slots, held by Ray. Ray is imported where workers are asked for."""

import functools
import os
import pickle
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from l2l_tf.training.answers import Answer, packed
from l2l_tf.training.slots import Place
from l2l_tf.training.tasks_config import TasksConfig

if TYPE_CHECKING:
    from l2l_tf.training.slot_computer import SlotComputer

_NOWHERE = Place(0, 0, 0, 0, 0, 0)
_KEPT = 50  # Calls for which a worker keeps the program of a slot that it no longer has.


class Workers(NamedTuple):
    """Which workers there are to be.

    Attributes:
      processes: how many, each with one thread.
      cluster: address of a Ray cluster, or "auto" for the one of this machine; None starts Ray here.
      time_limit: seconds for an estimate, its compilation included; a worker that takes longer is replaced.
      staleness: updates of phi that a gradient may be old; None waits for all slots in every outer step.
    """

    processes: int
    cluster: str | None = None
    time_limit: float = 600.0
    staleness: int | None = None


class Start(NamedTuple):
    """A slot as it was, and the phi since then, from which it becomes what it is.

    Attributes:
      place: where it stood.
      run: arrays of its run.
      phis: `[P]` each, of the outer steps that it took since.
    """

    place: Place
    run: list[np.ndarray]
    phis: Sequence[np.ndarray] = ()


class Job(NamedTuple):
    """An estimate to be made.

    Attributes:
      slot: its number.
      done: how many estimates were made of it.
      start: from where, if the worker does not have it.
      estimates: whether it is to be made; else the slot is only brought to where it is.
      copied: whether the run after it is wanted.
    """

    slot: int
    done: int
    start: Start | None
    estimates: bool = True
    copied: bool = False


class Worker:
    """What a process of Ray's is.

    Args:
      make: what computes.
      path: where to look for the modules of the user's own.
    """

    def __init__(self, make: Callable[[], "SlotComputer"], path: str):
        if path not in sys.path and os.path.isdir(path):
            sys.path.append(path)
        self._computer = make()
        self._slots: dict[int, tuple[int, Any]] = {}
        self._places: dict[int, tuple[int, Place]] = {}
        self._tasks: set[tuple[int, int]] = set()
        self._assigned: np.ndarray | None = None
        self._calls = 0

    def ready(self) -> int:
        """The number of its process, once it is up."""
        return os.getpid()

    def work(self, phi: bytes, jobs: bytes) -> bytes:
        """Does the jobs at phi, one after the other: both and what it gives are pickled (`answers`).

        Ray hands bytes on as they are, which costs the driver half of what arrays and tuples do.
        """
        self._calls += 1
        values, todo = pickle.loads(phi), pickle.loads(jobs)
        self._assigned = None
        given = packed([self._do(values, Job(*job)) for job in todo])
        self._places = {i: kept for i, kept in self._places.items() if kept[0] > self._calls - _KEPT}
        self._slots = {i: slot for i, slot in self._slots.items() if i in self._places}
        tasks = {(i, place.generation) for i, (_, place) in self._places.items()}
        if tasks != self._tasks:
            self._tasks = tasks
            self._computer.keep_only([place for _, place in self._places.values()])
        return given

    def _do(self, phi: np.ndarray, job: Job) -> Answer:
        began = time.perf_counter()
        if job.start is None:
            done, slot = self._slots.get(job.slot, (-1, None))
            if done != job.done:
                return Answer(None, _NOWHERE, lost=True)
        else:
            slot = self._computer.slot_of(job.start.place, job.start.run)
            for past in job.start.phis:
                self._assign(past)
                _, slot = self._computer.estimate(slot)
            began = time.perf_counter()
        estimate, done = None, job.done
        if job.estimates:
            self._assign(phi)
            estimate, slot = self._computer.estimate(slot)
            done += 1
        self._slots[job.slot] = done, slot
        self._places[job.slot] = self._calls, slot.place
        arrays = self._computer.arrays_of(slot) if job.copied else None
        return Answer(estimate, slot.place, arrays, time.perf_counter() - began)

    def _assign(self, phi: np.ndarray) -> None:
        if self._assigned is not phi:
            self._computer.assign(phi)
            self._assigned = phi


def computer_factory(config: TasksConfig, data: dict[str, Any]) -> Callable[[], "SlotComputer"]:
    """What makes a worker's computer, to be sent to it.

    Args:
      config: of the training.
      data: keyword arguments for problems that are not part of their identity.
    """
    return functools.partial(_make_computer, config.to_json(), data)


def _make_computer(config_json: dict[str, Any], data: dict[str, Any]) -> "SlotComputer":
    """In a process of its own: TensorFlow with one thread, so that other processes have the other cores."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")  # Every task is functions of its own, and TensorFlow warns of many.
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    from l2l_tf.training.slot_computer import SlotComputer, network_of
    from problems import distribution

    config = TasksConfig(**config_json)
    sampled = distribution.get(config.problem, config.problem_options, data)
    return SlotComputer(config, sampled, network_of(config))
