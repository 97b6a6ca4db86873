"""An optimization in progress, as a value that steps map to the next."""

from typing import Any, NamedTuple

import tensorflow as tf

from l2l_tf.networks.network import Tensors
from l2l_tf.unrolling import seeds


class Run(NamedTuple):
    """An optimization in progress: all that a further step needs.

    Attributes:
      instance: the function f that is minimised, of the problem's own structure.
      seed: `[2]`; minibatch t is drawn from it and `step`.
      step: int32 scalar t.
      parameters: theta_t.
      state: h_t of the network.
      carried: what an estimator takes along from unroll to unroll, e.g. the particles of PES.
      minibatch: `[2]`, the seed of the minibatch of step t, where it is known; else `()`, and drawn.
      length: int32 scalar, how many steps the run is going to have, where the network is told; else `()`.
    """

    instance: Any
    seed: tf.Tensor
    step: tf.Tensor
    parameters: Tensors
    state: Any
    carried: Any = ()
    minibatch: Any = ()
    length: Any = ()

    def told_length(self, dtype: tf.DType) -> tf.Tensor:
        """The length, 0 where the network is not told."""
        return tf.cast(self.length, dtype) if tf.is_tensor(self.length) else tf.zeros([], dtype)

    @property
    def minibatch_seed(self) -> tf.Tensor:
        """Of the minibatch of step t."""
        return self.minibatch if tf.is_tensor(self.minibatch) else seeds.fold(self.seed, self.step)
