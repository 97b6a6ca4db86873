"""NTM-L-BFGS: the memory as the last pairs of write vectors."""

from typing import Any

from l2l_tf.networks import memory
from l2l_tf.networks.ntm import MemoryNetwork


class NtmLBfgs(MemoryNetwork):
    """NTM-BFGS that forgets: M is the initial one and the outer products of the last writes, and never formed.

    Memory and time are O(n history write_heads). With a history as long as the run it is NtmBfgs. Andrychowicz et
    al. 2016, appendix B. For the architecture see MemoryNetwork.

    Args:
      history: writes that are kept.
      **options: see MemoryNetwork.

    Raises:
      ValueError: an option out of range.
    """

    def __init__(self, history: int = 10, **options: Any):
        self._history = history
        super().__init__(**options)

    def _empty_memory(self, num_functions, coordinates):
        return memory.empty_history(num_functions, self._history * self._num_writes, coordinates, self._dtype)

    def _read(self, state, scale, vectors):
        return memory.read_history(state, scale, vectors)

    def _write(self, state, left, right):
        return memory.write_history(state, left, right)
