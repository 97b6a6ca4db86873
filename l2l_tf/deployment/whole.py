"""A network's own call, with its state as a flat list: for those that are not cut into blocks."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

import tensorflow as tf

from l2l_tf.deployment import waiting
from l2l_tf.networks.dtypes import is_usable
from l2l_tf.networks.network import Network, Observation, Tensors


class Whole:
    """Any network, by its own call on all of its parameters.

    Entries of the state that belong to a coordinate, by their place (a row for each coordinate) or by their name
    and shape (a slot for each parameter), keep their value where the gradient is not usable, or was 0 in every step so
    far. Other entries go on as if the gradient were 0 there. A rule that keeps nothing for a coordinate cannot tell,
    and moves it.

    Args:
      network: the network.
      parameters: shapes and types of those it updates.
    """

    def __init__(self, network: Network, parameters: Mapping[str, tf.TensorSpec]):
        self._network = network
        self.names = list(parameters)
        self._parameters = parameters
        self._num_coordinates = sum(math.prod(p.shape) for p in parameters.values())
        initial = network.initial_state(zeros(parameters))
        self._like = tf.nest.map_structure(lambda x: tf.TensorSpec(x.shape, x.dtype), initial)
        self._paths = list(_paths(self._like))
        self._owners = list(owners(self._like, parameters))

    def initial_state(self) -> Iterator[tuple[str, tf.Tensor]]:
        initial = self._network.initial_state(zeros(self._parameters))
        for path, tensor in zip(self._paths, tf.nest.flatten(initial)):
            yield "_".join(map(str, path)), tensor

    def __call__(self, observation: Observation, state: list[tf.Tensor]) -> tuple[Tensors, list[tf.Tensor]]:
        own = self.own(observation)
        usable = {name: is_usable(gradient) for name, gradient in own.gradients.items()}
        clean = {name: tf.where(usable[name], g, tf.zeros_like(g)) for name, g in own.gradients.items()}
        moves = usable
        if self._network.waits:
            entries = self._entries(state)
            moves = {name: usable[name] & waiting.awake(clean[name], entries[name]) for name in clean}
        updates, next_state = self._network(own._replace(gradients=clean), self.packed(state))
        updates = {name: tf.where(moves[name], u, tf.zeros_like(u)) for name, u in updates.items()}
        return updates, self._kept(moves, state, tf.nest.flatten(next_state))

    def own(self, observation: Observation) -> Observation:
        """What is of the network's own parameters."""
        return observation._replace(
            gradients={name: observation.gradients[name] for name in self.names},
            parameters=observation.parameters and {name: observation.parameters[name] for name in self.names},
        )

    def packed(self, state: Sequence[Any]) -> Any:
        """The state as the network has it."""
        return tf.nest.pack_sequence_as(self._like, list(state))

    def _entries(self, state: list[tf.Tensor]) -> dict[str, list[tf.Tensor]]:
        """Of each parameter the entries of the state that belong to its coordinates, the parameter's axes first."""
        own: dict[str, list[tf.Tensor]] = {name: [] for name in self._parameters}
        for owner, entries in zip(self._owners, state):
            if self._is_slot(owner, entries):
                own[owner].append(entries)
            elif self._is_rows(entries):
                parts = tf.split(entries, [math.prod(p.shape) for p in self._parameters.values()])
                for (name, p), part in zip(self._parameters.items(), parts):
                    own[name].append(tf.reshape(part, [*p.shape, math.prod(entries.shape[1:])]))
        return own

    def _is_slot(self, owner: str | None, entries: tf.Tensor) -> TypeGuard[str]:
        return owner is not None and entries.shape == self._parameters[owner].shape

    def _is_rows(self, entries: tf.Tensor) -> bool:
        return entries.shape.rank > 0 and entries.shape[0] == self._num_coordinates

    def _kept(self, moves: Tensors, state: list[tf.Tensor], next_state: list[tf.Tensor]) -> list[tf.Tensor]:
        kept = []
        for owner, before, after in zip(self._owners, state, next_state):
            if self._is_slot(owner, before):
                after = tf.where(moves[owner], after, before)
            elif self._is_rows(before):
                rows = tf.concat([tf.reshape(mask, [-1]) for mask in moves.values()], 0)
                after = tf.where(tf.reshape(rows, [-1] + [1] * (before.shape.rank - 1)), after, before)
            kept.append(after)
        return kept


def _paths(nest: Any, path: tuple = ()) -> Iterator[tuple]:
    """The keys that lead to each leaf, in the order of `tf.nest.flatten`."""
    if isinstance(nest, Mapping):
        for key in sorted(nest):
            yield from _paths(nest[key], (*path, key))
    elif isinstance(nest, (tuple, list)):
        for i, part in enumerate(nest):
            yield from _paths(part, (*path, i))
    else:
        yield path


def owners(nest: Any, parameters: Mapping[str, tf.TensorSpec], owner: str | None = None) -> Iterator[str | None]:
    """For each leaf the parameter that it is a slot of: the key in a dictionary by parameters' names, or None."""
    if isinstance(nest, Mapping):
        by_name = set(nest) <= set(parameters)
        for key in sorted(nest):
            yield from owners(nest[key], parameters, key if by_name else None)
    elif isinstance(nest, (tuple, list)):
        for part in nest:
            yield from owners(part, parameters)
    else:
        yield owner


def zeros(parameters: Mapping[str, tf.TensorSpec]) -> Tensors:
    return {name: tf.zeros(p.shape, p.dtype) for name, p in parameters.items()}
