import numpy as np
import pytest
import tensorflow as tf

from l2l_tf.fast import blocks


@pytest.mark.parametrize(
    ("num_rows", "rows_per_block"), [(1, 16), (15, 16), (16, 16), (17, 16), (100, 32), (5000, 2048), (0, 16)]
)
@pytest.mark.parametrize("size", [1, 3])
def test_join_undoes_cut(num_rows, rows_per_block, size):
    rows = np.random.default_rng(0).normal(size=[num_rows, size]).astype(np.float32)
    layout = blocks.layout(num_rows, rows_per_block)
    cut = blocks.cut(tf.constant(rows), layout)
    assert [tuple(block.shape) for block in cut] == [(size, layout.rows_per_block)] * layout.num_blocks
    np.testing.assert_array_equal(blocks.join(cut, layout), rows)


def test_a_block_holds_consecutive_rows_and_the_last_is_filled_up_with_zeros():
    layout = blocks.Layout(num_rows=3, num_blocks=2, rows_per_block=2)
    first, second = blocks.cut(tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), layout)
    np.testing.assert_array_equal(first, [[1.0, 3.0], [2.0, 4.0]])
    np.testing.assert_array_equal(second, [[5.0, 0.0], [6.0, 0.0]])


@pytest.mark.parametrize("num_rows", [1, 1000, 15_910, 1_000_000])
def test_blocks_are_aligned_cover_all_rows_and_are_not_too_many(num_rows):
    layout = blocks.layout(num_rows, 2048)
    assert layout.rows_per_block % 16 == 0
    assert layout.num_blocks * layout.rows_per_block >= num_rows
    assert (layout.num_blocks - 1) * layout.rows_per_block < num_rows
    assert layout.num_blocks <= 64
