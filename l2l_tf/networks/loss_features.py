"""What a rule sees of losses: where they are against their own running means, in units of their own spread.

For every loss l, with running averages corrected for starting at 0,

    mu' = 0.95 mu + 0.05 l;    var' = 0.95 var + 0.05 (l - mu')^2
    f   = (l - mu') / sqrt(var' + 1e-6 mu'^2), within -5 ... 5

and where both losses are seen, a third number: the mean of the validation loss among the training losses, in place of
l. Metz et al. 2020, appendix: a rule that sees both can regularise as it goes.
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from l2l_tf.networks.network import Observation

FIELDS = {"training": "loss", "validation": "validation_loss"}
NUM_FEATURES = len(FIELDS) + 1
_DECAY = 0.95
_LARGEST = 5.0

State = dict[str, Any]


def check_losses(losses: Sequence[str]) -> tuple[str, ...]:
    """`losses` as a tuple.

    Raises:
      ValueError: one twice.
    """
    if len(set(losses)) < len(losses):
        raise ValueError(f"losses holds each of {list(FIELDS)} once, or not. Received: {list(losses)}.")
    return tuple(losses)


def initial_state(losses: Sequence[str], dtype: tf.DType) -> State:
    """Averages of nothing, and their weight."""
    zero = tf.zeros([], dtype)
    return {loss: {"mean": zero, "variance": zero, "weight": zero} for loss in losses}


def see(losses: Sequence[str], observation: Observation, state: State, dtype: tf.DType) -> tuple[tf.Tensor, State]:
    """The features, `[3]`, 0 where a loss is not among `losses`, and the next state."""
    zero = tf.zeros([], dtype)
    features, corrected, next_state = dict.fromkeys(FIELDS, zero), {}, {}
    for loss in losses:
        averages = state[loss]
        value = tf.cast(getattr(observation, FIELDS[loss]), dtype)
        weight = _DECAY * averages["weight"] + (1 - _DECAY)
        mean = _DECAY * averages["mean"] + (1 - _DECAY) * value
        variance = _DECAY * averages["variance"] + (1 - _DECAY) * tf.square(value - mean / weight)
        next_state[loss] = {"mean": mean, "variance": variance, "weight": weight}
        corrected[loss] = mean / weight, variance / weight
        features[loss] = _standardized(value, *corrected[loss])
    both = _standardized(corrected["validation"][0], *corrected["training"]) if len(corrected) > 1 else zero
    return tf.stack([*features.values(), both]), next_state


def _standardized(value: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor) -> tf.Tensor:
    units = (value - mean) * tf.math.rsqrt(variance + 1e-6 * tf.square(mean) + 1e-16)
    return tf.clip_by_value(units, -_LARGEST, _LARGEST)
