"""Rules with an MLP on each coordinate: one operation for all of a network's tensors."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf

from l2l_tf.deployment.places import are_local, in_xla
from l2l_tf.deployment.whole import Whole
from l2l_tf.fast import native
from l2l_tf.networks.network import Network, Observation, Tensors


class InOneOperation:
    """PerParameterMLP or AdafactorMLP in native code; by its own call, as `Whole`, where XLA compiles what is around.

    Args:
      network, parameters: see `Whole`.
      operations: of `native.operations`.
    """

    def __init__(self, network: Network, parameters: Mapping[str, tf.TensorSpec], operations: Any):
        self._whole = Whole(network, parameters)
        self._step = native.coordinate_mlp.NativeStep(network, operations, masked=True, waits=network.waits)
        self.names = self._whole.names

    def initial_state(self) -> Iterator[tuple[str, tf.Tensor]]:
        return self._whole.initial_state()

    def __call__(self, observation: Observation, state: list[tf.Tensor]) -> tuple[Tensors, list[tf.Tensor]]:
        if in_xla():
            return self._whole(observation, state)
        updates, next_state, _ = self._step(self._whole.own(observation), self._whole.packed(state))
        return updates, tf.nest.flatten(next_state)

    def works_in_place(self, variables: Sequence[Any]) -> bool:
        """Whether `in_place` is for these: of one device, and not within what XLA compiles."""
        return are_local(variables)

    def in_place(self, observation: Observation, variables: Sequence[tf.Variable]) -> tuple[Tensors, tf.Tensor]:
        """`__call__` with the state in variables, which have their next values then.

        Returns:
          The updates, and how many gradients of single coordinates were not usable, int64.
        """
        packed = self._whole.packed(variables)
        updates, _, unusable = self._step.in_place(self._whole.own(observation), packed)
        return updates, unusable
