"""What the rules with an MLP on each coordinate share: options, slots, layers, and the update of one tensor."""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import sonnet as snt
import tensorflow as tf

from l2l_tf.networks import coordinate_features, dtypes, functions, lstm_layers, mlp_layers
from l2l_tf.networks.coordinate_features import Slots
from l2l_tf.networks.initializers import WeightInitializers
from l2l_tf.networks.network import Network, Observation, Tensors

SlotsByName = dict[str, tuple[Tensors, ...]]


class CoordinateMLP(Network):
    """Two outputs of an MLP on each coordinate, a direction d and a magnitude e:

        u = scale d exp(magnitude_scale e)

    The inputs are features of the coordinate (`coordinate_features`), normalised over its tensor, then numbers that all
    of the tensor share, tanh(t / tau - 1) of the step t among them. With `function_axis`, a tensor is that of one
    function, and no function of a batch hears from another.

    A parameter that is NaN, infinite or beyond 1e15 is seen as 0: its tensor's others move on as if it were.

    Untrained, with the default initializer, d is minus the momentum in units of the gradient's root mean square, and e
    is 0: a slow descent, as Adam's with the learning rate `scale`.

    Args:
      kind: of the features.
      num_shared: how many numbers a tensor shares, those of the step included.
      other_layers: layer to weights, of what the network has beside the MLP.
      layers: units of each hidden layer, at least 2.
      scale, magnitude_scale: see above.
      trained_steps: of the longest run that the rule learned from: t stays at the last of them, as what the MLP makes
        of later ones is chance. None never stops the clock. Training sets it where it is not given.
      function_axis: the axis of every parameter that counts independent functions: 0, or None where all is one.
      initializer: of the weights, see `WeightInitializers`: layers `hidden_1`, ..., `output` with `w` `[inputs, units]`
        and `b`. Where it is given, the rule starts with what it says instead of the descent.
      seed: of the initial weights.
      dtype: of phi and the state.
    """

    observes = frozenset({"gradients", "parameters", "step"})

    def __init__(
        self,
        kind: Any,
        num_shared: int = len(coordinate_features.TIME_SCALES),
        other_layers: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
        /,
        *,
        layers: Sequence[int],
        scale: float = 0.01,
        magnitude_scale: float = 0.5,
        trained_steps: int | None = None,
        function_axis: int | None = None,
        initializer: Any = None,
        seed: int = 0,
        dtype: str = "float32",
        name: str | None = None,
    ):
        super().__init__(name=name)
        self._rule = mlp_layers.Rule(kind, scale, magnitude_scale)
        self._trained_steps = trained_steps
        self._function_axis = function_axis
        self._dtype = dtypes.of_network(dtype)
        names = mlp_layers.layer_names(layers)
        known = dict.fromkeys(names, lstm_layers.LINEAR_WEIGHTS) | dict(other_layers)
        self._initializers = WeightInitializers(initializer, seed, known)
        num_inputs = kind.num_features + num_shared
        self._layers = []
        for layer, units in zip(names, (*layers, 2)):
            built = lstm_layers.build_linear(layer, num_inputs, units, self._initializers, self._dtype)
            self._layers.append(built)
            num_inputs = units
        if initializer is None:
            mlp_layers.descend(self._layers, kind.start)

    @property
    def kind(self) -> Any:
        """Of the features."""
        return self._rule.kind

    @property
    def layers(self) -> list[snt.Linear]:
        """Of the MLP, the output last."""
        return self._layers

    def _initial_slots(self, parameters: Tensors) -> SlotsByName:
        """Zeros: slot to a dictionary for each of its tensors, by the names of the parameters that have it."""
        functions.count(parameters, self._function_axis)
        slots: SlotsByName = {}
        for name, parameter in parameters.items():
            axes = 0 if self._function_axis is None else 1
            lead, shape = tuple(parameter.shape[:axes]), tuple(parameter.shape[axes:])
            for slot, shapes in self._rule.kind.slots(shape).items():
                for by_name, own in zip(slots.setdefault(slot, tuple({} for _ in shapes)), shapes):
                    by_name[name] = tf.zeros([*lead, *own], self._dtype)
        return slots

    def _update_each(self, observation: Observation, slots: SlotsByName) -> tuple[Tensors, SlotsByName]:
        """Every tensor on its own, with nothing shared beside the step."""
        shared = self._time(observation)[None]
        updates, seen = {}, self._see(observation, slots)
        for name, (of_tensor, _) in seen.items():
            updates[name], _ = self._respond(of_tensor, tf.tile(shared, [of_tensor.scales.shape[0], 1]))
        return self._updates(updates, observation), self._next_slots(seen, slots)

    def _time(self, observation: Observation) -> tf.Tensor:
        return coordinate_features.time_features(observation.step, self._dtype, self._trained_steps)

    def _see(self, observation: Observation, slots: SlotsByName) -> dict[str, tuple[mlp_layers.Seen, Slots]]:
        """Name to what the MLP sees and the next slots, with an axis of functions first, of the tensors not empty."""
        seen = {}
        parameters: Any = observation.parameters
        for name, gradient in observation.gradients.items():
            if is_empty(gradient):
                continue
            own = {
                slot: tuple(self._with_functions(by_name[name]) for by_name in of_slot)
                for slot, of_slot in slots.items()
                if name in of_slot[0]
            }
            seen[name] = mlp_layers.see(
                self._rule.kind,
                self._with_functions(gradient),
                dtypes.usable_or_zero(self._with_functions(parameters[name])),
                own,
            )
        return seen

    def _respond(
        self, seen: mlp_layers.Seen, shared: tf.Tensor, magnitude: tf.Tensor | None = None, with_mean: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The updates `[F, n]` of one tensor, and the last hidden layer's mean over its coordinates.

        Args:
          seen: of the tensor.
          shared: `[F, c]`.
          magnitude: `[F, 1]`, added to e.
          with_mean: whether the mean is wanted.
        """
        if magnitude is None:
            magnitude = tf.zeros([1, 1], self._dtype)
        weights = mlp_layers.weights_of(self._layers)
        return mlp_layers.run(self._rule, weights, seen, shared, magnitude, with_mean)

    def _updates(self, rows: Tensors, observation: Observation) -> Tensors:
        """The updates in the shapes and types of the gradients; 0 of empty ones."""
        return {
            name: tf.reshape(tf.cast(rows[name], gradient.dtype), _shape(gradient))
            if name in rows
            else tf.zeros_like(gradient)
            for name, gradient in observation.gradients.items()
        }

    def _next_slots(self, seen: Mapping[str, tuple[mlp_layers.Seen, Slots]], slots: SlotsByName) -> SlotsByName:
        def next_of(slot: str, i: int, name: str, before: tf.Tensor) -> tf.Tensor:
            after = seen[name][1][slot][i] if name in seen else None
            return before if after is None else tf.reshape(after, _shape(before))

        return {
            slot: tuple(
                {name: next_of(slot, i, name, before) for name, before in by_name.items()}
                for i, by_name in enumerate(of_slot)
            )
            for slot, of_slot in slots.items()
        }

    def _with_functions(self, tensor: tf.Tensor) -> tf.Tensor:
        """`tensor` as `[F, *shape]`, in the network's type."""
        tensor = tf.cast(tensor, self._dtype)
        return tensor[None] if self._function_axis is None else tensor


def is_empty(tensor: tf.Tensor) -> bool:
    """Whether it has no entries, as far as is known."""
    return tensor.shape.is_fully_defined() and not math.prod(tensor.shape)


def _shape(tensor: tf.Tensor) -> Any:
    return tensor.shape if tensor.shape.is_fully_defined() else tf.shape(tensor)
