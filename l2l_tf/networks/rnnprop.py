"""RNNProp: a coordinatewise LSTM that sees the gradient as Adam and RMSprop do."""

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from l2l_tf.networks import lstm_layers
from l2l_tf.networks.initializers import WeightInitializers, json_able
from l2l_tf.networks.network import Network, Observation, Tensors

AVERAGES = ("first_moment", "second_moment", "step")  # the entries of the state beside that of the LSTM layers
_LEAST_MEAN_SQUARE = math.exp(-20)


class RNNProp(Network):
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

    coordinatewise = True

    def __init__(
        self,
        layers: Sequence[int] = (20, 20),
        beta_1: float = 0.95,
        beta_2: float = 0.95,
        epsilon: float = 1e-8,
        scale: float = 0.1,
        magnitude: bool = False,
        initializer: Any = None,
        seed: int = 0,
        dtype: str = "float32",
        name: str | None = None,
    ):
        layers = lstm_layers.check_layers(layers)
        if not layers:
            raise ValueError("layers is empty: RNNProp needs at least one LSTM layer. Received: ().")
        if not (0 <= beta_1 < 1 and 0 <= beta_2 < 1 and epsilon > 0):
            raise ValueError(
                "RNNProp needs beta_1 and beta_2 of at least 0 and below 1, and epsilon above 0. "
                f"Received: beta_1={beta_1}, beta_2={beta_2}, epsilon={epsilon}."
            )
        super().__init__(
            {
                "layers": list(layers),
                "beta_1": beta_1,
                "beta_2": beta_2,
                "epsilon": epsilon,
                "scale": scale,
                "magnitude": magnitude,
                "initializer": json_able(initializer),
                "seed": seed,
                "dtype": dtype,
            },
            name=name,
        )
        self._beta_1, self._beta_2, self._epsilon, self._magnitude = beta_1, beta_2, epsilon, magnitude
        self.scale = scale
        self._dtype = tf.as_dtype(dtype)
        initializers = WeightInitializers(initializer, seed, lstm_layers.weight_names(layers, "linear"))
        self.cores = lstm_layers.build_cores(3 if magnitude else 2, layers, initializers, self._dtype)
        self.linear = lstm_layers.build_linear("linear", layers[-1], 1, initializers, self._dtype)

    def initial_state(self, parameters):
        num_rows = sum(math.prod(p.shape) for p in parameters.values())
        zeros = tf.zeros([num_rows, 1], self._dtype)
        return {
            "first_moment": zeros,
            "second_moment": zeros,
            # One a coordinate, so that all of the state is rows.
            "step": zeros,
            "layers": tuple(core.initial_state(num_rows) for core in self.cores),
        }

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
        seen, averages = see(rows, state, self._beta_1, self._beta_2, self._epsilon, self._magnitude)
        output, layers = lstm_layers.run_cores(self.cores, tf.concat(seen, axis=1), state["layers"])
        return tf.tanh(self.linear(output)) * self.scale, {**averages, "layers": layers}


def see(
    gradients: tf.Tensor,
    averages: dict[str, tf.Tensor],
    beta_1: float,
    beta_2: float,
    epsilon: float,
    magnitude: bool,
) -> tuple[list[tf.Tensor], dict[str, tf.Tensor]]:
    """The inputs x of the LSTM layers, and the next moments and step: entry by entry, in any one shape."""
    step = averages["step"] + 1
    first_moment = beta_1 * averages["first_moment"] + (1 - beta_1) * gradients
    second_moment = beta_2 * averages["second_moment"] + (1 - beta_2) * tf.square(gradients)
    mean_square = second_moment / (1 - beta_2**step)
    scale = tf.math.rsqrt(mean_square + epsilon**2)
    seen = [gradients * scale, first_moment / (1 - beta_1**step) * scale]
    if magnitude:
        seen.append(tf.math.log(tf.maximum(mean_square, _LEAST_MEAN_SQUARE)) / -math.log(_LEAST_MEAN_SQUARE))
    return seen, {"first_moment": first_moment, "second_moment": second_moment, "step": step}
