"""ControlledMLP: a direction from an MLP on each coordinate, and a size for each tensor from another."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from l2l_tf.networks import functions, lstm_layers, run_length
from l2l_tf.networks.adafactor_features import AdafactorFeatures
from l2l_tf.networks.coordinate_mlp import CoordinateMLP, is_empty
from l2l_tf.networks.network import Observation, Tensors
from l2l_tf.networks.size_control import TOLD_LAYER, SizeControl, layer_names

_SQUARE_EPSILON = 1e-12


class ControlledMLP(CoordinateMLP):
    """An MLP that says where each coordinate goes, and one that says how far each tensor does.

    With d, e the outputs of an MLP on each coordinate, as AdafactorMLP's but without a clock:

        r = d exp(magnitude_scale e)
        u = scale size r / rms(r)

    with the root mean square over the tensor, and the size from `size_control`, which sees how noisy the tensor's
    gradients are, how they grow, how large its parameters are, the time, and, where it is `told`, how long the run is.
    So a tensor's updates are of a known size whatever its gradients are like. A fresh rule steps as Adam with the
    learning rate `scale`.

    Divided outputs without a clock: Celo2 (2026). Sizes tensor by tensor, from what is known of each and of all: Metz
    et al. 2020, "Tasks, stability, architecture, and compute". Differs from both in the features, which do not change
    with the scale of the loss, in an MLP with one number of memory a tensor in place of an LSTM, and in starting as
    Adam.

    Args:
      layers: units of each hidden layer of the MLP on coordinates.
      control_layers: of the MLP on tensors.
      decays: of the momenta, and of the factored second moments.
      second_moment_decay: of the second moment of every coordinate.
      told: whether it is told how long the run is (`run_length`). It works untold too.
      memory: the largest change of a tensor's size, as a logarithm, that is remembered from step to step: it adds up,
        and on tasks unlike those of the training without an end. None for any.
      scale, magnitude_scale, trained_steps, function_axis, initializer, seed, dtype: see CoordinateMLP; further layers
        are `control_1`, ..., `control_output`, and `control_told`.

    Raises:
      ValueError: an option out of range.
    """

    sees_shapes = True

    def __init__(
        self,
        layers: Sequence[int] = (8, 8),
        control_layers: Sequence[int] = (16,),
        decays: tuple[float, ...] = (0.9, 0.99, 0.999),
        second_moment_decay: float = 0.99,
        told: bool = False,
        memory: float | None = None,
        scale: float = 0.001,
        initializer: Any = None,
        **options: Any,
    ):
        layers_of_control = [*layer_names(control_layers), *([TOLD_LAYER] if told else [])]
        names = dict.fromkeys(layers_of_control, lstm_layers.LINEAR_WEIGHTS)
        kind = AdafactorFeatures(decays, second_moment_decay)
        super().__init__(kind, 0, names, layers=layers, scale=scale, initializer=initializer, **options)
        is_default = initializer is None
        self._control = SizeControl(
            control_layers, decays, second_moment_decay, self._initializers, self._dtype, is_default, told, memory
        )
        if told:
            self.observes = self.observes | {"length"}
        self._control_layers = self._control.layers  # for Sonnet to find

    def told_factor(self, left: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
        return run_length.factor(left, length)

    @property
    def control(self) -> SizeControl:
        """What says how large updates are."""
        return self._control

    def initial_state(self, parameters):
        num_functions, _ = functions.count(parameters, self._function_axis)
        tensors = len(self._not_empty(parameters))
        return {
            "slots": self._initial_slots(parameters),
            "statistics": tf.zeros([num_functions, tensors, self._control.num_statistics], self._dtype),
            "sums": tf.zeros([num_functions, tensors], self._dtype),
        }

    def __call__(self, observation: Observation, state):
        seen = self._see(observation, state["slots"])
        next_state = {**state, "slots": self._next_slots(seen, state["slots"])}
        if not seen:
            return self._updates({}, observation), next_state
        magnitudes, next_state["sums"] = self._control(
            state["statistics"],
            state["sums"],
            self.counts(observation.gradients),
            observation.step,
            self._trained_steps,
            observation.length,
        )
        updates, statistics = {}, []
        no_clock = tf.zeros([state["sums"].shape[0], 0], self._dtype)
        for i, (name, (of_tensor, _)) in enumerate(seen.items()):
            raw, _ = self._respond(of_tensor, no_clock)
            root = tf.sqrt(tf.reduce_mean(tf.square(raw), 1, keepdims=True) + _SQUARE_EPSILON)
            updates[name] = self._rule.scale * tf.exp(magnitudes[:, i : i + 1]) * raw / root
            statistics.append(self._statistics(of_tensor))
        next_state["statistics"] = tf.stack(statistics, 1)
        return self._updates(updates, observation), next_state

    def counts(self, tensors: Tensors, lead: int | None = None) -> tf.Tensor:
        """How many coordinates a function has in each of the tensors that are not empty.

        Args:
          tensors: gradients or parameters.
          lead: axes before those of the coordinates, of functions unless it is said.
        """
        if lead is None:
            lead = 0 if self._function_axis is None else 1
        return tf.stack([tf.reduce_prod(tf.shape(tensor)[lead:]) for tensor in self._not_empty(tensors)])

    @staticmethod
    def _not_empty(tensors: Tensors) -> list[tf.Tensor]:
        return [tensor for tensor in tensors.values() if not is_empty(tensor)]

    def _statistics(self, seen) -> tf.Tensor:
        """`[F, S]`, see `SizeControl.num_statistics`."""
        kind = self._rule.kind
        moments = seen.squares[:, kind.num_common + 1 :: kind.num_of_decay]
        return tf.concat([seen.squares[:, 1:2], moments, *seen.means[kind.num_common_means :: 3]], 1)
