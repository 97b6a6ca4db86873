"""The steps of deep LSTMs, and of MLPs on coordinates, in C++, compiled for this machine where it has a compiler.

A step of XLA's goes through memory between one part and the next, and its matrix products reach two thirds of what a
core can do. Here 64 coordinates at a time take all their steps, and go back through them, in the first two caches.
"""

from l2l_tf.fast.native import coordinate_mlp
from l2l_tf.fast.native.library import LANES, compiler_command, num_threads, operations, sources_digest

__all__ = ["LANES", "compiler_command", "coordinate_mlp", "num_threads", "operations", "sources_digest"]
