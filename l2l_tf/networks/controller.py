"""What LSTM+GAC and networks with a memory share: an LSTM on each coordinate that hears from all of its function."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from l2l_tf.networks import dtypes, functions, lstm_layers, preprocess
from l2l_tf.networks.initializers import WeightInitializers, where_unsaid
from l2l_tf.networks.network import Network


class Controller(Network):
    """LSTM layers on each coordinate, with global averaging cells (see GlobalAveragingLSTM), and linear layers on them.

    Args:
      num_inputs: numbers that it sees of a coordinate.
      outputs: linear layer to how many numbers it gives of a coordinate.
      unsaid: linear layer to what its weights start as where the initializer says nothing of them.
      layers: cells of each LSTM layer, the averaging ones among them.
      global_cells: averaging cells in each layer.
      function_axis: the axis of every parameter that counts independent functions: 0, or None where all is one.
      preprocess_name, preprocess_options, scale, initializer, seed, dtype: see DeepLSTM.
    """

    def __init__(
        self,
        num_inputs: int,
        outputs: Mapping[str, int],
        unsaid: Mapping[str, Mapping[str, Any]],
        /,
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
        if global_cells > min(layers):
            raise ValueError(
                f"global_cells counts cells of each layer, of which the smallest has {min(layers)}. "
                f"Received: {global_cells}."
            )
        self._function_axis = function_axis
        self._global_cells = global_cells
        self._scale = scale
        self._dtype = dtypes.of_network(dtype)
        self._preprocess = preprocess.get(preprocess_name, **(preprocess_options or {}))
        names = lstm_layers.weight_names(layers, *outputs)
        initializers = WeightInitializers(where_unsaid(initializer, unsaid), seed, names)
        num_features = num_inputs * self._preprocess.features
        self._cores = lstm_layers.build_cores(num_features, layers, initializers, self._dtype)
        self._linear = {
            layer: lstm_layers.build_linear(layer, layers[-1], size, initializers, self._dtype)
            for layer, size in outputs.items()
        }

    def _initial_layers(self, num_rows: int) -> Any:
        """The state of the LSTM layers."""
        return tuple(core.initial_state(num_rows) for core in self._cores)

    def _control(self, rows: tf.Tensor, num_functions: int, state: Any) -> tuple[tf.Tensor, Any]:
        """From what is seen, `[functions * n, inputs]`, to the layers' output, `[functions * n, cells]`, and state."""
        return lstm_layers.run_cores(
            self._cores,
            self._preprocess(rows),
            state,
            lambda values: functions.average(values, num_functions, self._global_cells),
        )
