"""Diagonal normal distributions."""

import math

import tensorflow as tf

_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


def log_density(x: tf.Tensor, mean: tf.Tensor | float, log_stddev: tf.Tensor | float) -> tf.Tensor:
    """log N(x; mean, exp(2 log_stddev)), summed over the last axis."""
    scaled = (x - mean) * tf.exp(-tf.convert_to_tensor(log_stddev, x.dtype))
    return -tf.reduce_sum(0.5 * tf.square(scaled) + log_stddev + _HALF_LOG_TWO_PI, -1)


def divergence_from_standard(mean: tf.Tensor, log_stddev: tf.Tensor) -> tf.Tensor:
    """KL(N(mean, exp(2 log_stddev)) | N(0, 1)), summed over the last axis."""
    return tf.reduce_sum(0.5 * (tf.exp(2 * log_stddev) + tf.square(mean) - 1) - log_stddev, -1)
