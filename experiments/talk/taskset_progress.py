"""How far a command over many tasks is: a line a task, with how many are done and the time that is left."""

import datetime
import threading
from collections.abc import Iterable


class Progress:
    """Counts tasks, from several threads, and estimates the time left from what is expected of each.

    Args:
      count: of all tasks.
    """

    def __init__(self, count: int):
        self._count = count
        self._done = 0
        self._waiting = 0.0
        self._spent = self._expected = 0.0
        self._lock = threading.Lock()

    def expect(self, sizes: Iterable[float]) -> None:
        """Says how large the tasks are that are to be run, in any unit."""
        self._waiting = sum(sizes)

    def done(self, name: str, told: str, seconds: float, size: float) -> None:
        """Prints a task's line; `seconds` is 0 where it was not run."""
        with self._lock:
            self._done += 1
            if seconds:
                self._waiting -= size
                self._spent += seconds
                self._expected += size
            left = ""
            if self._spent:
                estimate = self._spent / self._expected * max(self._waiting, 0)
                left = f", {datetime.timedelta(seconds=round(estimate))} of one core left"
            took = f" ({seconds:.1f} s)" if seconds else ""
            print(f"[{self._done}/{self._count}{left}] {name}: {told}{took}", flush=True)
