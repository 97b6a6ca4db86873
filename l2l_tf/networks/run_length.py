"""What a rule that is told how long its run is makes of it: numbers that it sees, and a factor of its updates.

With T steps in all and p = t / T:

    seen   = (log(T) / 10, p, p^2)
    c      = 1.5 to 500 steps, 3 from 5,000 on, a straight line of their logarithms in between
    factor = c min(1, (1 - p) / 0.3), or 1 where it is not told, which is said by T = 0

As noise is averaged out at the end, steps may be longer until then, and the more the longer there is for it (Haegele et
al. 2024, "Scaling laws and compute-optimal training beyond fixed training durations": constant, then linear to 0). c
was chosen for `general`: results/notes/general.md.
"""

import math

import tensorflow as tf

NUM_SEEN = 3
_SHORT, _LONG = (500, 1.5), (5_000, 3.0)  # Steps, and c.
FALL = 0.3  # Share of the run in which updates fall.
_LEAST = 1e-20  # Factor whose logarithm is taken: single precision has its exponential.


def seen(step: tf.Tensor, length: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The numbers, on a new last axis, and 1 where they mean something, 0 where it is not told.

    Args:
      step: t, floating point.
      length: T of the same type, 0 where it is not known; shaped as the step, or a scalar.
    """
    known, share = _known_and_share(step, length)
    logarithm = known * tf.math.log(tf.maximum(length, 1)) / 10 + tf.zeros_like(step)
    return tf.stack([logarithm, share, tf.square(share)], -1), known


def longer(length: tf.Tensor) -> tf.Tensor:
    """c of runs of so many steps, floating point."""
    (short, least), (long, most) = _SHORT, _LONG
    share = tf.math.log(tf.maximum(length, 1) / short) / math.log(long / short)
    return least * (most / least) ** tf.clip_by_value(share, 0, 1)


def log_factor(step: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """The logarithm of the factor; for arguments see `seen`."""
    known, share = _known_and_share(step, length)
    return known * tf.math.log(tf.maximum(longer(length) * tf.minimum((1 - share) / FALL, 1), _LEAST))


def _known_and_share(step: tf.Tensor, length: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    known = tf.cast(length > 0, step.dtype) + tf.zeros_like(step)
    return known, known * tf.minimum(step / tf.maximum(length, 1), 1)
