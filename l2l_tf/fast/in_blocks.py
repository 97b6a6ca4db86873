"""What networks of LSTM layers have in common when they run over their rows in blocks."""

from typing import Any

import tensorflow as tf

from l2l_tf.fast import blocks, packing
from l2l_tf.fast.blocks import Layout
from l2l_tf.fast.packing import GradientsByVariable
from l2l_tf.fast.rules import Rule
from l2l_tf.networks.network import Observation, Tensors


class InBlocks:
    """A network of LSTM layers over its rows in blocks.

    Args:
      network: the network.
      rule: what it does around its LSTM layers.
      parameters: those it updates; only names, shapes and types are read.
      rows_per_block: about how many rows go into one call.
      alignment: of which the rows of a block are a multiple.
      filled: whether the last block is as large as the others.
    """

    learns = True

    def __init__(
        self, network: Any, rule: Rule, parameters: Tensors, rows_per_block: int, alignment: int, filled: bool
    ):
        self._network = network
        self._like = parameters
        self._layout: Layout = blocks.layout(network.to_rows(parameters).shape[0], rows_per_block, alignment)
        self._filled = filled
        self._rule = rule
        self._weights = self._packed()

    def see(self, observation: Observation) -> list[tf.Tensor]:
        """The gradients, `[size, n]` for each block."""
        return self._cut(observation.gradients)

    def zeros(self, num_blocks: int | None = None) -> list[Any]:
        """The start of the sum over time of the weights' gradients: for each block its own."""
        num_blocks = self._layout.num_blocks if num_blocks is None else num_blocks
        return [tf.nest.map_structure(tf.zeros_like, self._weights) for _ in range(num_blocks)]

    def gradients(self, total: list[Any]) -> GradientsByVariable:
        """The sum over the blocks, by variable."""
        summed = tf.nest.map_structure(lambda *of_blocks: tf.add_n(of_blocks), *total)
        return self._unpacked(summed)

    def _packed(self) -> Any:
        """phi in the form that the blocks take."""
        return packing.pack(self._network.cores, self._network.linear, self._rule.scale)

    def _unpacked(self, gradients: Any) -> GradientsByVariable:
        """The gradients of the variables from those of what `_packed` gives."""
        return packing.unpack(self._network.cores, self._network.linear, self._rule.scale, gradients)

    def _cut_rows(self, rows: tf.Tensor) -> list[tf.Tensor]:
        return blocks.cut(rows, self._layout, self._filled)

    def _cut(self, tensors: Tensors) -> list[tf.Tensor]:
        return self._cut_rows(self._network.to_rows({name: tensors[name] for name in self._like}))

    def _join(self, cut: list[tf.Tensor]) -> Tensors:
        return self._network.from_rows(blocks.join(cut, self._layout), self._like)


def transposed(results):
    """One list for each result, from one tuple of results for each block."""
    return tuple(list(of_blocks) for of_blocks in zip(*results))
