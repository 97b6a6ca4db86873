"""A network of LSTM layers over its rows in blocks, in the operations of `ops.cc`."""

import os
from typing import Any, NamedTuple

import tensorflow as tf

from l2l_tf.fast import blocks, packing
from l2l_tf.fast.arrays import stack
from l2l_tf.fast.in_blocks import InBlocks, transposed
from l2l_tf.fast.native.library import LANES
from l2l_tf.fast.packing import GradientsByVariable, Stacked
from l2l_tf.fast.rules import Rule, pull_see, pull_update
from l2l_tf.networks.network import Observation, Tensors


class BlockState(NamedTuple):
    """The state of a block.

    Attributes:
      own: what the rule keeps, `[size, n]` each.
      layers: h and c of each layer, `[chunks, rows, LANES]`.
    """

    own: tuple[tf.Tensor, ...]
    layers: tf.Tensor


class Record(NamedTuple):
    """What a step of a block leaves for its replay.

    Attributes:
      features, basis: what the rule made of the gradients.
      output: of the linear layer.
      before: the state before the step where the replay goes step by step, else `()`.
    """

    features: tf.Tensor
    basis: Any
    output: tf.Tensor
    before: Any


class Native(InBlocks):
    """In operations of our own.

    A replay keeps next to nothing of a rollout: an operation takes a chunk of coordinates through all steps again, and
    back, in the processor's caches. Where the optimizee has a word at each step back, the states are kept.

    Args:
      network, rule, parameters, rows_per_block: see `InBlocks`.
      operations: of `native.operations`.
      step_by_step: whether the replay asks for one step at a time.
    """

    def __init__(
        self, network: Any, rule: Rule, parameters: Tensors, rows_per_block: int, operations: Any, step_by_step: bool
    ):
        super().__init__(network, rule, parameters, rows_per_block, LANES, filled=False)
        self._operations = operations
        self._step_by_step = step_by_step

    def keeps_steps(self, memory: str) -> bool:
        """True: the features, at least."""
        del memory
        return True

    def keeps_start(self, memory: str) -> bool:
        """Whether a replay takes h_0."""
        del memory
        return not self._step_by_step

    def record_bytes(self, state: Any, activations: bool) -> int:
        """0: the budget is for what it can change."""
        del state, activations
        return 0

    def enter(self, state: Any) -> list[BlockState]:
        """The network's state, block by block."""
        tensors, num_own = self._rule.flatten(state), self._rule.num_own
        own = zip(*map(self._cut_rows, tensors[:num_own])) if num_own else [()] * self._layout.num_blocks
        chunks, begin = [], 0
        for n in blocks.sizes(self._layout):
            block = self._operations.l2l_to_chunks([begin, n], tensors[num_own:])
            block.set_shape([-(-n // LANES), sum(tensor.shape[1] for tensor in tensors[num_own:]), LANES])
            chunks.append(block)
            begin += n
        return [BlockState(tuple(kept), block) for kept, block in zip(own, chunks)]

    def leave(self, state: list[BlockState], like: Any) -> Any:
        """The inverse of `enter`, in the structure of `like`."""
        own = [blocks.join(list(of_blocks), self._layout) for of_blocks in zip(*(block.own for block in state))]
        layers, first = [], 0
        for tensor in self._rule.flatten(like)[len(own) :]:
            n, size = tensor.shape
            layers.append(self._operations.l2l_from_chunks([first, size, n], [block.layers for block in state]))
            layers[-1].set_shape([n, size])
            first += size
        return self._rule.restore([*own, *layers], like)

    def step(self, seen, state) -> tuple[Tensors, list[BlockState]]:
        """The updates of the parameters, and the next state."""
        updates, next_state, _ = self.recorded_step(seen, state, False)
        return updates, next_state

    def recorded_step(self, seen, state, activations: bool) -> tuple[Tensors, list[BlockState], list[Record]]:
        """`step`, and the records that its replay takes."""
        del activations
        updates, next_state, records = transposed(map(self._block_step, seen, state))
        return self._join(updates), next_state, records

    def record_like(self, state: Any, activations: bool) -> list[Record]:
        """The records of `recorded_step` as tensors' types and shapes."""
        as_gradients = self._cut(self._like)  # whose shapes they have
        return self.recorded_step(as_gradients, state, activations)[2]

    def zero_state(self, records: list[Record]) -> list[BlockState]:
        """Zeros like the state before the step of the records."""
        return [tf.nest.map_structure(tf.zeros_like, record.before) for record in records]

    def replay(self, seen: Any, records: Any, start: list[BlockState], loss_cotangents: tf.Tensor) -> list[Stacked]:
        """The sums over time of the weights' gradients, block by block.

        Args:
          seen, records: `TensorArray`s of what `see` and `recorded_step` gave, over the steps 0 to T and 0 to T-1.
          start: h_0.
          loss_cotangents: of the losses, `[T + 1]`.
        """
        totals: list[Stacked] = []
        num_cores = os.cpu_count() or 1
        for i, block in enumerate(zip(seen, records, start)):
            earlier = totals[: max(0, i + 1 - num_cores)]  # as many blocks at a time as there are cores: less memory
            with tf.control_dependencies(tf.nest.flatten(earlier[-1:])):
                totals.append(self._replay_block(*block, loss_cotangents))
        return totals

    def _replay_block(self, seen, records, start: BlockState, loss_cotangents: tf.Tensor) -> Stacked:
        gradients = seen.stack()
        features, basis, output, _ = stack(records)
        # lambda_{t+1}
        cotangents = self._operations.l2l_later_sum(gradients, tf.cast(loss_cotangents, gradients.dtype))
        cotangents.set_shape(features.shape[:1] + gradients.shape[1:])
        made = tf.nest.map_structure(_axes_swapped, (output, basis, cotangents))
        output_cotangents, _ = pull_update(self._rule, *made)
        *_, total = self._pull_layers(
            features, _axes_swapped(output_cotangents), start.layers, tf.zeros_like(start.layers)
        )
        return total

    def pull_back(self, seen, records, cotangents: Tensors, state_cotangents, total):
        """The cotangents of what was observed and of h_t, and the sum, from those of u_t and h_{t+1}."""
        observed, state_cotangents, total = transposed(
            map(self._pull_block, seen, records, self._cut(cotangents), state_cotangents, total)
        )
        return Observation(self._join(observed)), state_cotangents, total

    def _pull_block(self, gradients, record: Record, cotangents, state_cotangents: BlockState, total: Stacked):
        output_cotangents, basis_cotangents = pull_update(self._rule, record.output, record.basis, cotangents)
        feature_cotangents, layers, pulled = self._pull_layers(
            record.features[None], output_cotangents[None], record.before.layers, state_cotangents.layers
        )
        seen_cotangents = (feature_cotangents[0], basis_cotangents)
        gradient_cotangents, own_cotangents = pull_see(
            self._rule, gradients, record.before.own, seen_cotangents, state_cotangents.own
        )
        return gradient_cotangents, BlockState(own_cotangents, layers), tf.nest.map_structure(tf.add, total, pulled)

    def _block_step(self, gradients: tf.Tensor, before: BlockState) -> tuple[tf.Tensor, BlockState, Record]:
        features, own, basis = self._rule.see(gradients, before.own)
        output, layers = self._operations.l2l_lstm_forward(
            features, before.layers, self._weights.linear, self._weights.layers
        )
        output.set_shape([self._weights.linear.shape[1], gradients.shape[1]])
        layers.set_shape(before.layers.shape)
        record = Record(features, basis, output, before if self._step_by_step else ())
        return self._rule.update(output, basis), BlockState(tuple(own), layers), record

    def _pull_layers(self, features, output_cotangents, start, end_cotangents):
        """The cotangents of the features `[T, F, n]`, of the state before T steps, and of the weights."""
        feature_cotangents, start_cotangents, linear, layers = self._operations.l2l_lstm_backward(
            features, output_cotangents, start, end_cotangents, self._weights.linear, self._weights.layers
        )
        feature_cotangents.set_shape(features.shape)
        start_cotangents.set_shape(start.shape)
        pulled = Stacked(tuple(layers), linear)
        tf.nest.map_structure(lambda gradient, weights: gradient.set_shape(weights.shape), pulled, self._weights)
        return feature_cotangents, start_cotangents, pulled

    def _packed(self) -> Stacked:
        return packing.stack(self._network.cores, self._network.linear, self._rule.scale)

    def _unpacked(self, gradients: Stacked) -> GradientsByVariable:
        return packing.unstack(self._network.cores, self._network.linear, self._rule.scale, gradients)


def _axes_swapped(tensor: tf.Tensor) -> tf.Tensor:
    """`[T, size, n]` as `[size, T, n]`, and back."""
    first, second, n = tensor.shape
    return tf.reshape(tensor, [second, first, n]) if 1 in (first, second) else tf.transpose(tensor, [1, 0, 2])
