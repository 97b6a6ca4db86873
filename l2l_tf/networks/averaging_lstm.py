"""What RNNProp, LearnedMomentum and LearnedAdam share: a coordinatewise LSTM over running averages of the gradient."""

import math
from collections.abc import Sequence
from typing import Any, Protocol

import tensorflow as tf

from l2l_tf.networks import dtypes, lstm_layers
from l2l_tf.networks.initializers import WeightInitializers, where_unsaid
from l2l_tf.networks.network import Network, Observation, Tensors

AVERAGES = ("first_moment", "second_moment", "step")  # the entries of the state beside that of the LSTM layers

Averages = dict[str, tf.Tensor]
Basis = tuple[tf.Tensor, ...]


class Law(Protocol):
    """What is computed entry by entry around the LSTM layers. Hashable; tensors are of any one shape."""

    @property
    def num_features(self) -> int:
        """Inputs of the LSTM layers."""

    @property
    def num_outputs(self) -> int:
        """Outputs of the linear layer."""

    def see(self, gradients: tf.Tensor, averages: Averages) -> tuple[list[tf.Tensor], Averages, Basis]:
        """The features, the next averages, and what the update is made of besides the outputs."""

    def respond(self, outputs: Sequence[tf.Tensor], basis: Basis) -> tf.Tensor:
        """The updates."""


class AveragingLSTM(Network):
    """LSTM layers between the two halves of a law.

    Args:
      law: what they see, and what becomes of their outputs.
      layers: cells of each LSTM layer, at least one layer.
      initializer, seed, dtype: see DeepLSTM.
    """

    coordinatewise = True

    def __init__(
        self,
        law: Law,
        /,
        layers: Sequence[int],
        initializer: Any = None,
        seed: int = 0,
        dtype: str = "float32",
        name: str | None = None,
    ):
        super().__init__(name=name)
        self.law = law
        self._dtype = dtypes.of_network(dtype)
        initializers = WeightInitializers(initializer, seed, lstm_layers.weight_names(layers, "linear"))
        self.cores = lstm_layers.build_cores(law.num_features, layers, initializers, self._dtype)
        self.linear = lstm_layers.build_linear("linear", layers[-1], law.num_outputs, initializers, self._dtype)

    def initial_state(self, parameters):
        num_rows = sum(math.prod(p.shape) for p in parameters.values())
        zeros = tf.zeros([num_rows, 1], self._dtype)
        # The step is one a coordinate, so that all of the state is rows.
        layers = tuple(core.initial_state(num_rows) for core in self.cores)
        return {**dict.fromkeys(AVERAGES, zeros), "layers": layers}

    def __call__(self, observation: Observation, state):
        rows, next_state = self.update_rows(self.to_rows(observation.gradients), state)
        return self.from_rows(rows, observation.gradients), next_state

    def to_rows(self, tensors: Tensors) -> tf.Tensor:
        """All coordinates below one another, `[n, 1]`, in the network's type."""
        return tf.concat([tf.cast(tf.reshape(tensor, [-1, 1]), self._dtype) for tensor in tensors.values()], axis=0)

    def from_rows(self, rows: tf.Tensor, like: Tensors) -> Tensors:
        """The inverse of `to_rows`, in the shapes and types of `like`."""
        parts = tf.split(rows, [math.prod(tensor.shape) for tensor in like.values()])
        return {
            name: tf.cast(tf.reshape(part, tensor.shape), tensor.dtype)
            for (name, tensor), part in zip(like.items(), parts)
        }

    def update_rows(self, rows: tf.Tensor, state: Any) -> tuple[tf.Tensor, Any]:
        """The rule itself: gradients `[n, 1]` and the state to updates `[n, 1]` and the next state."""
        features, averages, basis = self.law.see(rows, {name: state[name] for name in AVERAGES})
        hidden, layers = lstm_layers.run_cores(self.cores, tf.concat(features, axis=1), state["layers"])
        outputs = tf.split(self.linear(hidden), self.law.num_outputs, axis=1)
        return self.law.respond(outputs, basis), {**averages, "layers": layers}


def moments(
    gradients: tf.Tensor, averages: Averages, beta_1: float, beta_2: float
) -> tuple[tf.Tensor, tf.Tensor, Averages]:
    """The mean and the mean square of the gradients so far, without the bias of their start, and the next averages."""
    step = averages["step"] + 1
    first_moment = beta_1 * averages["first_moment"] + (1 - beta_1) * gradients
    second_moment = beta_2 * averages["second_moment"] + (1 - beta_2) * tf.square(gradients)
    mean, mean_square = first_moment / (1 - beta_1**step), second_moment / (1 - beta_2**step)
    return mean, mean_square, {"first_moment": first_moment, "second_moment": second_moment, "step": step}


LEAST_MEAN_SQUARE = math.exp(-20)


def log_magnitude(mean_square: tf.Tensor) -> tf.Tensor:
    """log(mean square) / 20, at least -1, as LogAndSign with k = 10 has it for the gradient."""
    return tf.math.log(tf.maximum(mean_square, LEAST_MEAN_SQUARE)) / -math.log(LEAST_MEAN_SQUARE)


_LARGEST_EXPONENT = 3.0


def factor(size: tf.Tensor) -> tf.Tensor:
    """exp(s), with s kept within -3 to 3."""
    return tf.exp(_LARGEST_EXPONENT * tf.tanh(size / _LARGEST_EXPONENT))


def silent_start(initializer: Any) -> Any:
    """`initializer` with zeros for the linear layer, where it says nothing of that."""
    return where_unsaid(initializer, {"linear": {"w": "zeros", "b": "zeros"}})
