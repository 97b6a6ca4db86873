"""An optimization in progress, as a value that steps map to the next."""

from typing import Any, NamedTuple

import tensorflow as tf

from l2l_tf.networks.network import Tensors


class Run(NamedTuple):
    """An optimization in progress: all that a further step needs.

    Attributes:
      instance: the function f that is minimised, of the problem's own structure.
      seed: `[2]`; minibatch t is drawn from it and `step`.
      step: int32 scalar t.
      parameters: theta_t.
      state: h_t of the network.
      carried: what an estimator takes along from unroll to unroll, e.g. the particles of PES.
    """

    instance: Any
    seed: tf.Tensor
    step: tf.Tensor
    parameters: Tensors
    state: Any
    carried: Any = ()
