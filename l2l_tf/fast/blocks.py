"""Cutting rows into equal blocks, feature-major, and joining them again.

A block is the unit of work: one compiled call on rows few enough that its intermediates stay in the processor's
cache, many enough that the call's overhead is small, and independent of the others, so that they run in parallel.
"""

import math
import os
from typing import NamedTuple

import tensorflow as tf

ALIGNMENT = 16  # float32 lanes of the widest vector registers
_FEWEST_ROWS = 256  # below, a call's overhead outweighs a further core
_MAX_BLOCKS = 64  # every block is a node of the graph; beyond this they grow instead


class Layout(NamedTuple):
    """`num_rows` rows as `num_blocks` blocks of `rows_per_block`; the last is filled up with zeros."""

    num_rows: int
    num_blocks: int
    rows_per_block: int


def layout(num_rows: int, rows_per_block: int, alignment: int = ALIGNMENT) -> Layout:
    """Equal blocks of about `rows_per_block`: fewer rows to employ every core, more where blocks would be too many."""
    fewest = min(os.cpu_count() or 1, num_rows // _FEWEST_ROWS)
    num_blocks = min(max(1, round(num_rows / rows_per_block), fewest), _MAX_BLOCKS)
    rows_per_block = max(1, math.ceil(num_rows / num_blocks / alignment)) * alignment
    return Layout(num_rows, max(1, math.ceil(num_rows / rows_per_block)), rows_per_block)


def cut(rows: tf.Tensor, layout: Layout, filled: bool = True) -> list[tf.Tensor]:
    """Rows `[num_rows, size]` to blocks `[size, rows_per_block]`, the last of them smaller unless it is filled up."""
    blocks = tf.split(rows, sizes(layout))
    if filled and (padding := layout.num_blocks * layout.rows_per_block - layout.num_rows):
        blocks[-1] = tf.pad(blocks[-1], [[0, padding], [0, 0]])
    return [transposed(block) for block in blocks]


def join(blocks: list[tf.Tensor], layout: Layout) -> tf.Tensor:
    """The inverse of `cut`."""
    filled = zip(blocks, sizes(layout))
    own = [block if block.shape[1] == size else block[:, :size] for block, size in filled]
    return tf.concat([transposed(block) for block in own], 0)


def sizes(layout: Layout) -> list[int]:
    """How many of each block's rows are not filling."""
    before_last = (layout.num_blocks - 1) * layout.rows_per_block
    return [layout.rows_per_block] * (layout.num_blocks - 1) + [layout.num_rows - before_last]


def transposed(matrix: tf.Tensor) -> tf.Tensor:
    """Its transpose, without a copy where there is one row or column."""
    return tf.reshape(matrix, matrix.shape[::-1]) if 1 in matrix.shape else tf.transpose(matrix)
