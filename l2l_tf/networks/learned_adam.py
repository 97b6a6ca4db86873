"""LearnedAdam: Adam whose steps an LSTM adapts, coordinate by coordinate, and that knows what step it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import tensorflow as tf

from l2l_tf.networks import averaging_lstm, coordinate_features
from l2l_tf.networks.averaging_lstm import AveragingLSTM


@dataclass(frozen=True)
class Scheduled:
    """LearnedAdam's law."""

    learning_rate: float
    beta_1: float
    beta_2: float
    epsilon: float
    trained_steps: int | None

    num_features: ClassVar[int] = 3 + len(coordinate_features.TIME_SCALES)
    num_outputs: ClassVar[int] = 2

    def see(self, gradients, averages):
        time = coordinate_features.clock(averages["step"], self.trained_steps)
        mean, mean_square, averages = averaging_lstm.moments(gradients, averages, self.beta_1, self.beta_2)
        mean_square += self.epsilon**2
        scale = tf.math.rsqrt(mean_square)
        gradients, mean = gradients * scale, mean * scale
        return [gradients, mean, averaging_lstm.log_magnitude(mean_square), *time], averages, (gradients, mean)

    def respond(self, outputs, basis):
        size, direction = outputs
        gradients, mean = basis
        return -self.learning_rate * averaging_lstm.factor(size) * (mean + direction * gradients)


class LearnedAdam(AveragingLSTM):
    """Adam, scaled and bent by LSTM layers that see the step; it starts as Adam itself.

        m'    = beta_1 m + (1 - beta_1) g;    v' = beta_2 v + (1 - beta_2) g^2;    r = sqrt(v' / (1 - beta_2^t))
        x     = [g / r, m' / (1 - beta_1^t) / r, log(r) / 10, tanh(t / tau - 1) for 11 time scales tau]
        s, d  = LSTM layers(x) W + b
        u     = -learning_rate exp(s) (m' / (1 - beta_1^t) + d g) / r

    with s kept within -3 to 3 (3 tanh(s / 3)) and log(r) at least -10. W and b start at 0, so that u starts as the step
    of Adam with this learning rate (epsilon stands under the root). What is learned are schedules (s) and how much the
    newest gradient counts (d). As the rule knows what step it is, it can learn large steps that pay only once it has
    annealed, if what it learns from are runs to their end (`unroll_length` as long as `num_steps`).

    Our own design, after LearnedMomentum; the clock is that of Metz et al. 2019, "Understanding and correcting
    pathologies in the training of learned optimizers". State as RNNProp's of as many layers.

    Args:
      layers: cells of each LSTM layer.
      learning_rate: of the Adam that it starts as.
      beta_1, beta_2: decays of the moments.
      epsilon: keeps the inputs finite where all gradients were 0.
      trained_steps: of the longest run that the rule learned from, see CoordinateMLP.
      initializer, seed, dtype: see DeepLSTM; where the initializer says nothing of the linear layer, it is 0.

    Raises:
      ValueError: an option out of range.
    """

    def __init__(
        self,
        layers: Sequence[int] = (20,),
        learning_rate: float = 0.01,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        trained_steps: int | None = None,
        initializer: Any = None,
        **options: Any,
    ):
        law = Scheduled(learning_rate, beta_1, beta_2, epsilon, trained_steps)
        super().__init__(law, layers, averaging_lstm.silent_start(initializer), **options)
