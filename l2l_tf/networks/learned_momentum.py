"""LearnedMomentum: Nesterov momentum whose steps an LSTM adapts, coordinate by coordinate."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import tensorflow as tf

from l2l_tf.networks import averaging_lstm
from l2l_tf.networks.averaging_lstm import AveragingLSTM


@dataclass(frozen=True)
class Adapted:
    """LearnedMomentum's law."""

    learning_rate: float
    beta_1: float
    beta_2: float
    epsilon: float

    num_features: ClassVar[int] = 3
    num_outputs: ClassVar[int] = 2

    def see(self, gradients, averages):
        mean, mean_square, averages = averaging_lstm.moments(gradients, averages, self.beta_1, self.beta_2)
        mean_square += self.epsilon**2
        scale = tf.math.rsqrt(mean_square)
        features = [gradients * scale, mean * scale, averaging_lstm.log_magnitude(mean_square)]
        momentum = gradients + self.beta_1 / (1 - self.beta_1) * averages["first_moment"]
        return features, averages, (momentum, tf.sqrt(mean_square))

    def respond(self, outputs, basis):
        size, direction = outputs
        momentum, root_mean_square = basis
        return -self.learning_rate * averaging_lstm.factor(size) * (momentum + direction * root_mean_square)


class LearnedMomentum(AveragingLSTM):
    """Nesterov momentum, scaled and bent by LSTM layers; it starts as Nesterov momentum itself.

        m'    = beta_1 m + (1 - beta_1) g;    v' = beta_2 v + (1 - beta_2) g^2;    r = sqrt(v' / (1 - beta_2^t))
        x     = [g / r, m' / (1 - beta_1^t) / r, log(r) / 10]
        s, d  = LSTM layers(x) W + b
        u     = -learning_rate exp(s) (g + beta_1 / (1 - beta_1) m' + d r)

    with s kept within -3 to 3 (3 tanh(s / 3)) and log(r) at least -10. W and b start at 0, so that u starts as the step
    of Nesterov's accelerated gradient with this learning rate and momentum beta_1. What is learned are schedules (s)
    and directions between momentum's and sign descent's (d), from a start that already works.

    Our own design, after the size-and-direction outputs of Metz et al. 2019, "Understanding and correcting pathologies
    in the training of learned optimizers", and the inputs of RNNProp (Lv et al. 2017). State and cost as RNNProp.

    Args:
      layers: cells of each LSTM layer.
      learning_rate: of the momentum that it starts as. It depends on the problem, as the classic's does.
      beta_1, beta_2: decays of the moments.
      epsilon: keeps the inputs finite where all gradients were 0.
      initializer, seed, dtype: see DeepLSTM; where the initializer says nothing of the linear layer, it is 0.

    Raises:
      ValueError: an option out of range.
    """

    def __init__(
        self,
        layers: Sequence[int] = (20, 20),
        learning_rate: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.95,
        epsilon: float = 1e-6,
        initializer: Any = None,
        **options: Any,
    ):
        law = Adapted(learning_rate, beta_1, beta_2, epsilon)
        super().__init__(law, layers, averaging_lstm.silent_start(initializer), **options)
