"""The slots of outer steps, computed by workers that may die, hang, be slow, or come and go."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from l2l_tf.training import slots
from l2l_tf.training.answers import Answer
from l2l_tf.training.estimate import Given
from l2l_tf.training.losses_of_workers import LossesOfWorkers
from l2l_tf.training.sharing import Sharing
from l2l_tf.training.slot_copies import SlotCopies, State
from l2l_tf.training.tasks_config import TasksConfig
from l2l_tf.training.worker_pool import Pool, Result
from l2l_tf.training.workers import Job, Workers

_SLOWER = 10.0  # Times as long as a compiled task's last estimates may the next take.


class _Answered(NamedTuple):
    slot: int
    answer: Answer
    version: int


class RemoteSlots:
    """`Slots` of workers.

    A slot stays with the worker that has compiled its task; `Sharing` says when it moves. A worker does all its slots
    of an outer step in one call. What was with a worker that is lost is computed again elsewhere, from a copy of the
    run and all phi since, to the same bits.

    Args:
      config: of the training.
      make: makes what computes, in a worker.
      workers: which there are to be.

    Attributes:
      stale: gradients dropped so far, as they were too old.
      sharing: who has which slot.

    Raises:
      ValueError: Ray is not installed, or there is no such cluster.
    """

    def __init__(self, config: TasksConfig, make: Callable[[], Any], workers: Workers):
        self._config = config
        self._staleness = workers.staleness
        self._time_limit = workers.time_limit
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

    def _begin(self, state: State) -> None:
        self._version = 0  # Of phi.
        self._places = [place for place, _ in state]
        self._done = [0] * len(state)  # Estimates made of each slot.
        self._copies = SlotCopies(state, replays=self._staleness is None)
        self._losses = LossesOfWorkers(len(state))
        self.sharing = Sharing(len(state))
        self._sent: dict[int, Any] = {}  # Which worker has what the driver knows of a slot.
        self._moves: dict[int, Any] = {}  # Slots that move once they are copied.
        self._at_work: set[int] = set()

    def step(self, phi):
        if self._version == 0:
            self._pool.gather()
        self._version += 1
        self._copies.keep_phi(self._done[0], phi)
        for i, worker in self.sharing.moves(self._pool.up).items():
            self._moves[i] = worker
            if self._copies.at[i] == self._done[i] and i not in self._at_work:
                self._move(i)
        pending = set(range(len(self._places))) - self._at_work
        given: dict[tuple[int, int], Given] = {}
        for slot, answer, version in self._answers(phi, pending, given):
            place = self._places[slot]
            self._take(slot, answer)
            age = self._version - version
            if self._staleness is not None:
                pending.add(slot)
                if age > self._staleness:
                    self.stale += 1
                    continue
            assert answer.estimate is not None
            given[slot, self._done[slot]] = Given(place, answer.estimate, age)
        return [each for _, each in sorted(given.items())]

    def state(self):
        """As `Slots.state`: what the driver has no copy of is asked of the workers, or computed again.

        Where workers do not wait for each other, the copies as they are: at most ten estimates old.
        """
        if self._staleness is None:
            pending = {i for i, done in enumerate(self._done) if done > self._copies.at[i]}
            for slot, answer, _ in self._answers(self._pool.like, pending, None):
                self._take(slot, answer, made=0)
        return list(self._copies.copies)

    def _answers(
        self, phi: np.ndarray, pending: set[int], given: dict[tuple[int, int], Given] | None
    ) -> Iterator[_Answered]:
        """What workers answer of the slots that are pending, until there are as many estimates as slots.

        Args:
          phi: at which they are made.
          pending: slots to be computed; those that are lost on the way are added.
          given: estimates, here and by the caller; None where none are to be made, but copies.
        """
        reference = self._pool.put(phi)
        waits, estimates = self._staleness is None, given is not None
        while pending or self._at_work if given is None else len(given) < len(self._places):
            self._dispatch(pending, reference, estimates)
            for result in self._pool.wait(everything=waits):
                if result.answers is None:
                    self._lose(result, pending, given)
                    continue
                for job, answer in zip(result.jobs, result.answers):
                    self._at_work.discard(job.slot)
                    if answer.lost:
                        self._forget(job.slot)
                        pending.add(job.slot)
                    else:
                        self._sent[job.slot] = result.worker
                        self._losses.clear(job.slot)
                        yield _Answered(job.slot, answer, result.version)

    def _dispatch(self, pending: set[int], phi: Any, estimates: bool) -> None:
        self.sharing.settle(self._pool.up)
        holders = self.sharing.holders
        own: dict[int, list[int]] = {}
        for i in sorted(pending):
            own.setdefault(id(holders[i]), []).append(i)
        for worker in self._pool.free() if pending else []:
            chosen = self._losses.apart(own.get(id(worker), []))
            if not chosen:
                continue
            jobs = [self._job(i, worker, estimates) for i in chosen]
            pending.difference_update(chosen)
            self._at_work.update(chosen)
            limit = max(self._time_limit, sum(self._limit(job) for job in jobs))
            self._pool.submit(worker, phi, jobs, self._version, limit)

    def _job(self, i: int, worker: Any, estimates: bool) -> Job:
        start = None if self._sent.get(i) is worker else self._copies.start(i, self._done[i])
        copied = not estimates or i in self._moves or self._copies.is_due(i, self._done[i])
        return Job(i, self._done[i], start, estimates, copied)

    def _limit(self, job: Job) -> float:
        """Seconds that a job may take: the time limit where a task may have to be compiled."""
        seconds = self.sharing.seconds[job.slot]
        return self._time_limit if job.start or seconds is None else min(self._time_limit, _SLOWER * seconds)

    def _take(self, i: int, answer: Answer, made: int = 1) -> None:
        """A slot stands where its worker brought it, by so many estimates more."""
        before, place = self._places[i], answer.place
        self._places[i] = place
        self._done[i] += made
        copied = answer.copied if place.age else []  # Where no run has begun there is nothing to be copied.
        if copied is not None:
            self._copies.keep(i, self._done[i], place, copied)
        if place.generation != before.generation:
            self.sharing.give(i, self.sharing.holders[i])
        elif answer.estimate is not None and not answer.estimate.traced:
            self.sharing.measure(i, answer.seconds)
        if copied is not None and i in self._moves:
            self._move(i)

    def _move(self, i: int) -> None:
        worker = self._moves.pop(i)
        if any(worker is one for one in self._pool.up):
            self.sharing.give(i, worker)
            self._sent.pop(i, None)

    def _forget(self, i: int) -> None:
        """No worker has what the driver knows of the slot: it begins from its copy."""
        self._sent.pop(i, None)
        if self._staleness is not None:
            self._places[i], self._done[i] = self._copies.copies[i][0], self._copies.at[i]

    def _lose(self, result: Result, pending: set[int], given: dict[tuple[int, int], Given] | None) -> None:
        """A worker is lost: what it had is to be done again."""
        for i in self.sharing.forget(result.worker):
            self._moves.pop(i, None)
            if i not in self._at_work:
                self._forget(i)
        for job in result.jobs:
            i = job.slot
            self._at_work.discard(i)
            self._forget(i)
            error = self._losses.count(i, result, alone=len(result.jobs) == 1)
            if given is None or not error:
                pending.add(i)
                continue
            given[i, self._done[i] + 1] = Given(self._places[i], self._losses.failed(error, self._pool.like))
            self._places[i] = slots.given_up(self._config, self._places[i])
            self._done[i] += 1
            self._copies.keep(i, self._done[i], self._places[i], [])
