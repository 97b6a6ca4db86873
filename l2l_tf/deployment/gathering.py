"""Keras passes an optimizer its variables one by one; a learned rule needs them together."""

import contextlib
from collections.abc import Iterator
from typing import Any


class Gathering:
    """Collects what Keras passes to `update_step` variable by variable, until a whole update is there.

    Under a strategy with replicas, Keras passes every variable once for each replica, in the same order; the n-th
    time of a variable belongs to the n-th replica.
    """

    def __init__(self):
        self._expected = 0
        self._open: list[dict[int, tuple[Any, Any]]] = []

    @property
    def is_open(self) -> bool:
        return self._expected > 0

    @contextlib.contextmanager
    def expecting(self, number: int) -> Iterator[None]:
        """Within, a whole update is `number` variables; what was left of one that failed is dropped."""
        self._expected = number
        self._open = []
        try:
            yield
        finally:
            self._expected = 0

    def add(self, index: int, gradient: Any, variable: Any) -> dict[int, tuple[Any, Any]] | None:
        """The gradients and variables by index, if this was the last of them."""
        gathered = next((pairs for pairs in self._open if index not in pairs), None)
        if gathered is None:
            gathered = {}
            self._open.append(gathered)
        gathered[index] = (gradient, variable)
        if len(gathered) < self._expected:
            return None
        self._open.remove(gathered)
        return gathered
