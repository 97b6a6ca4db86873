"""NTM-BFGS: the memory as a matrix."""

from l2l_tf.networks import memory
from l2l_tf.networks.ntm import MemoryNetwork

MAX_COORDINATES = 4096


class NtmBfgs(MemoryNetwork):
    """A controller with an n x n memory for each function of n coordinates; O(n^2) memory and time a step.

    With heads of three outer products it can simulate BFGS. Andrychowicz et al. 2016, appendix B. For the
    architecture and its options see MemoryNetwork.

    Raises:
      ValueError: an option out of range, or from `initial_state` with more than 4,096 coordinates a function.
    """

    max_coordinates = MAX_COORDINATES

    def _empty_memory(self, num_functions, coordinates):
        if coordinates > MAX_COORDINATES:
            raise ValueError(
                f"NtmBfgs keeps a matrix of all coordinates by all coordinates, up to {MAX_COORDINATES:,} of them a "
                f"function. Use NtmLBfgs, or function_axis=0 where parameters hold independent functions. "
                f"Received: {coordinates:,} coordinates."
            )
        return memory.empty_dense(num_functions, coordinates, self._dtype)

    def _read(self, state, scale, vectors):
        return memory.read_dense(state, scale, vectors)

    def _write(self, state, left, right):
        return memory.write_dense(state, left, right)
