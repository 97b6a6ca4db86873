"""One step of a network on parameters, with its state as a flat list of tensors between steps.

All kinds of application have the same members:

    names                           of the parameters it updates
    initial_state()                 -> a name for checkpoints and h_0, tensor by tensor
    __call__(observation, state)    -> updates, next state

A coordinate whose gradient is not usable (`dtypes.is_usable`) gets the update 0 and keeps its state. So does one that
has had no gradient but 0 since the beginning (`waiting.awake`): its first gradient that is not 0 is its first step.
What several coordinates share (a step count, the row of a convolution kernel) is said at each kind.
"""

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

import tensorflow as tf
from tensorflow.python.ops import control_flow_util
from tensorflow.python.ops.resource_variable_ops import BaseResourceVariable

from l2l_tf.deployment import waiting
from l2l_tf.fast import blocks, compiled, native, packing
from l2l_tf.fast.rules import Preprocessed, Rule, rule_of
from l2l_tf.networks.averaging_lstm import LEAST_MEAN_SQUARE
from l2l_tf.networks.dtypes import is_usable
from l2l_tf.networks.network import Network, Observation, Tensors
from l2l_tf.networks.rnnprop import Normalised
from l2l_tf.unrolling.coordinates import AssignedNetworks

# Both are part of what checkpoints look like: with other numbers, older ones do not load.
ROWS_PER_BLOCK = 4096
MAX_BLOCKS = 256

STATE_DTYPES = ("float32", "bfloat16")


def applications(
    network: AssignedNetworks, parameters: Mapping[str, tf.TensorSpec], state_dtype: str = "float32"
) -> "dict[str, Application]":
    """Name to application, of every network that updates some of `parameters` (their shapes and types).

    Raises:
      ValueError: the assignments do not fit the parameters, or a network does not take its parameters.
    """
    operations = native.operations()
    made: dict[str, Application] = {}
    for name, owned in network.owned(parameters).items():
        member, own = network.networks[name], {key: parameters[key] for key in owned}
        rule = rule_of(member)
        if rule is not None:
            made[name] = Blocks(member, rule, own, state_dtype, operations)
        elif operations is not None and native.coordinate_mlp.applies(member):
            made[name] = InOneOperation(member, own, operations)
        else:
            made[name] = Whole(member, own)
    return made


def check_state_dtype(network: AssignedNetworks, state_dtype: str) -> None:
    """Raises a ValueError where a network's state is not kept in `state_dtype`."""
    for name, member in network.networks.items():
        if state_dtype == "bfloat16" and not isinstance(rule_of(member), Preprocessed):
            raise ValueError(
                f"state_dtype={state_dtype!r} is for the deep LSTMs in float32, whose cells forget; running averages "
                f"and counts need float32. Received: the network {name!r}, {type(member).__name__}."
            )


class Blocks:
    """A network of LSTM layers over its rows in blocks: independent compiled calls that the executor runs in parallel.

    The state stays cut into blocks `[S, rows]`, feature-major, from step to step. A row (a coordinate; with
    KernelDeepLSTM, a kernel) with a gradient that is not usable stays as it is, and so does one whose gradients were 0
    so far.

    Args:
      network: the network.
      rule: what it does around its LSTM layers.
      parameters: shapes and types of those it updates.
      state_dtype: what the state is kept in between steps. Steps compute in float32.
      operations: of `native.operations`.
    """

    def __init__(
        self,
        network: Any,
        rule: Rule,
        parameters: Mapping[str, tf.TensorSpec],
        state_dtype: str,
        operations: Any | None = None,
    ):
        self._network = network
        self._in_place: Any = _around(rule) if operations is not None and state_dtype == "float32" else None
        self._operations: Any = operations
        self._rule = rule
        self.names = list(parameters)
        self._layout = layout(network.to_rows(_zeros(parameters)).shape[0])
        self._state_dtype = state_dtype
        hidden_sizes = [core.hidden_to_hidden.shape[0] for core in network.cores for _ in "hc"]
        self._state_sizes = (*[1] * rule.num_own, *hidden_sizes)
        self._step = _compiled_step(rule, self._state_sizes, state_dtype, network.waits)

    def initial_state(self) -> Iterator[tuple[str, tf.Tensor]]:
        for i in range(self._layout.num_blocks):
            yield f"block_{i}", tf.zeros([sum(self._state_sizes), self._layout.rows_per_block], self._state_dtype)

    def __call__(self, observation: Observation, state: list[tf.Tensor]) -> tuple[Tensors, list[tf.Tensor]]:
        gradients = {name: observation.gradients[name] for name in self.names}
        weights = packing.pack(self._network.cores, self._network.linear, self._rule.scale)
        rows = blocks.cut(self._network.to_rows(gradients), self._layout)
        stepped = [self._step(weights, *block) for block in zip(rows, state)]
        updates = blocks.join([update for update, _ in stepped], self._layout)
        return self._network.from_rows(updates, gradients), [block for _, block in stepped]

    def works_in_place(self, variables: Sequence[Any]) -> bool:
        """Whether `in_place` is for these: see `InOneOperation`."""
        return self._in_place is not None and bool(self._layout.num_rows) and _are_local(variables)

    def in_place(self, observation: Observation, variables: Sequence[tf.Variable]) -> tuple[Tensors, tf.Tensor | None]:
        """`__call__` in native code with the state in variables, which have their next values then.

        Returns:
          The updates, and how many gradients of single coordinates were not usable, where a row is a coordinate.
        """
        gradients = {name: observation.gradients[name] for name in self.names}
        weights = packing.stack(self._network.cores, self._network.linear, self._rule.scale)
        rows = tf.cast(self._network.to_rows(gradients), tf.float32)
        result = self._operations.l2l_lstm_update(
            gradients=blocks.transposed(rows),
            blocks=[len(variables)],
            states=[variable.handle for variable in variables],
            linear=weights.linear,
            layers=weights.layers,
            threads=native.num_threads(),
            **self._in_place,
        )
        result.updates.set_shape([weights.linear.shape[1], rows.shape[0]])
        unusable = result.unusable if rows.shape[1] == 1 else None
        return self._network.from_rows(blocks.transposed(result.updates), gradients), unusable


