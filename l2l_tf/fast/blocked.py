"""A network of LSTM layers over its rows in blocks, in calls compiled by XLA."""

from collections.abc import Callable, Iterable
from typing import Any

import tensorflow as tf

from l2l_tf.fast import blocks, compiled
from l2l_tf.fast.arrays import bytes_of
from l2l_tf.fast.compiled import Recorded
from l2l_tf.fast.in_blocks import InBlocks, transposed
from l2l_tf.fast.lstm_kernels import Activations
from l2l_tf.fast.rules import Rule
from l2l_tf.networks.network import Observation, Tensors

BlockState = tuple[tf.Tensor, ...]


class Blocked(InBlocks):
    """In calls compiled by XLA; see `InBlocks` for the arguments."""

    def __init__(self, network: Any, rule: Rule, parameters: Tensors, rows_per_block: int):
        super().__init__(network, rule, parameters, rows_per_block, blocks.ALIGNMENT, filled=True)
        self._calls = compiled.calls(rule)

    def keeps_steps(self, memory: str) -> bool:
        """Whether a replay takes records of the steps; else it computes them again."""
        return memory != "recompute"

    def keeps_start(self, memory: str) -> bool:
        """Whether a replay takes h_0."""
        return memory == "recompute"

    def record_bytes(self, state: Any, activations: bool) -> int:
        """What the record of a step takes: the state or, beyond it, the gates, and inputs in place of h."""
        states = bytes_of(state)
        if not activations:
            return states
        numbers = sum(w.shape[0] - w.shape[0] // 4 + w.shape[1] for w in self._weights.layers)
        rows = self._layout.num_blocks * self._layout.rows_per_block
        return states + numbers * rows * self._weights.linear.dtype.size

    def enter(self, state: Any) -> list[BlockState]:
        """The network's state, tensors `[H, n]` for each block."""
        rows = self._rule.flatten(state)
        if not rows:
            return [()] * self._layout.num_blocks
        return list(zip(*_in_turn(self._cut_rows, rows)))

    def leave(self, state: list[BlockState], like: Any) -> Any:
        """The inverse of `enter`, in the structure of `like`."""
        return self._rule.restore([blocks.join(list(cut), self._layout) for cut in zip(*state)], like)

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

    def record_like(self, state: Any, activations: bool) -> list:
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

    def advance(self, seen: list[tf.Tensor], state: list[BlockState]) -> list[BlockState]:
        """The next state of some blocks, in which nobody needs the updates."""
        return [self._calls.step(self._weights, *block)[1] for block in zip(seen, state)]

    def replay_step(self, seen, record, cotangents, state_cotangents, loss_cotangent, total):
        """lambda_t, the cotangent of h_t and the sum, from lambda_{t+1} and the cotangent of h_{t+1}."""
        return transposed(
            self._calls.replay_step(self._weights, *block, loss_cotangent, block_total)
            for *block, block_total in zip(seen, record, cotangents, state_cotangents, total)
        )

    def pull_back(self, seen, record, cotangents: Tensors, state_cotangents, total):
        """The cotangents of what was observed and of h_t, and the sum, from those of u_t and h_{t+1}."""
        observed, state_cotangents, total = transposed(
            self._calls.pull_back(self._weights, *block)
            for block in zip(seen, record, self._cut(cotangents), state_cotangents, total)
        )
        return Observation(self._join(observed)), state_cotangents, total

    def _own(self, state: BlockState) -> BlockState:
        """What the rule keeps of a block's state."""
        return state[: self._rule.num_own]

    def _cells(self, state: BlockState) -> BlockState:
        """c of each layer."""
        return state[self._rule.num_own + 1 :: 2]


def _in_turn(function: Callable, arguments: Iterable) -> list:
    """`function` of each argument, one after the other: less is in memory at a time."""
    results: list = []
    for argument in arguments:
        with tf.control_dependencies(tf.nest.flatten(results[-1:])):
            results.append(function(argument))
    return results
