"""The networks of an `AssignedNetworks` at the weights of many members, each run in the way that suits it.

A way keeps the state of all members in a form of its own, between `enter` and `leave`; what it sees and gives has a
first axis of members. All ways have the same methods.
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from l2l_tf.fast import native
from l2l_tf.fast.native import coordinate_mlp
from l2l_tf.fast.native.part import Native
from l2l_tf.fast.outer_gradient import ROWS_PER_BLOCK
from l2l_tf.fast.rules import rule_of
from l2l_tf.networks.network import Network, Observation, Tensors
from l2l_tf.unrolling import population
from l2l_tf.unrolling.coordinates import AssignedNetworks
from l2l_tf.unrolling.population import Members


class InOneOperation:
    """An MLP on each coordinate: native code takes all members and tensors at once."""

    def __init__(self, network: Network, operations: Any, members: Members):
        self._step = coordinate_mlp.NativeStep(network, operations)
        self._count = members.count
        self._weights = _weights_of(network, members)

    def enter(self, state: Any) -> Any:
        return state

    def leave(self, state: Any, like: Any) -> Any:
        del like
        return state

    def step(self, observation: Observation, state: Any) -> tuple[Tensors, Any]:
        updates, state, _ = self._step(observation, state, self._weights, self._count)
        return updates, state


class InTurn:
    """LSTM layers: native code takes one member at a time, and the executor several."""

    def __init__(self, network: Network, operations: Any, members: Members, parameters: Tensors, rows_per_block: int):
        own = {name: parameter[0] for name, parameter in parameters.items()}
        self._parts = []
        for i in range(members.count):
            of_member = population.substituted(network, members.variables, [w[i] for w in members.weights])
            rule = rule_of(of_member)
            assert rule is not None
            self._parts.append(Native(of_member, rule, own, rows_per_block, operations, step_by_step=False))

    def enter(self, state: Any) -> list[Any]:
        return [part.enter(of_member) for part, of_member in zip(self._parts, _apart(state, len(self._parts)))]

    def leave(self, state: list[Any], like: Any) -> Any:
        first = tf.nest.map_structure(lambda x: x[0], like)
        return _together([part.leave(of_member, first) for part, of_member in zip(self._parts, state)])

    def step(self, observation: Observation, state: list[Any]) -> tuple[Tensors, list[Any]]:
        updates, after = [], []
        gradients = _apart(observation.gradients, len(self._parts))
        for part, of_member, before in zip(self._parts, gradients, state):
            stepped = part.step(part.see(Observation(of_member)), before)
            updates.append(stepped[0])
            after.append(stepped[1])
        return _together(updates), after


class Vectorised:
    """Any network, by its own `__call__`, each of whose operations takes all members."""

    def __init__(self, network: Network, members: Members):
        self._network = network
        self._members = members

    def enter(self, state: Any) -> Any:
        return state

    def leave(self, state: Any, like: Any) -> Any:
        del like
        return state

    def step(self, observation: Observation, state: Any) -> tuple[Tensors, Any]:
        def of(own):
            weights, seen, before = own
            return population.substituted(self._network, self._members.variables, weights)(seen, before)

        return tf.vectorized_map(of, (list(self._members.weights), observation, state), warn=False)


Way = InOneOperation | InTurn | Vectorised


class MembersNetwork:
    """`AssignedNetworks` of many members: observations and updates with a first axis of members.

    Args:
      network: at phi.
      members: their weights.
      parameters: theta of all, `[M, ...]`; only names, shapes and types are read.
      rows_per_block: about how many rows (coordinates) an LSTM takes in one call.
      operations: of `native.operations`.
    """

    def __init__(
        self, network: AssignedNetworks, members: Members, parameters: Tensors, rows_per_block: int, operations: Any
    ):
        self._owned = network.owned(parameters)
        self._ways: dict[str, Way] = {}
        for name, owned in self._owned.items():
            member = network.networks[name]
            if coordinate_mlp.applies(member):
                self._ways[name] = InOneOperation(member, operations, members)
            elif rule_of(member):
                own = {key: parameters[key] for key in owned}
                self._ways[name] = InTurn(member, operations, members, own, rows_per_block)
            else:
                self._ways[name] = Vectorised(member, members)

    def enter(self, state: dict[str, Any]) -> dict[str, Any]:
        return {name: way.enter(state[name]) for name, way in self._ways.items()}

    def leave(self, state: dict[str, Any], like: dict[str, Any]) -> dict[str, Any]:
        return {name: way.leave(state[name], like[name]) for name, way in self._ways.items()}

    def step(self, observation: Observation, state: dict[str, Any]) -> tuple[Tensors, dict[str, Any]]:
        """The sum of the networks' updates, and the next state."""
        total: Tensors = {}
        next_state: dict[str, Any] = {}
        parameters: Any = observation.parameters
        for name, way in self._ways.items():
            seen = observation._replace(
                gradients={key: observation.gradients[key] for key in self._owned[name]},
                parameters=parameters and {key: parameters[key] for key in self._owned[name]},
            )
            updates, next_state[name] = way.step(seen, state[name])
            for key, update in updates.items():
                total[key] = total[key] + update if key in total else update
        idle = {key: tf.zeros_like(g) for key, g in observation.gradients.items() if key not in total}
        return total | idle, next_state


def members_network(
    network: Network, members: Members, parameters: Tensors, operations: Any | None
) -> MembersNetwork | Vectorised:
    """`network` at the weights of many members; `operations` are those of `native_for`."""
    if operations is None:
        return Vectorised(network, members)
    assert isinstance(network, AssignedNetworks)
    return MembersNetwork(network, members, parameters, ROWS_PER_BLOCK, operations)


def native_for(network: Network) -> Any | None:
    """The operations of native code where they serve one of the networks; else None."""
    if not isinstance(network, AssignedNetworks):
        return None
    served = any(coordinate_mlp.applies(member) or rule_of(member) for member in network.networks.values())
    return native.operations() if served else None


def any_in_turn(network: Network) -> bool:
    """Whether native code takes members of one of the networks in turn."""
    return isinstance(network, AssignedNetworks) and any(
        rule_of(member) is not None and not coordinate_mlp.applies(member) for member in network.networks.values()
    )


def _weights_of(network: Network, members: Members) -> list[tf.Tensor] | None:
    """The members' weights of one of the networks; None where all have its own."""
    own = {variable.ref(): weight for variable, weight in zip(members.variables, members.weights)}
    if not any(variable.ref() in own for variable in network.trainable_variables):
        return None
    return [
        own[v.ref()] if v.ref() in own else tf.repeat(v[tf.newaxis], members.count, axis=0)
        for v in network.trainable_variables
    ]


def _apart(nest: Any, count: int) -> list[Any]:
    """The share of each member."""
    flat = [tf.unstack(tensor, count) for tensor in tf.nest.flatten(nest)]
    return [tf.nest.pack_sequence_as(nest, own) for own in (zip(*flat) if flat else [()] * count)]


def _together(of_members: Sequence[Any]) -> Any:
    """The inverse of `_apart`."""
    return tf.nest.map_structure(lambda *own: tf.stack(own), *of_members)