def _around(rule: Rule) -> dict[str, Any] | None:
    """What native code is told of what is around the LSTM layers; None where it does not know it."""
    told: dict[str, Any] = {"log_scale": 0.0, "gain": 1.0, "averages": [], "magnitude": False}
    if isinstance(rule, Preprocessed):
        options = dict(rule.preprocess_options)
        if rule.preprocess_name == "LogAndSign":
            return told | {"log_scale": float(options["k"]), "gain": math.exp(options["k"])}
        if rule.preprocess_name == "identity":
            return told | {"gain": float(options.get("gain", 1.0))}
        return None
    law = rule.law
    if not isinstance(law, Normalised) or not (law.beta_1 and law.beta_2):
        return None
    of_moments = [number for beta in (law.beta_1, law.beta_2) for number in (beta, 1 - beta, math.log(beta))]
    averages = [*of_moments, law.epsilon**2, LEAST_MEAN_SQUARE, law.scale]
    return told | {"averages": averages, "magnitude": law.magnitude}


def layout(num_rows: int) -> blocks.Layout:
    """How rows are cut in blocks; see `ROWS_PER_BLOCK`."""
    num_blocks = min(max(1, round(num_rows / ROWS_PER_BLOCK)), MAX_BLOCKS)
    rows_per_block = max(1, math.ceil(num_rows / num_blocks / 16)) * 16
    return blocks.Layout(num_rows, max(1, math.ceil(num_rows / rows_per_block)), rows_per_block)


@functools.cache
def _compiled_step(rule: Rule, state_sizes: tuple[int, ...], state_dtype: str, waits: bool):
    """weights, gradients `[size, n]`, state `[S, n]` -> update, next state. Kept: new graphs find it compiled."""
    network_step = compiled.calls(rule).step

    def step(weights, gradients, state):
        usable = is_usable(gradients)
        moves = tf.reduce_all(usable, 0, keepdims=True)
        gradients = tf.where(usable, gradients, 0.0)
        before = tuple(tf.split(tf.cast(state, tf.float32), state_sizes)) if state_sizes else ()
        # Running averages and the count of steps tell by themselves.
        if waits:
            moves &= waiting.rows_awake(gradients, before[: rule.num_own] or before)
        update, after = network_step(weights, gradients, before)
        next_state = tf.cast(tf.concat(after, 0), state_dtype) if after else state
        return tf.where(moves, update, 0.0), tf.where(moves, next_state, state)

    return tf.function(step, jit_compile=True, autograph=False)


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
        initial = network.initial_state(_zeros(parameters))
        self._like = tf.nest.map_structure(lambda x: tf.TensorSpec(x.shape, x.dtype), initial)
        self._paths = list(_paths(self._like))
        self._owners = list(owners(self._like, parameters))

    def initial_state(self) -> Iterator[tuple[str, tf.Tensor]]:
        initial = self._network.initial_state(_zeros(self._parameters))
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


class InOneOperation:
    """PerParameterMLP or AdafactorMLP in native code; by its own call, as `Whole`, where XLA compiles what is around.

    Args:
      network, parameters: see `Whole`.
      operations: of `native.operations`.
    """

    def __init__(self, network: Network, parameters: Mapping[str, tf.TensorSpec], operations: Any):
        self._whole = Whole(network, parameters)
        self._step = native.coordinate_mlp.NativeStep(network, operations, masked=True)
        self.names = self._whole.names

    def initial_state(self) -> Iterator[tuple[str, tf.Tensor]]:
        return self._whole.initial_state()

    def __call__(self, observation: Observation, state: list[tf.Tensor]) -> tuple[Tensors, list[tf.Tensor]]:
        if _in_xla():
            return self._whole(observation, state)
        updates, next_state, _ = self._step(self._whole.own(observation), self._whole.packed(state))
        return updates, tf.nest.flatten(next_state)

    def works_in_place(self, variables: Sequence[Any]) -> bool:
        """Whether `in_place` is for these: of one device, and not within what XLA compiles."""
        return _are_local(variables)

    def in_place(self, observation: Observation, variables: Sequence[tf.Variable]) -> tuple[Tensors, tf.Tensor]:
        """`__call__` with the state in variables, which have their next values then.

        Returns:
          The updates, and how many gradients of single coordinates were not usable, int64.
        """
        packed = self._whole.packed(variables)
        updates, _, unusable = self._step.in_place(self._whole.own(observation), packed)
        return updates, unusable


def _in_xla() -> bool:
    """Whether what is traced now is compiled by XLA, which has no operations of our own."""
    return control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())


def _are_local(variables: Sequence[Any]) -> bool:
    return not _in_xla() and all(isinstance(variable, BaseResourceVariable) for variable in variables)


Application = Blocks | InOneOperation | Whole


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


def _zeros(parameters: Mapping[str, tf.TensorSpec]) -> Tensors:
    return {name: tf.zeros(p.shape, p.dtype) for name, p in parameters.items()}
