"""PerParameterMLP or AdafactorMLP as a part, in the operations of `mlp_ops.cc`."""

from typing import Any

import tensorflow as tf

from l2l_tf.fast.arrays import stack
from l2l_tf.fast.native.coordinate_mlp import NativeStep
from l2l_tf.fast.whole import Whole
from l2l_tf.networks.network import Network, Observation, Tensors


class NativeMLP(Whole):
    """In operations of our own; state, observations and records are the network's.

    Where what was observed are constants, next slots depend on nothing that is learned: the gradients of the weights
    are a sum over steps that one operation takes all at once. With second derivatives it goes back step by step.

    Args:
      network: one that `coordinate_mlp.applies` holds for.
      parameters: see `Whole`.
      operations: of `native.operations`.
    """

    def __init__(self, network: Network, parameters: Tensors, operations: Any):
        super().__init__(network, parameters)
        self._operations = operations
        self._native = NativeStep(network, operations)

    def step(self, seen: Observation, state: Any) -> tuple[Tensors, Any]:
        """The updates of the parameters, and the next state."""
        updates, next_state, _ = self._native(seen, state)
        return updates, next_state

    def replay(self, seen: Any, records: Any, loss_cotangents: tf.Tensor) -> list[tf.Tensor]:
        """The sums over time of the weights' gradients.

        Args:
          seen, records: `TensorArray`s of what `see` and `recorded_step` gave, over the steps 0 to T and 0 to T-1.
          loss_cotangents: of the losses, `[T + 1]`.
        """
        observed, states = stack(seen), stack(records)
        later = {name: self._later_sum(g, loss_cotangents) for name, g in observed.gradients.items()}
        before_last = tf.nest.map_structure(lambda x: x[:-1], observed)
        return self._native.weight_gradients(before_last, states, later, rows=True)

    def pull_back(self, seen, state, cotangents: Tensors, state_cotangents, total):
        """The cotangents of what was observed and of h_t, and the sum, from those of u_t and h_{t+1}."""
        pulled, observed, state_cotangents = self._native.backward(seen, state, self._own(cotangents), state_cotangents)
        return observed, state_cotangents, tf.nest.map_structure(tf.add, total, pulled)

    def _later_sum(self, gradients: tf.Tensor, loss_cotangents: tf.Tensor) -> tf.Tensor:
        """lambda_{t+1} of the steps t, `[T, ...]`."""
        flat = tf.reshape(tf.cast(gradients, tf.float32), [gradients.shape[0], 1, -1])
        sums = self._operations.l2l_later_sum(flat, tf.cast(loss_cotangents, tf.float32))
        return tf.reshape(sums, [gradients.shape[0] - 1, *gradients.shape[1:]])
