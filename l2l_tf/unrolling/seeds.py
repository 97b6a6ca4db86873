"""Random seeds: one integer root, folded with a purpose, then with counters.

Nothing draws from a global generator, so a run is a function of its root seed and its counters, and resuming needs
no more than these.
"""

import enum

import tensorflow as tf


class Purpose(enum.IntEnum):
    """What a seed is drawn for. The numbers are part of every result: append, never renumber."""

    PROBLEM = 0
    INITIAL_PARAMETERS = 1
    MINIBATCH = 2
    PERTURBATION = 3
    TRAINING = 4
    VALIDATION = 5
    EVALUATION = 6
    TUNING = 7


def root(seed: int) -> tf.Tensor:
    """The int32 `[2]` seed tensor of an integer of up to 62 bits.

    Raises:
      ValueError: a negative or larger integer.
    """
    if not 0 <= seed < 2**62:
        raise ValueError(f"A seed is an integer of at least 0 and below 2**62. Received: {seed}.")
    return tf.constant([seed % 2**31, seed // 2**31], tf.int32)


def fold(seed: tf.Tensor, *data) -> tf.Tensor:
    """`seed` folded with each integer of `data` in turn (Python integers, purposes, or int32 scalars)."""
    for datum in data:
        seed = tf.random.fold_in(seed, tf.cast(datum, tf.int32))
    return seed
