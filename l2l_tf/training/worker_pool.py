"""A pool of workers in Ray: started, given work, watched, and replaced where they are lost."""

import logging
import os
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from l2l_tf.training.estimate import described
from l2l_tf.training.workers import Done, Job, Worker, Workers

logger = logging.getLogger(__name__)

_POLL_SECONDS = 1.0
_FAILED_STARTS = 10  # In a row, after which something else is wrong.
_PATIENCE = 60.0  # Seconds without a worker, after which that is said.


class Result(NamedTuple):
    """What became of some jobs: they are done, or their worker was lost.

    Attributes:
      worker: that had them.
      jobs: that were given.
      version: of phi.
      done: what they gave; None where the worker was lost.
      error: why it was.
    """

    worker: Any
    jobs: Sequence[Job]
    version: int
    done: list[Done] | None
    error: str = ""


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
        self._ray = ray = _imported()
        self._workers = workers
        self._ours = not ray.is_initialized()
        if self._ours:
            _connect(ray, workers)
        self._class = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(Worker)
        self._make = ray.put(make)
        self._calls: dict[Any, _Call] = {}
        self._starting: dict[Any, Any] = {}
        self._failed_starts = 0
        self._alone_since = time.monotonic()
        self.up: list[Any] = []
        self.like = np.zeros([1], np.float32)
        for _ in range(workers.processes):
            self._start()

    def put(self, phi: np.ndarray) -> Any:
        """A reference to phi for `submit`."""
        self.like = phi
        return self._ray.put(phi)

    def fetch(self, reference: Any) -> Any | None:
        """What a reference is to; None where it is lost."""
        if reference is None:
            return None
        try:
            return self._ray.get(reference, timeout=60)
        except self._ray.exceptions.RayError:
            return None

    def free(self) -> list[Any]:
        """Workers that are up and have nothing to do."""
        busy = {id(call.worker) for call in self._calls.values()}
        return [worker for worker in self.up if id(worker) not in busy]

    def submit(self, worker: Any, phi: Any, jobs: Sequence[Job], version: int) -> None:
        """Gives jobs to a worker that is free."""
        deadline = time.monotonic() + self._workers.time_limit * len(jobs)
        self._calls[worker.work.remote(phi, jobs)] = _Call(worker, jobs, version, deadline)

    def wait(self) -> list[Result]:
        """What has become of jobs since; waits for some, not for long."""
        references = [*self._calls, *self._starting]
        if not references:
            time.sleep(_POLL_SECONDS)
        ready = self._ray.wait(references, num_returns=1, timeout=_POLL_SECONDS)[0] if references else []
        if ready and len(references) > 1:  # And what else is there already.
            ready = self._ray.wait(references, num_returns=len(references), timeout=0)[0] or ready
        results = []
        for reference in ready:
            if reference in self._starting:
                self._started(reference)
            else:
                results.append(self._result(reference))
        now = time.monotonic()
        for reference in [reference for reference, call in self._calls.items() if now > call.deadline]:
            call = self._calls.pop(reference)
            results.append(self._lost(call, f"it took more than {self._workers.time_limit:g} s"))
        if self.up:
            self._alone_since = now
        elif now - self._alone_since > _PATIENCE:
            logger.warning("No worker is up; waiting for one.")
            self._alone_since = now
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

    def _result(self, reference: Any) -> Result:
        call = self._calls.pop(reference)
        try:
            return Result(call.worker, call.jobs, call.version, self._ray.get(reference))
        except self._ray.exceptions.RayTaskError:
            raise  # A fault of ours: what tasks raise comes back as a result.
        except self._ray.exceptions.RayError as error:
            return self._lost(call, type(error).__name__)

    def _lost(self, call: _Call, why: str) -> Result:
        self._ray.kill(call.worker)
        self.up = [worker for worker in self.up if worker is not call.worker]
        names = ", ".join(str(job.slot) for job in call.jobs)
        logger.warning("A worker was lost (%s); slots %s are computed again, another worker is started.", why, names)
        self._start()
        return Result(call.worker, call.jobs, call.version, None, why)


def _imported() -> Any:
    try:
        import ray
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise ValueError('--workers needs Ray: pip install "l2l_tf[cluster]". Without it, --workers=0.') from error
    return ray


def _connect(ray: Any, workers: Workers) -> None:
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # Ray warns of it.
    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if workers.cluster is None:
        ray.init(num_cpus=workers.processes, include_dashboard=False, **options)
        return
    try:
        ray.init(address=workers.cluster, **options)
    except (ConnectionError, ValueError) as error:
        raise ValueError(f"There is no Ray cluster at --cluster={workers.cluster}: {error}") from error
