"""The slots of outer steps, computed by workers that may die, hang, be slow, or come and go."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from l2l_tf.training import slots
from l2l_tf.training.estimate import Estimate, Given
from l2l_tf.training.slots import Place
from l2l_tf.training.tasks_config import TasksConfig
from l2l_tf.training.worker_pool import Pool
from l2l_tf.training.workers import Done, Job, Start, Workers

_COPY_PERIOD = 10  # Outer steps after which runs are copied here: what is lost with a worker is done again from there.
_ATTEMPTS = 3  # Workers that may be lost over one task.
_IDLE_SECONDS = 10.0  # For which a worker waits for others before it takes a slot whose task it must compile.


class RemoteSlots:
    """`Slots` of workers.

    A slot is where it was computed last. A worker that is done takes slots of others that have not begun, those at once
    whose tasks it has compiled, the others when it has waited for long: each gets as much as it gets done. What was
    with a worker that is lost is computed again elsewhere, from a copy of the run and all phi since, to the same bits.

    Args:
      config: of the training.
      make: makes what computes, in a worker.
      workers: which there are to be.

    Attributes:
      stale: gradients dropped so far, as they were too old.
    """

    def __init__(self, config: TasksConfig, make: Callable[[], Any], workers: Workers):
        self._config = config
        self._staleness = workers.staleness
        self._pool = Pool(make, workers)
        self.stale = 0
        self._begin([(slots.first(config, i), []) for i in range(config.tasks_per_step)])

    @property
    def workers(self) -> int:
        """Processes that are up."""
        return len(self._pool.up)

    def close(self) -> None:
        """Ends the workers, and Ray where it was started for them."""
        self._pool.close()

    def restore(self, state):
        if [place.slot for place, _ in state] != list(range(self._config.tasks_per_step)):
            raise ValueError("it has other slots")
        self._begin(state)

    def _begin(self, state: Sequence[tuple[Place, list[np.ndarray]]]) -> None:
        count = len(state)
        self._version = 0  # Of phi.
        self._places = [place for place, _ in state]
        self._copies = list(state)
        self._copied_at = [0] * count  # How many estimates were made of a slot when it was copied.
        self._done = [0] * count
        self._phis: dict[int, np.ndarray] = {}  # Of the estimates since, where all slots wait for each other.
        self._runs: list[Any] = [None] * count  # Ray's references.
        self._holders: list[Any] = [None] * count
        self._attempts = [0] * count
        self._at_work: set[int] = set()
        self._idle: dict[Any, float] = {}
        self._knows: dict[Any, set[tuple[int, int]]] = {}

    def step(self, phi):
        self._version += 1
        if self._staleness is None:
            self._phis[self._done[0]] = phi
        return self._collect(phi)

    def state(self):
        """As `Slots.state`. Of slots whose run was lost with a worker it is computed again."""
        found = []
        for i in range(len(self._places)):
            arrays = self._pool.fetch(self._runs[i]) if self._done[i] > self._copied_at[i] else self._copies[i][1]
            if arrays is None and self._staleness is None:
                arrays = self._bring_up(i)
            found.append(self._copies[i] if arrays is None else (self._places[i], arrays))
        if self._staleness is None:
            self._copies, self._copied_at, self._phis = list(found), list(self._done), {}
        return found

    def _collect(self, phi: np.ndarray) -> list[Given]:
        count = len(self._places)
        reference = self._pool.put(phi)
        waits = self._staleness is None
        pending = set(range(count)) - self._at_work
        given: dict[tuple[int, int], Given] = {}
        while len(given) < count:
            self._dispatch(pending, reference)
            for result in self._pool.wait():
                if result.done is None:
                    self._lose(result, pending, given)
                    continue
                for done in result.done:
                    each = self._take(done, result.worker, result.version)
                    if each is None or not waits:
                        pending.add(done.slot)
                    if each is not None:
                        given[done.slot, done.done] = each
        return [each for _, each in sorted(given.items())]

    def _dispatch(self, pending: set[int], phi: Any) -> None:
        now = time.monotonic()
        for worker in self._pool.free():
            if not pending:
                break
            chosen = self._choose(worker, pending, now)
            if not chosen:
                continue
            jobs = [Job(i, self._done[i], self._start(i, worker), copied=self._copies_next(i)) for i in chosen]
            pending -= set(chosen)
            self._at_work |= set(chosen)
            self._idle.pop(worker, None)
            self._pool.submit(worker, phi, jobs, self._version)

    def _choose(self, worker: Any, pending: set[int], now: float) -> list[int]:
        """Slots for a worker that is free: half of those it may have, so that others may have the rest."""
        suspects = sorted(i for i in pending if self._attempts[i])
        own = sorted(i for i in pending if self._holders[i] is worker and not self._attempts[i])
        if own:
            return own[: math.ceil(len(own) / 2)]
        free = sorted(i for i in pending if self._holders[i] is None and not self._attempts[i])
        if free:
            return free[: math.ceil(len(free) / max(1, len(self._pool.up)))]
        if suspects:
            return suspects[:1]  # Alone, so that it is known which one a worker is lost over.
        known = self._knows.get(worker, set())
        others = sorted(pending)
        compiled = [i for i in others if (i, self._places[i].generation) in known]
        if compiled:
            return compiled[:1]
        if now - self._idle.setdefault(worker, now) > _IDLE_SECONDS:
            return others[:1]
        return []

    def _start(self, i: int, worker: Any) -> Start | None:
        if self._holders[i] is worker:
            return None
        if self._runs[i] is not None:
            return Start(self._places[i], self._runs[i])
        place, arrays = self._copies[i]
        return Start(place, arrays, [self._phis[j] for j in range(self._copied_at[i], self._done[i])])

    def _copies_next(self, i: int) -> bool:
        return self._done[i] + 1 - self._copied_at[i] >= _COPY_PERIOD

    def _take(self, done: Done, worker: Any, version: int) -> Given | None:
        """What of a job that is done counts."""
        i = done.slot
        self._at_work.discard(i)
        if done.lost:
            self._forget(i)
            return None
        place = self._places[i]
        self._holders[i], self._runs[i], self._attempts[i] = worker, done.run, 0
        self._places[i], self._done[i] = done.place, done.done
        self._knows.setdefault(worker, set()).add((i, place.generation))
        if done.copied is not None:
            self._copies[i], self._copied_at[i] = (self._places[i], done.copied), done.done
            oldest = min(self._copied_at)
            self._phis = {j: phi for j, phi in self._phis.items() if j >= oldest}
        if done.estimate is None:
            return None
        age = self._version - version
        if self._staleness is not None and age > self._staleness:
            self.stale += 1
            return None
        return Given(place, done.estimate, age)

    def _forget(self, i: int) -> None:
        """The run of a slot is lost: it begins from its copy."""
        self._holders[i] = self._runs[i] = None
        if self._staleness is not None:
            self._places[i], self._done[i] = self._copies[i][0], self._copied_at[i]

    def _lose(self, result: Any, pending: set[int], given: dict[tuple[int, int], Given]) -> None:
        """A worker is lost: what it had is to be done again."""
        for i, holder in enumerate(self._holders):
            if holder is result.worker:
                self._forget(i)
        self._idle.pop(result.worker, None)
        self._knows.pop(result.worker, None)
        for job in result.jobs:
            i = job.slot
            self._at_work.discard(i)
            self._attempts[i] += 1
            if self._attempts[i] < _ATTEMPTS:
                pending.add(i)
                continue
            place, self._attempts[i] = self._places[i], 0
            error = f"{_ATTEMPTS} workers were lost over it, the last as {result.error}"
            given[i, self._done[i] + 1] = Given(place, self._failed(error))
            self._places[i] = slots.given_up(self._config, place)
            self._done[i] += 1
            self._copies[i], self._copied_at[i], self._runs[i] = (self._places[i], []), self._done[i], None

    def _failed(self, error: str) -> Estimate:
        return Estimate(np.full_like(self._pool.like, np.nan), math.nan, math.nan, 0, error=error)

    def _bring_up(self, i: int) -> list[np.ndarray]:
        """The run of a slot that was lost, computed again."""
        reference = self._pool.put(self._pool.like)
        self._holders[i] = self._runs[i] = None
        asked = False
        while True:
            for worker in self._pool.free()[: not asked]:
                asked = True
                job = Job(i, self._done[i], self._start(i, worker), estimates=False, copied=True)
                self._pool.submit(worker, reference, [job], self._version)
            for result in self._pool.wait():
                if result.done is None:
                    asked = False
                    self._lose(result._replace(jobs=[]), set(), {})
                else:
                    return result.done[0].copied or []
