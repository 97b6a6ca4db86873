"""A network that nothing is known about, as a part."""

from typing import Any

import tensorflow as tf

from l2l_tf.fast.arrays import bytes_of
from l2l_tf.fast.packing import GradientsByVariable
from l2l_tf.networks.dtypes import scaled
from l2l_tf.networks.network import Network, Observation, Tensors


class Whole:
    """Any network, by its own `__call__` and a tape for each step back."""

    def __init__(self, network: Network, parameters: Tensors):
        self._network = network
        self._names = list(parameters)
        self._variables = list(network.trainable_variables)
        self.learns = bool(self._variables)

    def keeps_steps(self, memory: str) -> bool:
        del memory
        return True

    def keeps_start(self, memory: str) -> bool:
        del memory
        return False

    def enter(self, state: Any) -> Any:
        return state

    def leave(self, state: Any, like: Any) -> Any:
        del like
        return state

    def see(self, observation: Observation) -> Observation:
        return observation._replace(
            gradients=self._own(observation.gradients),
            parameters=observation.parameters and self._own(observation.parameters),
        )

    def step(self, seen: Observation, state: Any) -> tuple[Tensors, Any]:
        return self._network(seen, state)

    def recorded_step(self, seen: Observation, state: Any, activations: bool) -> tuple[Tensors, Any, Any]:
        del activations
        return *self.step(seen, state), state

    def record_like(self, state: Any, activations: bool) -> Any:
        del activations
        return state

    def zero_state(self, records: Any) -> Any:
        return tf.nest.map_structure(tf.zeros_like, records)

    def record_bytes(self, state: Any, activations: bool) -> int:
        del activations
        return bytes_of(state)

    def zeros(self) -> list[tf.Tensor]:
        return [tf.zeros_like(variable) for variable in self._variables]

    def replay_step(self, seen, state, cotangents, state_cotangents, loss_cotangent, total):
        _, state_cotangents, total = self.pull_back(seen, state, cotangents.gradients, state_cotangents, total)
        back = scaled(self._own(seen.gradients), loss_cotangent)
        gradients = {name: cotangents.gradients[name] + back[name] for name in self._names}
        return cotangents._replace(gradients=gradients), state_cotangents, total

    def pull_back(self, seen, state, cotangents: Tensors, state_cotangents, total):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch((self._variables, seen, state))
            outputs = self._network(seen, state)
        pulled, observed, state_cotangents = tape.gradient(
            outputs,
            (self._variables, seen, state),
            output_gradients=(self._own(cotangents), state_cotangents),
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        return observed, state_cotangents, tf.nest.map_structure(tf.add, total, pulled)

    def gradients(self, total: list[tf.Tensor]) -> GradientsByVariable:
        return {variable.ref(): gradient for variable, gradient in zip(self._variables, total)}

    def _own(self, tensors: Tensors) -> Tensors:
        return {name: tensors[name] for name in self._names}
