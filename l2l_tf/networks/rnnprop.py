"""RNNProp: a coordinatewise LSTM that sees the gradient as Adam and RMSprop do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import tensorflow as tf

from l2l_tf.networks import averaging_lstm
from l2l_tf.networks.averaging_lstm import AveragingLSTM


@dataclass(frozen=True)
class Normalised:
    """RNNProp's law."""

    beta_1: float
    beta_2: float
    epsilon: float
    magnitude: bool
    scale: float

    num_outputs: ClassVar[int] = 1

    @property
    def num_features(self) -> int:
        return 3 if self.magnitude else 2

    def see(self, gradients, averages):
        mean, mean_square, averages = averaging_lstm.moments(gradients, averages, self.beta_1, self.beta_2)
        scale = tf.math.rsqrt(mean_square + self.epsilon**2)
        features = [gradients * scale, mean * scale]
        if self.magnitude:
            features.append(averaging_lstm.log_magnitude(mean_square))
        return features, averages, ()

    def respond(self, outputs, basis):
        return tf.tanh(outputs[0]) * self.scale


class RNNProp(AveragingLSTM):
    """LSTM layers over the gradient and its mean, both in units of the gradient's root mean square.

        m' = beta_1 m + (1 - beta_1) g;    v' = beta_2 v + (1 - beta_2) g^2
        x  = [g, m' / (1 - beta_1^t)] / sqrt(v' / (1 - beta_2^t) + epsilon^2)
        u  = scale tanh(LSTM layers(x) w + b)

    Inputs do not change with the scale of the loss, and averaging over noise is done for the network, linearly.
    Lv, Jiang and Li 2017, "Learning gradient descent: better generalization and longer horizons", section 4.

    With `magnitude` (our addition) x has a third entry, log(v' / (1 - beta_2^t)) / 20, at least -1, as LogAndSign with
    k = 10 has it for the gradient. The rule then knows which gradients are large, as SGD and NAG do and Adam does not,
    and depends on the scale of the loss.

    Args:
      layers: cells of each LSTM layer.
      beta_1, beta_2: decays of the moments.
      epsilon: keeps the inputs finite where all gradients were 0.
      scale: the largest update.
      magnitude: whether x has the third entry.
      initializer, seed, dtype: see DeepLSTM.

    Raises:
      ValueError: an option out of range.
    """

    def __init__(
        self,
        layers: Sequence[int] = (20, 20),
        beta_1: float = 0.95,
        beta_2: float = 0.95,
        epsilon: float = 1e-8,
        scale: float = 0.1,
        magnitude: bool = False,
        **options: Any,
    ):
        super().__init__(Normalised(beta_1, beta_2, epsilon, magnitude, scale), layers, **options)
