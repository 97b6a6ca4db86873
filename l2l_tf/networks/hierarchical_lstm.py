"""HierarchicalLSTM: an LSTM on each tensor that steers an MLP on each of the tensor's coordinates."""

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from l2l_tf.networks import coordinate_features, loss_features, lstm_layers, mlp_layers
from l2l_tf.networks.coordinate_features import MomentFeatures
from l2l_tf.networks.coordinate_mlp import CoordinateMLP
from l2l_tf.networks.network import Observation

_LOG_SCALE = 10.0
_LEAST_SCALE = 1e-18


class HierarchicalLSTM(CoordinateMLP):
    """PerParameterMLP, under an LSTM that runs once for each tensor and sees how training goes.

    For the tensor a, with averages of everything that is of coordinates or of tensors:

        z_a   = LSTM((q_a, losses, t, mean over coordinates of M h_a, mean over tensors of B z), state_a)
        d, e  = MLP((x_j, t, C z_a))                 on each coordinate j, h_a the last hidden layer
        u_j   = scale d exp(magnitude_scale (e + s z_a))

    where the means are those of the step before, and q_a holds the logarithms of the tensor's root mean square
    gradient, parameter, momenta and second moments, the share of every momentum in its second moment (1 where gradients
    agree, 0 where they are noise), and the logarithm of the number of coordinates. For the MLP and t see CoordinateMLP,
    for x_j MomentFeatures, for the losses `loss_features`.

    With `function_axis`, each function has LSTM states and means of its own, and losses, which are means over the
    functions, are not seen.

    Metz et al. 2020, "Tasks, stability, architecture, and compute: training more effective learned optimizers, and
    using them to train themselves". Differs in features, which do not change with the scale of the loss but for the
    logarithms, in the scale of a tensor's updates, and in starting as a descent.

    Args:
      layers: units of each hidden layer of the MLP.
      cells: of the LSTM.
      messages: how many numbers pass between tensors, from the MLP to the LSTM, and back.
      decays: of the running averages.
      losses: which losses are seen, "training" and "validation", or none. The weights are of the same shapes: those of
        a rule that was trained on losses also run where there are none, as in Keras, as if these were at their means.
      scale, magnitude_scale, trained_steps, function_axis, seed, dtype: see CoordinateMLP.
      initializer: there too; further layers are `lstm_1`, `to_mlp` (C), `to_tensors` (B), `to_magnitude` (s, which
        starts at 0) and `from_mlp` (M).

    Raises:
      ValueError: an option out of range.
    """

    sees_shapes = True

    def __init__(
        self,
        layers: Sequence[int] = (32,),
        cells: int = 32,
        messages: int = 16,
        decays: tuple[float, ...] = (0.5, 0.9, 0.99, 0.999, 0.9999),
        losses: Sequence[str] = ("training",),
        initializer: Any = None,
        **options: Any,
    ):
        losses = loss_features.check_losses(losses)
        own_layers = ("to_mlp", "to_tensors", "to_magnitude", "from_mlp")
        super().__init__(
            MomentFeatures(decays),
            len(coordinate_features.TIME_SCALES) + messages,
            lstm_layers.weight_names((cells,), *own_layers),
            layers=layers,
            initializer=initializer,
            **options,
        )
        self._messages = messages
        self._losses = losses if self._function_axis is None else ()
        self.observes = CoordinateMLP.observes | {loss_features.FIELDS[loss] for loss in self._losses}
        num_inputs = (
            3 + 3 * len(decays) + len(coordinate_features.TIME_SCALES) + loss_features.NUM_FEATURES + 2 * messages
        )
        self._cores = lstm_layers.build_cores(num_inputs, (cells,), self._initializers, self._dtype)
        sizes = ((cells, messages), (cells, messages), (cells, 1), (layers[-1], messages))
        self._linear = {
            layer: lstm_layers.build_linear(layer, inputs, outputs, self._initializers, self._dtype)
            for layer, (inputs, outputs) in zip(own_layers, sizes)
        }
        if initializer is None:
            self._linear["to_magnitude"].w.assign(tf.zeros([cells, 1], self._dtype))

    def initial_state(self, parameters):
        slots = self._initial_slots(parameters)
        num_functions = 1 if self._function_axis is None else next((p.shape[0] for p in parameters.values()), 1)
        rows = num_functions * sum(math.prod(p.shape) > 0 for p in parameters.values())
        return {
            "slots": slots,
            "lstm": tuple(core.initial_state(rows) for core in self._cores),
            "from_mlp": tf.zeros([rows, self._messages], self._dtype),
            "from_tensors": tf.zeros([num_functions, self._messages], self._dtype),
            "losses": loss_features.initial_state(self._losses, self._dtype),
        }

    def __call__(self, observation: Observation, state):
        seen = self._see(observation, state["slots"])
        losses, next_losses = loss_features.see(self._losses, observation, state["losses"], self._dtype)
        next_state = {**state, "slots": self._next_slots(seen, state["slots"]), "losses": next_losses}
        if not seen:
            return self._updates({}, observation), next_state

        num_functions = state["from_tensors"].shape[0]
        time = self._time(observation)
        everywhere = tf.tile(tf.concat([time, losses], 0)[None], [num_functions, 1])
        of_tensors = [
            tf.concat([self._sizes(of_tensor), everywhere, state["from_tensors"]], axis=1)
            for of_tensor, _ in seen.values()
        ]
        inputs = tf.concat([tf.concat(of_tensors, axis=0), state["from_mlp"]], axis=1)
        hidden, lstm = lstm_layers.run_cores(self._cores, inputs, state["lstm"])

        time = tf.tile(time[None], [num_functions, 1])
        to_mlp, magnitudes = (
            tf.split(self._linear[layer](hidden), len(seen), axis=0) for layer in ("to_mlp", "to_magnitude")
        )
        updates, means = {}, []
        for (name, (of_tensor, _)), own, magnitude in zip(seen.items(), to_mlp, magnitudes):
            shared = tf.concat([time, own], axis=1)
            updates[name], mean = self._respond(of_tensor, shared, magnitude, with_mean=True)
            means.append(mean)
        to_tensors = tf.reshape(self._linear["to_tensors"](hidden), [len(seen), num_functions, self._messages])
        next_state |= {
            "lstm": lstm,
            "from_mlp": self._linear["from_mlp"](tf.concat(means, axis=0)),
            "from_tensors": tf.reduce_mean(to_tensors, axis=0),
        }
        return self._updates(updates, observation), next_state

    def _sizes(self, seen: mlp_layers.Seen) -> tf.Tensor:
        """q of one tensor, `[F, 3 + 3 K]`. The features' scales are reciprocal root mean squares."""
        momenta = tf.maximum(seen.scales[:, 2::4], _LEAST_SCALE)
        scales = tf.concat([tf.maximum(seen.scales[:, :2], _LEAST_SCALE), momenta], axis=1)
        second = tf.concat(seen.means, axis=1) + coordinate_features.GRADIENT_EPSILON
        count = tf.fill([second.shape[0], 1], tf.cast(tf.shape(seen.views[0])[1], self._dtype))
        return tf.concat(
            [
                -tf.math.log(scales) / _LOG_SCALE,
                tf.math.log(second) / (2 * _LOG_SCALE),
                1 / (tf.square(momenta) * second),
                tf.math.log(count) / _LOG_SCALE,
            ],
            axis=1,
        )
