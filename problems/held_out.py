"""The mean of a loss over a whole data set, batch after batch."""

from collections.abc import Callable

import tensorflow as tf


def mean_over_rows(
    losses: Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor], num_rows: int, batch: int, dtype: tf.DType
) -> tf.Tensor:
    """The mean over rows 0 ... num_rows - 1, in nearly equal batches of at most `batch`.

    Args:
      losses: from a batch's first row, the first after it, and its number, int32, to the sum of its losses.
      num_rows, batch: at least 1.
      dtype: of the losses.
    """
    num_batches = -(-num_rows // batch)

    def add_batch(i, total):
        first, end = i * num_rows // num_batches, (i + 1) * num_rows // num_batches
        return i + 1, total + losses(first, end, i)

    _, total = tf.while_loop(
        lambda i, _: i < num_batches,
        add_batch,
        (tf.constant(0), tf.zeros([], dtype)),
        maximum_iterations=num_batches,
    )
    return total / num_rows
