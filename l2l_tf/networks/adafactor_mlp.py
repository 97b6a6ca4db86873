"""AdafactorMLP: a very small MLP on each coordinate, over Adafactor's statistics of its gradient."""

from collections.abc import Sequence
from typing import Any

from l2l_tf.networks.adafactor_features import AdafactorFeatures
from l2l_tf.networks.coordinate_mlp import CoordinateMLP
from l2l_tf.networks.network import Observation


class AdafactorMLP(CoordinateMLP):
    """An MLP that sees momenta of several decays against Adafactor's and RMSprop's second moments.

    See CoordinateMLP for the rule and AdafactorFeatures for what it sees. The state of a matrix is one number a
    coordinate for each momentum and one for the second moment, and rows and columns; of a vector, one more for each
    decay. The published layers are two of 4; up to 32 units were tried there.

    Metz et al. 2022, "Practical tradeoffs between memory, compute, and performance in learned optimizers"
    (small_fc_lopt). Differs in taking roots of the second moments as features, in relative constants under the
    reciprocal roots, in decays that are not learned, and in starting as a descent.

    Args:
      layers: units of each hidden layer.
      decays: of the momenta, and of the factored second moments.
      second_moment_decay: of the second moment of every coordinate.
      scale, magnitude_scale, trained_steps, function_axis, initializer, seed, dtype: see CoordinateMLP.

    Raises:
      ValueError: an option out of range.
    """

    sees_shapes = True

    def __init__(
        self,
        layers: Sequence[int] = (4, 4),
        decays: tuple[float, ...] = (0.9, 0.99, 0.999),
        second_moment_decay: float = 0.999,
        **options: Any,
    ):
        super().__init__(AdafactorFeatures(decays, second_moment_decay), layers=layers, **options)

    def initial_state(self, parameters):
        return self._initial_slots(parameters)

    def __call__(self, observation: Observation, state):
        return self._update_each(observation, state)
