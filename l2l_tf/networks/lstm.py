"""Deep LSTM optimizers: the plain network, and its coordinatewise and convolution-kernel forms."""

import abc
import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from l2l_tf.networks import dtypes, lstm_layers, preprocess
from l2l_tf.networks.initializers import WeightInitializers
from l2l_tf.networks.network import Network, Observation, Tensors


class DeepLSTM(Network):
    """LSTM layers, then a linear layer: the network that the three optimizers below share.

    A tensor is seen as rows `[n, size]`; each row is a gradient of `size` entries with a hidden state of its own,
    and all rows share phi:

        x_t          = preprocess(g_t)                        [n, size * features]
        y_t, h_{t+1} = LSTM layers(x_t, h_t)                  [n, layers[-1]]
        u_t          = scale * (y_t w + b)                    [n, size]

    Andrychowicz et al. 2016, section 2.1. Differs from the original code in starting the biases at 0 (the forget
    gate's at 1), not at random.

    Args:
      size: entries of a row.
      layers: cells of each LSTM layer; empty for a linear map of the preprocessed gradient.
      preprocess_name: "identity", "Clamp" or "LogAndSign".
      preprocess_options: its keyword arguments.
      scale: factor of the output.
      initializer: of the weights; layers are `lstm_1`, `lstm_2`, ... with `w_i` `[inputs, 4 cells]`, `w_h`
        `[cells, 4 cells]` and `b` `[4 cells]` (Sonnet's gate order: input, forget, cell, output), then `linear`
        with `w` and `b`. To what is given for `b`, Sonnet adds 1 at the forget gate. See `WeightInitializers`.
      seed: of the initial weights.
      dtype: of phi and the state. Gradients of other types are cast on the way in, updates on the way out.

    Raises:
      ValueError: an option out of range.
    """

    def __init__(
        self,
        size: int,
        /,
        layers: Sequence[int] = (20, 20),
        preprocess_name: str = "identity",
        preprocess_options: dict[str, Any] | None = None,
        scale: float = 1.0,
        initializer: Any = None,
        seed: int = 0,
        dtype: str = "float32",
        name: str | None = None,
    ):
        super().__init__(name=name)
        self._size = size
        self._dtype = dtypes.of_network(dtype)
        self.scale = scale
        self.preprocess = preprocess.get(preprocess_name, **(preprocess_options or {}))
        self._build(layers, initializer, seed)

    def _build(self, layers: Sequence[int], initializer: Any, seed: int) -> None:
        initializers = WeightInitializers(initializer, seed, lstm_layers.weight_names(layers, "linear"))
        num_inputs = self._size * self.preprocess.features
        self.cores = lstm_layers.build_cores(num_inputs, layers, initializers, self._dtype)
        num_outputs = layers[-1] if layers else num_inputs
        self.linear = lstm_layers.build_linear("linear", num_outputs, self._size, initializers, self._dtype)

    @abc.abstractmethod
    def _to_rows(self, tensor: tf.Tensor) -> tf.Tensor:
        """`tensor` as `[n, size]`."""

    @abc.abstractmethod
    def _from_rows(self, rows: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
        """The inverse of `_to_rows` for a tensor shaped as `like`."""

    @abc.abstractmethod
    def _num_rows(self, tensor: tf.Tensor) -> int:
        """n of `_to_rows(tensor)`."""

    def initial_state(self, parameters):
        num_rows = sum(self._num_rows(p) for p in parameters.values())
        return tuple(core.initial_state(num_rows) for core in self.cores)

    def __call__(self, observation: Observation, state):
        updates, next_state = self.update_rows(self.to_rows(observation.gradients), state)
        return self.from_rows(updates, observation.gradients), next_state

    def to_rows(self, tensors: Tensors) -> tf.Tensor:
        """`tensors` below one another as rows `[n, size]` of the network's type."""
        for tensor in tensors.values():
            self._num_rows(tensor)  # Says what is wrong with a shape that the network does not take.
        return tf.concat([tf.cast(self._to_rows(tensor), self._dtype) for tensor in tensors.values()], axis=0)

    def from_rows(self, rows: tf.Tensor, like: Tensors) -> Tensors:
        """The inverse of `to_rows`, in the shapes and types of `like`."""
        num_rows = [self._num_rows(tensor) for tensor in like.values()]
        return {
            name: self._from_rows(tf.cast(part, like[name].dtype), like[name])
            for name, part in zip(like, tf.split(rows, num_rows))
        }

    def update_rows(self, rows: tf.Tensor, state: Any) -> tuple[tf.Tensor, Any]:
        """The rule itself: gradients `[n, size]` and the state to updates `[n, size]` and the next state."""
        output, next_state = lstm_layers.run_cores(self.cores, self.preprocess(rows), state)
        return self.linear(output) * self.scale, next_state


class StandardDeepLSTM(DeepLSTM):
    """One gradient vector, the last axis of a parameter, at a time; a hidden state for each vector.

    Args:
      output_size: length of the last axis of every parameter it is given.
      **options: see DeepLSTM.

    Raises:
      ValueError: a parameter whose last axis is of another length.
    """

    def __init__(self, output_size: int, **options: Any):
        super().__init__(output_size, **options)

    def _num_rows(self, tensor):
        if not tensor.shape.rank or tensor.shape[-1] != self._size:
            raise ValueError(
                f"StandardDeepLSTM with output_size={self._size} takes parameters whose last axis has that length. "
                f"Received: shape {tuple(tensor.shape)}."
            )
        return math.prod(tensor.shape[:-1])

    def _to_rows(self, tensor):
        return tf.reshape(tensor, [-1, self._size])

    def _from_rows(self, rows, like):
        return tf.reshape(rows, like.shape)


class CoordinateWiseDeepLSTM(DeepLSTM):
    """One coordinate at a time: any shapes, one set of weights, a hidden state for each coordinate.

    Andrychowicz et al. 2016, section 2.1. Invariant to the order of parameters. For options see DeepLSTM.
    """

    coordinatewise = True

    def __init__(self, **options: Any):
        super().__init__(1, **options)

    def _num_rows(self, tensor):
        return math.prod(tensor.shape)

    def _to_rows(self, tensor):
        return tf.reshape(tensor, [-1, 1])

    def _from_rows(self, rows, like):
        return tf.reshape(rows, like.shape)


class KernelDeepLSTM(DeepLSTM):
    """One convolution kernel at a time: a hidden state for each (in, out) channel pair.

    Args:
      kernel_shape: `(height, width)` of the kernels; parameters are `[height, width, in, out]`.
      **options: see DeepLSTM.

    Raises:
      ValueError: a parameter of another shape.
    """

    def __init__(self, kernel_shape: Sequence[int], **options: Any):
        self._kernel_shape = tuple(kernel_shape)
        super().__init__(math.prod(self._kernel_shape), **options)

    def _num_rows(self, tensor):
        if tuple(tensor.shape[:-2]) != self._kernel_shape:
            raise ValueError(
                f"KernelDeepLSTM with kernel_shape={self._kernel_shape} takes kernels of shape "
                f"{self._kernel_shape} + (in, out). Received: {tuple(tensor.shape)}."
            )
        return math.prod(tensor.shape[-2:])

    def _to_rows(self, tensor):
        spatial = len(self._kernel_shape)
        return tf.reshape(
            tf.transpose(tensor, [spatial, spatial + 1, *range(spatial)]), [-1, math.prod(self._kernel_shape)]
        )

    def _from_rows(self, rows, like):
        spatial = len(self._kernel_shape)
        kernels = tf.reshape(rows, [*like.shape[-2:], *self._kernel_shape])
        return tf.transpose(kernels, [*range(2, spatial + 2), 0, 1])
