"""PerParameterMLP: a small MLP on each coordinate, over running averages of its gradient."""

from collections.abc import Sequence
from typing import Any

from l2l_tf.networks.coordinate_features import MomentFeatures
from l2l_tf.networks.coordinate_mlp import CoordinateMLP
from l2l_tf.networks.network import Observation


class PerParameterMLP(CoordinateMLP):
    """An MLP that sees the gradient, momenta and second moments of several decays, the parameter and the step.

    Direction times the exponential of a magnitude, one hidden layer of 32: see CoordinateMLP for the rule and
    MomentFeatures for what it sees. The state is two numbers a coordinate for each decay.

    Metz et al. 2019, "Understanding and correcting pathologies in the training of learned optimizers". Differs in
    the root of the second moments, which grows as the gradient does, in the relative constant under the reciprocal
    roots, and in starting as a descent.

    Args:
      layers: units of each hidden layer.
      decays: of the running averages.
      scale, magnitude_scale, trained_steps, function_axis, initializer, seed, dtype: see CoordinateMLP.

    Raises:
      ValueError: an option out of range.
    """

    def __init__(
        self,
        layers: Sequence[int] = (32,),
        decays: tuple[float, ...] = (0.5, 0.9, 0.99, 0.999, 0.9999),
        **options: Any,
    ):
        super().__init__(MomentFeatures(decays), layers=layers, **options)

    def initial_state(self, parameters):
        return self._initial_slots(parameters)

    def __call__(self, observation: Observation, state):
        return self._update_each(observation, state)
