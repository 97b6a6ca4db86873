"""Mean and variance of gradients that come one at a time."""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from l2l_tf.networks.dtypes import all_finite


class Moments(NamedTuple):
    """Running mean and sum of squared deviations of each weight's gradient (Welford 1962), finite samples only.

    A sample is left out as a whole where an entry is not finite, which is how the outer optimizer judges too.

    Attributes:
      count: int32, samples so far that were finite.
      means: shaped as the weights.
      deviations: sums of squared deviations from the mean.
    """

    count: tf.Tensor
    means: list[tf.Tensor]
    deviations: list[tf.Tensor]

    @classmethod
    def of_none(cls, variables: Sequence[tf.Variable]) -> "Moments":
        """Where no sample has come yet."""
        return cls(tf.constant(0), [tf.zeros_like(v) for v in variables], [tf.zeros_like(v) for v in variables])

    def add(self, sample: Sequence[tf.Tensor]) -> "Moments":
        """The moments with one sample more."""
        finite = all_finite(sample)
        count = self.count + tf.cast(finite, tf.int32)
        means, deviations = [], []
        for mean, deviation, x in zip(self.means, self.deviations, sample):
            change = tf.where(finite, x - mean, tf.zeros_like(mean))
            mean = mean + tf.math.divide_no_nan(change, tf.cast(count, x.dtype))
            means.append(mean)
            deviations.append(deviation + tf.where(finite, change * (x - mean), tf.zeros_like(mean)))
        return Moments(count, means, deviations)

    def mean(self) -> list[tf.Tensor]:
        """NaN where there was no finite sample."""
        some = self.count > 0
        return [tf.where(some, mean, tf.fill(mean.shape, tf.constant(float("nan"), mean.dtype))) for mean in self.means]

    def variance_of_mean(self) -> list[tf.Tensor]:
        """The estimated variance of each mean; infinite with fewer than two samples."""
        enough = self.count > 1
        variances = []
        for deviation in self.deviations:
            count = tf.cast(self.count, deviation.dtype)
            variance = tf.math.divide_no_nan(deviation, count * (count - 1))
            variances.append(
                tf.where(enough, variance, tf.fill(variance.shape, tf.constant(float("inf"), variance.dtype)))
            )
        return variances
