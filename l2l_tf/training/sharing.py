"""Which worker has which slot: it stays with its worker, which has compiled its task, until a move is worth it.

Nothing here changes what is computed, only where. No TensorFlow, no Ray.
"""

from collections.abc import Sequence
from typing import Any

_CLEARLY = 0.25  # How much less than the slowest the fastest worker has to do, before anything moves.
_PATIENCE = 5  # Outer steps in a row for which that must hold, as moving costs a compilation.
_NEWS = 0.3  # Weight of a new measurement in the mean of a slot's seconds.


class Sharing:
    """Who has which slot, and how long each slot takes there.

    Args:
      count: slots.

    Attributes:
      holders: of each slot; None where it is nobody's.
      seconds: that an estimate of each slot takes its holder; None where that is not known, as it has not compiled it.
    """

    def __init__(self, count: int):
        self.holders: list[Any] = [None] * count
        self.seconds: list[float | None] = [None] * count
        self._uneven = 0

    def give(self, slot: int, worker: Any) -> None:
        """The slot is this worker's, which has yet to compile its task."""
        self.holders[slot], self.seconds[slot] = worker, None

    def measure(self, slot: int, seconds: float) -> None:
        """An estimate of the slot took its holder so long, nothing compiled."""
        before = self.seconds[slot]
        self.seconds[slot] = seconds if before is None else before + _NEWS * (seconds - before)

    def forget(self, worker: Any) -> list[int]:
        """The worker is gone: its slots, which are nobody's now."""
        found = [i for i, holder in enumerate(self.holders) if holder is worker]
        for i in found:
            self.give(i, None)
        return found

    def settle(self, workers: Sequence[Any]) -> None:
        """Gives every slot that is nobody's to one of the workers.

        At the beginning each gets a row of neighbours, whose tasks are alike; later those with least to do get more.
        """
        homeless = [i for i, holder in enumerate(self.holders) if holder is None]
        if not workers or not homeless:
            return
        if len(homeless) == len(self.holders):
            for i in homeless:
                self.give(i, workers[i * len(workers) // len(homeless)])
            return
        loads = self._loads(workers)
        totals = [sum(load.values()) for load in loads]
        usual = self._usual()
        for i in homeless:
            least = totals.index(min(totals))
            self.give(i, workers[least])
            totals[least] += usual

    def moves(self, workers: Sequence[Any]) -> dict[int, Any]:
        """Slots that had better be another worker's, once an outer step: at once where one has nothing, else in time.

        From the worker with most to do to the one with least, as long as these differ by more than a quarter of the
        former and the step gets shorter. A slot's time at its next worker is taken to be that at the last: what moves
        from a slow machine to a fast one is quicker there, and does not come back.
        """
        if len(workers) < 2:
            return {}
        loads = self._loads(workers)
        idle = any(not load for load in loads)
        found: dict[int, Any] = {}
        while True:
            totals = [sum(load.values()) for load in loads]
            slow, fast = totals.index(max(totals)), totals.index(min(totals))
            gap = totals[slow] - totals[fast]
            fitting = {i: cost for i, cost in loads[slow].items() if cost <= 0.75 * gap and i not in found}
            if gap <= _CLEARLY * totals[slow] or not fitting:
                break
            chosen = min(fitting, key=lambda i: abs(fitting[i] - gap / 2))
            found[chosen] = workers[fast]
            loads[fast][chosen] = loads[slow].pop(chosen)
        self._uneven = self._uneven + 1 if found else 0
        if not idle and self._uneven < _PATIENCE:
            return {}
        self._uneven = 0
        return found

    def _loads(self, workers: Sequence[Any]) -> list[dict[int, float]]:
        usual = self._usual()
        numbers = {id(worker): n for n, worker in enumerate(workers)}
        loads: list[dict[int, float]] = [{} for _ in workers]
        for i, holder in enumerate(self.holders):
            seconds = self.seconds[i]
            if id(holder) in numbers:
                loads[numbers[id(holder)]][i] = usual if seconds is None else seconds
        return loads

    def _usual(self) -> float:
        known = [seconds for seconds in self.seconds if seconds is not None]
        return sum(known) / len(known) if known else 1.0
