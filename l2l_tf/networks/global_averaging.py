"""LSTM+GAC: the coordinatewise LSTM with cells that average over coordinates."""

from typing import Any

import tensorflow as tf

from l2l_tf.networks import functions
from l2l_tf.networks.controller import Controller
from l2l_tf.networks.network import Observation


class GlobalAveragingLSTM(Controller):
    """A deep LSTM on each coordinate, some of whose cells hear from all coordinates of the same function.

    Global averaging cells are ordinary cells whose outgoing activations are replaced, at each step, by their mean
    over the coordinates. With h the activations of a layer, coordinate i of n, the last `global_cells` of which are
    averaged:

        h_i' = [h_i own, mean_j h_j shared]      to the next layer, and to the layer itself a step later

    One such cell is enough to learn of the norm of the gradient, and with it L2 clipping. Everything else is as in
    CoordinateWiseDeepLSTM. Andrychowicz et al. 2016, appendix B.

    The updates move with the coordinates where these change places, and no function of a batch hears from another.

    Args:
      **options: see Controller.

    Raises:
      ValueError: an option out of range.
    """

    def __init__(self, **options: Any):
        super().__init__(1, {"linear": 1}, {}, **options)

    def initial_state(self, parameters):
        num_functions, coordinates = functions.count(parameters, self._function_axis)
        return self._initial_layers(num_functions * coordinates)

    def __call__(self, observation: Observation, state):
        gradients = functions.join(observation.gradients, self._function_axis, self._dtype)
        output, next_state = self._control(tf.reshape(gradients, [-1, 1]), gradients.shape[0], state)
        updates = tf.reshape(self._linear["linear"](output) * self._scale, tf.shape(gradients))
        return functions.part(updates, observation.gradients, self._function_axis), next_state
