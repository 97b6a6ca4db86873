"""What a rule that is told how long its run is makes of it: numbers that it sees, and a factor of its updates.

With T steps in all and p = t / T:

    seen   = (log(T) / 10, p, p^2)
    l      = log(T / 500) / log(10), within 0 and 1: 0 to 500 steps, 1 from 5,000 on
    c      = 1.5 2^l
    factor = c min(1, (1 - p) / (0.3 + 0.2 l))^(1 + l), or 1 where it is not told, which is said by T = 0

As noise is averaged out at the end, steps may be longer until then, and the more the longer there is for it (Haegele et
al. 2024, "Scaling laws and compute-optimal training beyond fixed training durations": constant, then linear to 0). All
of this was chosen for `general`: results/notes/general.md.
"""

import math

import tensorflow as tf

NUM_SEEN = 3
FALL = 0.3  # Share of a run in which updates fall.
_SHORT, _LONG = 500, 5_000  # Steps.
_FACTORS, _FALLS, _POWERS = (1.5, 3.0), (FALL, 0.5), (1.0, 2.0)  # Of the short and the long.
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


def factor(left: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """The factor of updates.

    Args:
      left: 1 - p, floating point.
      length: T of the same type.
    """
    share = tf.clip_by_value(tf.math.log(tf.maximum(length, 1) / _SHORT) / math.log(_LONG / _SHORT), 0, 1)
    constant = _FACTORS[0] * (_FACTORS[1] / _FACTORS[0]) ** share
    return constant * fall(left, _between(_FALLS, share)) ** _between(_POWERS, share)


def fall(left: tf.Tensor, share: tf.Tensor | float = FALL) -> tf.Tensor:
    """1, and from where so much is left as `share` a straight line to 0."""
    return tf.clip_by_value(left / share, 0, 1)


def log_factor(step: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """The logarithm of the factor; for arguments see `seen`."""
    known, share = _known_and_share(step, length)
    return known * tf.math.log(tf.maximum(factor(1 - share, length), _LEAST))


def _between(ends: tuple[float, float], share: tf.Tensor) -> tf.Tensor:
    return ends[0] + (ends[1] - ends[0]) * share


def _known_and_share(step: tf.Tensor, length: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    known = tf.cast(length > 0, step.dtype) + tf.zeros_like(step)
    return known, known * tf.minimum(step / tf.maximum(length, 1), 1)
