"""LSTM+GAC: the coordinatewise LSTM with cells that average over coordinates."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from l2l_tf.networks import dtypes, functions, lstm_layers, preprocess
from l2l_tf.networks.initializers import WeightInitializers
from l2l_tf.networks.network import Network, Observation


class GlobalAveragingLSTM(Network):
    """A deep LSTM on each coordinate, some of whose cells hear from all coordinates of the same function.

    Global averaging cells are ordinary cells whose outgoing activations are replaced, at each step, by their mean
    over the coordinates. With h the activations of a layer, coordinate i of n, the last `global_cells` of which are
    averaged:

        h_i' = [h_i own, mean_j h_j shared]      to the next layer, and to the layer itself a step later

    One such cell is enough to learn of the norm of the gradient, and with it L2 clipping. Everything else is as in
    CoordinateWiseDeepLSTM. Andrychowicz et al. 2016, appendix B.

    The updates move with the coordinates where these change places, and no function of a batch hears from another.

    Args:
      layers: cells of each LSTM layer, the averaging ones among them.
      global_cells: averaging cells in each layer.
      function_axis: the axis of every parameter that counts independent functions: 0, or None where all is one.
      preprocess_name, preprocess_options, scale, initializer, seed, dtype: see DeepLSTM.

    Raises:
      ValueError: an option out of range.
    """

    def __init__(
        self,
        layers: Sequence[int] = (20, 20),
        global_cells: int = 5,
        function_axis: int | None = None,
        preprocess_name: str = "identity",
        preprocess_options: dict[str, Any] | None = None,
        scale: float = 1.0,
        initializer: Any = None,
        seed: int = 0,
        dtype: str = "float32",
        name: str | None = None,
    ):
        super().__init__(name=name)
        check_global_cells(global_cells, layers)
        self._function_axis = function_axis
        self._global_cells = global_cells
        self._scale = scale
        self._dtype = dtypes.of_network(dtype)
        self._preprocess = preprocess.get(preprocess_name, **(preprocess_options or {}))
        initializers = WeightInitializers(initializer, seed, lstm_layers.weight_names(layers, "linear"))
        features = self._preprocess.features
        self._cores = lstm_layers.build_cores(features, layers, initializers, self._dtype)
        self._linear = lstm_layers.build_linear("linear", layers[-1], 1, initializers, self._dtype)

    def initial_state(self, parameters):
        num_functions, coordinates = functions.count(parameters, self._function_axis)
        return tuple(core.initial_state(num_functions * coordinates) for core in self._cores)

    def __call__(self, observation: Observation, state):
        gradients = functions.join(observation.gradients, self._function_axis, self._dtype)
        num_functions = gradients.shape[0]
        output, next_state = lstm_layers.run_cores(
            self._cores,
            self._preprocess(tf.reshape(gradients, [-1, 1])),
            state,
            lambda values: functions.average(values, num_functions, self._global_cells),
        )
        updates = tf.reshape(self._linear(output) * self._scale, tf.shape(gradients))
        return functions.part(updates, observation.gradients, self._function_axis), next_state


def check_global_cells(global_cells: int, layers: Sequence[int]) -> None:
    """Raises ValueError for more averaging cells than a layer has."""
    if global_cells > min(layers):
        raise ValueError(
            f"global_cells counts cells of each layer, of which the smallest has {min(layers)}. "
            f"Received: {global_cells}."
        )
