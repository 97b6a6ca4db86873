"""The networks of an `AssignedNetworks`, each run in the way that suits it: `Blocked` or `Whole`.

A part keeps the network's state, what the network saw and the cotangents of both in a form of its own, between
`enter` and `leave`. Both kinds of part have the same methods.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import sonnet as snt
import tensorflow as tf

from l2l_tf.coordinates import AssignedNetworks
from l2l_tf.dtypes import scaled
from l2l_tf.fast import blocks, compiled, lstm_kernels
from l2l_tf.fast.compiled import Recorded
from l2l_tf.fast.lstm_kernels import Activations, LstmWeights
from l2l_tf.fast.rules import Rule, rule_of
from l2l_tf.networks.network import Network, Observation, Tensors

GradientsByVariable = dict[Any, tf.Tensor]
BlockState = tuple[tf.Tensor, ...]


def parts_of(network: AssignedNetworks, parameters: Tensors, rows_per_block: int) -> dict[str, "Part"]:
    """Name to part, of every network that updates some of `parameters`."""
    parts: dict[str, Part] = {}
    for name, owned in network.owned(parameters).items():
        member, own = network.networks[name], {key: parameters[key] for key in owned}
        rule = rule_of(member)
        parts[name] = Whole(member, own) if rule is None else Blocked(member, rule, own, rows_per_block)
    return parts


class Blocked:
    """A network of LSTM layers over its rows in blocks, in compiled calls.

    Args:
      network: the network.
      rule: what it does around its LSTM layers.
      parameters: those it updates; only names, shapes and types are read.
      rows_per_block: about how many rows go into one call.
    """

    learns = True
    recomputes = True

    def __init__(self, network: Any, rule: Rule, parameters: Tensors, rows_per_block: int):
        self._network = network
        self._like = parameters
        self._layout = blocks.layout(network.to_rows(parameters).shape[0], rows_per_block)
        self._rule = rule
        self._weights = pack(network.cores, network.linear, rule.scale)
        self._calls = compiled.calls(rule)

    def enter(self, state: Any) -> list[BlockState]:
        """The network's state, tensors `[H, n]` for each block."""
        rows = self._rule.flatten(state)
        if not rows:
            return [()] * self._layout.num_blocks
        return list(zip(*_in_turn(lambda tensor: blocks.cut(tensor, self._layout), rows)))

    def leave(self, state: list[BlockState], like: Any) -> Any:
        """The inverse of `enter`, in the structure of `like`."""
        return self._rule.restore([blocks.join(list(cut), self._layout) for cut in zip(*state)], like)

    def see(self, observation: Observation) -> list[tf.Tensor]:
        """The gradients, `[size, n]` for each block."""
        return self._cut(observation.gradients)

    def step(self, seen, state) -> tuple[Tensors, list[BlockState]]:
        """The updates of the parameters, and the next state."""
        stepped = [self._calls.step(self._weights, *block) for block in zip(seen, state)]
        return self._join([update for update, _ in stepped]), [state for _, state in stepped]

    def recorded_step(self, seen, state, activations: bool) -> tuple[Tensors, list[BlockState], list]:
        """`step`, and the records that its replay takes: the activations, or the state before it."""
        if not activations:
            return *self.step(seen, state), state
        updates, next_state, records = [], [], []
        for block_seen, before in zip(seen, state):
            update, after, layers = self._calls.recorded_step(self._weights, block_seen, before)
            updates.append(update)
            next_state.append(after)
            with_cells = zip(layers, self._cells(before), self._cells(after))
            activated = tuple(Activations(x, c, a, next_c) for (x, a), c, next_c in with_cells)
            records.append(Recorded(self._own(before), activated))
        return self._join(updates), next_state, records

    def record_like(self, state: list[BlockState], activations: bool) -> list:
        """The records of `recorded_step` as tensors' types and shapes."""
        if not activations:
            return state
        records = []
        for block in state:
            layers = []
            for w, cell in zip(self._weights.layers, self._cells(block)):
                inputs, gates = (tf.TensorSpec([size, cell.shape[1]], cell.dtype) for size in reversed(w.shape))
                layers.append(Activations(inputs, cell, gates, cell))
            records.append(Recorded(self._own(block), tuple(layers)))
        return records

    def zero_state(self, records: list) -> list[BlockState]:
        """Zeros like the state before the step of the records."""
        blocks = []
        for record in records:
            if isinstance(record, Recorded):
                record = (*record.own, *(cell for layer in record.layers for cell in (layer.cell, layer.cell)))
            blocks.append(tuple(tf.zeros_like(tensor) for tensor in record))
        return blocks

    def activation_bytes(self) -> int:
        """What the record of a step takes with activations, beyond the state: gates, and inputs in place of h."""
        numbers = sum(w.shape[0] - w.shape[0] // 4 + w.shape[1] for w in self._weights.layers)
        rows = self._layout.num_blocks * self._layout.rows_per_block
        return numbers * rows * self._weights.linear.dtype.size

    def advance(self, seen: list[tf.Tensor], state: list[BlockState]) -> list[BlockState]:
        """The next state of some blocks, in which nobody needs the updates."""
        return [self._calls.step(self._weights, *block)[1] for block in zip(seen, state)]

    def zeros(self, num_blocks: int | None = None) -> list[LstmWeights]:
        """The start of the sum over time of the weights' gradients: for each block its own."""
        num_blocks = self._layout.num_blocks if num_blocks is None else num_blocks
        return [tf.nest.map_structure(tf.zeros_like, self._weights) for _ in range(num_blocks)]

    def replay_step(self, seen, record, cotangents, state_cotangents, loss_cotangent, total):
        """lambda_t, the cotangent of h_t and the sum, from lambda_{t+1} and the cotangent of h_{t+1}."""
        return _transposed(
            self._calls.replay_step(self._weights, *block, loss_cotangent, block_total)
            for *block, block_total in zip(seen, record, cotangents, state_cotangents, total)
        )

    def pull_back(self, seen, record, cotangents: Tensors, state_cotangents, total):
        """The cotangents of what was observed and of h_t, and the sum, from those of u_t and h_{t+1}."""
        observed, state_cotangents, total = _transposed(
            self._calls.pull_back(self._weights, *block)
            for block in zip(seen, record, self._cut(cotangents), state_cotangents, total)
        )
        return Observation(self._join(observed)), state_cotangents, total

    def gradients(self, total: list[LstmWeights]) -> GradientsByVariable:
        """The sum over the blocks, by variable."""
        summed = tf.nest.map_structure(lambda *of_blocks: tf.add_n(of_blocks), *total)
        return unpack(self._network.cores, self._network.linear, self._rule.scale, summed)

    def _own(self, state: BlockState) -> BlockState:
        """What the rule keeps of a block's state."""
        return state[: self._rule.num_own]

    def _cells(self, state: BlockState) -> BlockState:
        """c of each layer."""
        return state[self._rule.num_own + 1 :: 2]

    def _cut(self, tensors: Tensors) -> list[tf.Tensor]:
        return blocks.cut(self._network.to_rows({name: tensors[name] for name in self._like}), self._layout)

    def _join(self, cut: list[tf.Tensor]) -> Tensors:
        return self._network.from_rows(blocks.join(cut, self._layout), self._like)


class Whole:
    """Any network, by its own `__call__` and a tape for each step back."""

    recomputes = False

    def __init__(self, network: Network, parameters: Tensors):
        self._network = network
        self._names = list(parameters)
        self._variables = list(network.trainable_variables)
        self.learns = bool(self._variables)

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

    def activation_bytes(self) -> int:
        return 0

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


Part = Blocked | Whole


def _in_turn(function: Callable, arguments: Iterable) -> list:
    """`function` of each argument, one after the other: less is in memory at a time."""
    results: list = []
    for argument in arguments:
        with tf.control_dependencies(tf.nest.flatten(results[-1:])):
            results.append(function(argument))
    return results


def _transposed(results):
    """One list for each result, from one tuple of results for each block."""
    return tuple(list(of_blocks) for of_blocks in zip(*results))


def pack(cores: Sequence[snt.LSTM], linear: snt.Linear, scale: float) -> LstmWeights:
    """phi as the kernels take it."""
    layers = []
    for core in cores:
        w = tf.concat([core.input_to_hidden, core.hidden_to_hidden, core.b[None]], 0)
        layers.append(tf.transpose(w * _gate_scale(core)))
    return LstmWeights(tuple(layers), linear.w * scale, linear.b * scale)


def unpack(cores: Sequence[snt.LSTM], linear: snt.Linear, scale: float, packed: LstmWeights) -> GradientsByVariable:
    """The gradients of the variables from those of the packed weights."""
    gradients = {linear.w.ref(): packed.linear * scale, linear.b.ref(): packed.linear_bias * scale}
    for core, packed_layer in zip(cores, packed.layers):
        variables = [core.input_to_hidden, core.hidden_to_hidden, core.b]
        rows = [core.input_to_hidden.shape[0], core.hidden_to_hidden.shape[0], 1]
        parts = tf.split(tf.transpose(packed_layer) * _gate_scale(core), rows)
        gradients |= {v.ref(): tf.reshape(part, v.shape) for v, part in zip(variables, parts)}
    return gradients


def _gate_scale(core: snt.LSTM) -> tf.Tensor:
    """The kernels' scale of each of the 4 H gates."""
    return tf.repeat(tf.constant(lstm_kernels.GATE_SCALE, core.b.dtype), core.hidden_to_hidden.shape[0])
