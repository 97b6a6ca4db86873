"""A pool of workers in Ray: started, given work, watched, and replaced where they are lost."""

import logging
import os
import pickle
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from l2l_tf.training import ray_cluster
from l2l_tf.training.answers import Answer, unpacked
from l2l_tf.training.estimate import described
from l2l_tf.training.workers import Job, Worker, Workers

logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.2
_FAILED_STARTS = 10  # In a row, after which something else is wrong.
_PATIENCE = 60.0  # Seconds without a worker, after which that is said.
_GATHERING = 60.0  # Seconds for which the first worker that is up waits for others.
_SILENCE = 30.0  # Seconds without news from any worker, after which Ray is asked whether it is still there.
_SENT_ALONG = 100_000  # Bytes of phi up to which each call has them; larger ones go into Ray's store once.


class Result(NamedTuple):
    """What became of some jobs: they are done, or their worker was lost.

    Attributes:
      worker: that had them.
      jobs: that were given.
      version: of phi.
      answers: what they gave; None where the worker was lost.
      error: why it was.
      blamed: whether that is the doing of a job: memory ran out, or the time.
    """

    worker: Any
    jobs: Sequence[Job]
    version: int
    answers: list[Answer] | None
    error: str = ""
    blamed: bool = False


class _Call(NamedTuple):
    worker: Any
    jobs: Sequence[Job]
    version: int
    deadline: float


class Pool:
    """Workers, as many as are asked for and as there is room for.

    Args:
      make: makes what computes, in a worker.
      workers: which there are to be.

    Attributes:
      up: those that are up.
      like: the last phi.

    Raises:
      ValueError: Ray is not installed, or there is no such cluster.
    """

    def __init__(self, make: Callable[[], Any], workers: Workers):
        self._ray = ray = ray_cluster.imported()
        self._workers = workers
        self._ours = not ray.is_initialized()
        if self._ours:
            ray_cluster.connect(ray, workers)
        self._class = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(Worker)
        self._make = make  # Not in Ray's store: where Ray dies, it ends a process that has something there.
        self._calls: dict[Any, _Call] = {}
        self._starting: dict[Any, Any] = {}
        self._failed_starts = 0
        self._alone_since = self._heard = time.monotonic()
        self.up: list[Any] = []
        self.like = np.zeros([1], np.float32)
        for _ in range(workers.processes):
            self._start()

    def gather(self) -> None:
        """Waits until all workers are up, or some for a minute: tasks are compiled by those that will have them.

        Raises:
          ValueError: none starts.
          RayLostError: Ray has died.
        """
        first = None
        while self._starting:
            now = time.monotonic()
            first = now if first is None and self.up else first
            if first is not None and now - first > _GATHERING:
                break
            self._wait_for_starts(_POLL_SECONDS)
            self._watch(news=False)

    def put(self, phi: np.ndarray) -> Any:
        """What `submit` takes of phi."""
        self.like = phi
        packet = pickle.dumps(phi, pickle.HIGHEST_PROTOCOL)
        return packet if len(packet) <= _SENT_ALONG else self._ray.put(packet)

    def free(self) -> list[Any]:
        """Workers that are up and have nothing to do."""
        busy = {id(call.worker) for call in self._calls.values()}
        return [worker for worker in self.up if id(worker) not in busy]

    def submit(self, worker: Any, phi: Any, jobs: Sequence[Job], version: int, seconds: float) -> None:
        """Gives jobs to a worker that is free; it is replaced if they take longer."""
        packet = pickle.dumps([tuple(job) for job in jobs], pickle.HIGHEST_PROTOCOL)  # Plain ones take less time.
        deadline = time.monotonic() + seconds
        self._calls[worker.work.remote(phi, packet)] = _Call(worker, jobs, version, deadline)

    def wait(self, everything: bool = False) -> list[Result]:
        """What has become of jobs since; waits for some, or for all, but not for long.

        Raises:
          ValueError: no worker starts.
          RayLostError: Ray has died.
        """
        if not self._calls:
            self._wait_for_starts(_POLL_SECONDS)
            self._watch(news=False)
            return []
        calls = list(self._calls)
        count = len(calls)
        ready, _ = self._ray.wait(calls, num_returns=count if everything else 1, timeout=_POLL_SECONDS)
        if ready and not everything and count > 1:  # And what else is there already.
            ready = self._ray.wait(calls, num_returns=count, timeout=0)[0] or ready
        results = self._results(ready)
        now = time.monotonic()
        for reference in [reference for reference, call in self._calls.items() if now > call.deadline]:
            results.append(self._lost(self._calls.pop(reference), "its time limit", blamed=True))
        self._wait_for_starts(0)
        self._watch(news=bool(ready))
        return results

    def close(self) -> None:
        """Ends the workers, and Ray where it was started for them."""
        for worker in [*self.up, *self._starting.values()]:
            self._ray.kill(worker)
        self.up, self._calls, self._starting = [], {}, {}
        if self._ours:
            self._ray.shutdown()

    def _start(self) -> None:
        worker = self._class.remote(self._make, os.getcwd())
        self._starting[worker.ready.remote()] = worker

    def _wait_for_starts(self, seconds: float) -> None:
        """Looks which workers have come up; waits for one for so long."""
        if not self._starting:
            time.sleep(seconds)
            return
        starting = list(self._starting)
        ready, _ = self._ray.wait(starting, num_returns=len(starting) if seconds == 0 else 1, timeout=seconds)
        for reference in ready:
            self._started(reference)

    def _watch(self, news: bool) -> None:
        """Asks after Ray where nothing is heard, and says where no worker is up."""
        now = time.monotonic()
        if news:
            self._heard = now
        elif now - self._heard > _SILENCE:
            ray_cluster.check_alive(self._ray)
            self._heard = now
        if self.up:
            self._alone_since = now
        elif now - self._alone_since > _PATIENCE:
            logger.warning("No worker is up; waiting for one.")
            self._alone_since = now

    def _started(self, reference: Any) -> None:
        worker = self._starting.pop(reference)
        try:
            self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            self._failed_starts += 1
            if self._failed_starts >= _FAILED_STARTS:
                raise ValueError(f"No worker starts. The last one: {described(error)}") from error
            self._start()
            return
        self._failed_starts = 0
        self.up.append(worker)

    def _results(self, ready: list[Any]) -> list[Result]:
        try:
            packets = self._ray.get(ready)
        except self._ray.exceptions.RayError:
            return [self._result(reference) for reference in ready]
        return [self._answered(reference, packet) for reference, packet in zip(ready, packets)]

    def _result(self, reference: Any) -> Result:
        exceptions = self._ray.exceptions
        try:
            return self._answered(reference, self._ray.get(reference))
        except exceptions.RayTaskError:
            raise  # A fault of ours: what tasks raise comes back as a result.
        except exceptions.RayError as error:
            name, blamed = type(error).__name__, isinstance(error, exceptions.OutOfMemoryError)
            return self._lost(self._calls.pop(reference), name, blamed)

    def _answered(self, reference: Any, packet: bytes) -> Result:
        call = self._calls.pop(reference)
        return Result(call.worker, call.jobs, call.version, unpacked(packet))

    def _lost(self, call: _Call, why: str, blamed: bool) -> Result:
        ray_cluster.check_alive(self._ray)
        self._ray.kill(call.worker)
        self.up = [worker for worker in self.up if worker is not call.worker]
        names = ", ".join(str(job.slot) for job in call.jobs)
        logger.warning("A worker was lost (%s); slots %s are computed again, another worker is started.", why, names)
        self._start()
        return Result(call.worker, call.jobs, call.version, None, why, blamed)
