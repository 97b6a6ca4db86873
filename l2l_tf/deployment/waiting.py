"""Which coordinates have had a gradient yet. One that has not keeps its value, and the state that it began with.

Rows of an embedding that no minibatch has shown, weights of pixels that were black so far, units that never were
active: their gradient is exactly 0, and a rule that moves them moves them for nothing that the data said. Only what a
coordinate has to itself tells, and no further state is needed: a rule's running averages, counts and LSTM cells are all
0 where a run begins, and stay so here as long as every gradient was 0.
"""

from collections.abc import Sequence

import tensorflow as tf


def awake(gradient: tf.Tensor, own_state: Sequence[tf.Tensor]) -> tf.Tensor:
    """Where a coordinate has had a gradient other than 0, this one's step included; bool, shaped as `gradient`.

        awake = gradient != 0  or  an entry of its own state != 0

    A rule that keeps nothing for a coordinate cannot tell: all are awake.

    Args:
      gradient: finite, of any shape.
      own_state: before this step: tensors shaped as `gradient`, or with further axes behind its own.
    """
    if not own_state:
        return tf.ones_like(gradient, tf.bool)
    woken = tf.not_equal(gradient, 0)
    for entries in own_state:
        nonzero = tf.not_equal(entries, 0)
        further = list(range(gradient.shape.rank, entries.shape.rank))
        woken |= tf.reduce_any(nonzero, further) if further else nonzero
    return woken


def rows_awake(gradients: tf.Tensor, own_state: Sequence[tf.Tensor]) -> tf.Tensor:
    """`awake` of whole rows, `[1, n]`: a row is awake once any of its entries has had a gradient other than 0.

    Args:
      gradients: `[size, n]`, finite.
      own_state: before this step: tensors `[k, n]`.
    """
    if not own_state:
        return tf.ones([1, gradients.shape[1]], tf.bool)
    return tf.reduce_any(tf.not_equal(tf.concat([gradients, *own_state], 0), 0), 0, keepdims=True)
