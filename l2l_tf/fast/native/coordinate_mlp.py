"""A step of a rule with an MLP on each coordinate in one operation, for all tensors of a model, and for many copies.

    native_step = NativeStep(network, native.operations())                        # once, where `applies(network)`
    updates, next_state, _ = native_step(observation, state)                      # network(observation, state)
    updates, next_state, _ = native_step(observation, state, weights, members=M)  # M copies, side by side

With members, every tensor of the observation and of the state has their axis first, `[M, *shape]`, as have the updates:
M runs with parameters, gradients and states of their own (`state` is `network.initial_state` of one, each tensor of it
repeated M times). `weights`, `[M, *shape]` in the order of `network.trainable_variables`, are M sets of phi; None is
that of the network for all. `observation.step` is a scalar, or `[M]`.

The operation takes a tensor in three goes, of which the first reads second moments and gradients alone: their means;
the next slots, and the mean squares of the features; the update. Nothing is written but slots and updates. Tensors of a
call, and blocks of large ones, are dealt to threads; few coordinates stay on the caller's.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from l2l_tf.fast.native import library
from l2l_tf.networks import coordinate_features
from l2l_tf.networks.adafactor_features import AdafactorFeatures
from l2l_tf.networks.adafactor_mlp import AdafactorMLP
from l2l_tf.networks.controlled_mlp import ControlledMLP
from l2l_tf.networks.coordinate_mlp import is_empty
from l2l_tf.networks.network import Network, Observation, Tensors
from l2l_tf.networks.per_parameter_mlp import PerParameterMLP


class Stepped(NamedTuple):
    """What a step gives.

    Attributes:
      updates, state: as the network's own call returns them.
      unusable: int64, how many coordinates had a gradient that is not usable; 0 unless `masked`.
    """

    updates: Tensors
    state: Any
    unusable: tf.Tensor


def applies(network: Network) -> bool:
    """Whether there is native code for the network, should this machine have a compiler."""
    return type(network) in (PerParameterMLP, AdafactorMLP, ControlledMLP) and all(
        variable.dtype == tf.float32 for variable in network.trainable_variables
    )


def has_way_back(network: Network) -> bool:
    """Whether `weight_gradients` and `backward` are there for it too."""
    return applies(network) and not isinstance(network, ControlledMLP)


class NativeStep:
    """The network's `__call__` as an operation.

    Args:
      network: one that `applies` holds for.
      operations: of `native.operations`.
      masked: whether a coordinate whose gradient is not usable (`dtypes.is_usable`) gets the update 0 and keeps its
        slots, and counts as one with the gradient 0 for all else.
      waits: whether a coordinate whose gradient was 0 in every step so far gets the update 0; of decays above 0.
    """

    def __init__(self, network: Any, operations: Any, masked: bool = False, waits: bool = False):
        self._network = network
        self._operations = operations
        self._kind = network.kind
        decays = (*self._kind.decays, *([self._kind.second_moment_decay] if self._is_factored else []))
        self._attributes = {
            "factored": self._is_factored,
            "decays": decays,
            "complements": [1 - decay for decay in decays],
            "scale": network.options["scale"],
            "magnitude_scale": network.options["magnitude_scale"],
            "normalized": self._is_controlled,
            "masked": masked,
            "waits": waits,
            "threads": library.num_threads(),
        }

    def __call__(
        self,
        observation: Observation,
        state: Any,
        weights: Sequence[tf.Tensor] | None = None,
        members: int | None = None,
    ) -> Stepped:
        """The updates and the next state; see the module for `weights` and `members`."""
        names = list(observation.gradients)
        if not names:
            return Stepped({}, state, tf.zeros([], tf.int64))
        slots = self._all_slots(observation, state)
        inputs = self._inputs(observation, weights, members)
        controlled = self._controlled(observation, state, inputs, weights, members)
        result = self._operations.l2l_mlp_forward(slots=slots, **inputs, **self._attributes)
        for after, before in zip(result.next_slots, slots):
            after.set_shape(before.shape)
        if controlled is None:
            next_state = self._with_slots(state, names, list(result.next_slots))
        else:
            next_state = {
                "slots": self._with_slots(state["slots"], names, list(result.next_slots)),
                **self._next_control(result.statistics, controlled, state, observation),
            }
        return Stepped(self._shaped(result.updates, observation), next_state, result.unusable)

    def in_place(self, observation: Observation, variables: Any) -> Stepped:
        """The same with the state in `tf.Variable`s, which are those of after the step then; `()` is what is returned.

        Args:
          observation: see `Network`.
          variables: like the state.
        """
        handles = [slot.handle for slot in self._all_slots(observation, variables)]
        if not handles:
            return Stepped({}, (), tf.zeros([], tf.int64))
        inputs = self._inputs(observation, None, None)
        controlled = self._controlled(observation, variables, inputs, None, None)
        result = self._operations.l2l_mlp_update(slots=handles, **inputs, **self._attributes)
        if controlled is not None:
            after = self._next_control(result.statistics, controlled, variables, observation)
            for name, value in after.items():
                variables[name].assign(value)
        return Stepped(self._shaped(result.updates, observation), (), result.unusable)

    def weight_gradients(self, observation: Observation, state: Any, update_cotangents: Tensors, rows: bool = False):
        """The gradients of `network.trainable_variables`, from a step's arguments and the cotangents of its updates.

        Args:
          observation, state, update_cotangents: of one step, or, with `rows`, of several, independent of one another,
            `[T, ...]` each: the gradients are the sums over them.
          rows: see above.
        """
        if not observation.gradients:
            return [tf.zeros_like(variable) for variable in self._network.trainable_variables]
        inputs = self._inputs(observation, None, 1 if rows else None)
        gradients = self._operations.l2l_mlp_gradients(
            slots=self._all_slots(observation, state),
            update_cotangents=[tf.cast(update_cotangents[name], tf.float32) for name in observation.gradients],
            **inputs,
            **self._attributes,
        )
        return self._by_variable(gradients)

    def backward(self, observation: Observation, state: Any, update_cotangents: Tensors, state_cotangents: Any):
        """From the cotangents of the updates and of the next state, those of all that a step took.

        Returns:
          The gradients of `network.trainable_variables`, an Observation of cotangents, 0 for the step, which depends
          on nothing, and those of the state.
        """
        names = list(observation.gradients)
        if not names:
            zeros = [tf.zeros_like(variable) for variable in self._network.trainable_variables]
            return zeros, tf.nest.map_structure(tf.zeros_like, observation), state_cotangents
        slots = self._all_slots(observation, state)
        result = self._operations.l2l_mlp_backward(
            slots=slots,
            update_cotangents=[tf.cast(update_cotangents[name], tf.float32) for name in names],
            slot_cotangents=self._all_slots(observation, state_cotangents),
            **self._inputs(observation, None, None),
            **self._attributes,
        )
        for back, slot in zip(result.own_slot_cotangents, slots):
            back.set_shape(slot.shape)
        zeros = tf.nest.map_structure(tf.zeros_like, observation)
        observed = zeros._replace(
            gradients=self._shaped(result.gradient_cotangents, observation),
            parameters=self._shaped(result.parameter_cotangents, observation),
        )
        state_cotangents = self._with_slots(state_cotangents, names, list(result.own_slot_cotangents))
        return self._by_variable(result.weight_gradients), observed, state_cotangents

    def _by_variable(self, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """In the order of `network.trainable_variables`, from that of the operations."""
        variables = [variable for layer in self._network.layers for variable in (layer.w, layer.b)]
        own = {}
        for variable, gradient in zip(variables, gradients):
            gradient.set_shape(variable.shape)
            own[variable.ref()] = gradient
        return [own[variable.ref()] for variable in self._network.trainable_variables]

    def _all_slots(self, observation: Observation, state: Any) -> list[tf.Tensor]:
        state = state["slots"] if self._is_controlled else state
        return [slot for name in observation.gradients for slot in self._slots(state, name)]

    def _inputs(self, observation: Observation, weights: Any, members: int | None) -> dict[str, Any]:
        """What all operations take."""
        parameters: Any = observation.parameters
        return {
            "shared": self._shared(observation.step),
            "magnitudes": tf.zeros([1, 1]),
            "weights": self._in_order(weights),
            "gradients": [tf.cast(gradient, tf.float32) for gradient in observation.gradients.values()],
            "parameters": [tf.cast(parameters[name], tf.float32) for name in observation.gradients],
            "lead": (members is not None) + (self._network.options["function_axis"] is not None),
        }

    def _controlled(self, observation, state, inputs, weights, members) -> tf.Tensor | None:
        """Puts how large updates are to be into the operation's inputs; the next sums, None without a control."""
        if not self._is_controlled:
            return None
        statistics, sums = (tf.convert_to_tensor(state[name]) for name in ("statistics", "sums"))
        rows = statistics.shape[0] if members is None else math.prod(statistics.shape[:2])
        steps = _for_rows(observation.step, rows)
        lengths = () if isinstance(observation.length, tuple) else _for_rows(observation.length, rows)
        layers = self._network.control.layers
        in_order = None if weights is None else self._in_order(weights, layers)
        empty = [name for name, gradient in observation.gradients.items() if is_empty(gradient)]
        magnitudes, sums = self._network.control(
            tf.reshape(statistics, [rows, *statistics.shape[-2:]]),
            tf.reshape(sums, [rows, sums.shape[-1]]),
            self._network.counts(observation.gradients, inputs["lead"]),
            steps,
            self._network.options["trained_steps"],
            lengths,
            None if in_order is None else tuple(zip(in_order[::2], in_order[1::2])),
        )
        if empty:
            columns = iter(tf.unstack(magnitudes, axis=1))
            zero = tf.zeros([rows])
            magnitudes = tf.stack([zero if name in empty else next(columns) for name in observation.gradients], 1)
        inputs["magnitudes"] = magnitudes
        return sums

    def _next_control(self, statistics: tf.Tensor, sums: tf.Tensor, state, observation) -> dict[str, tf.Tensor]:
        """What a control keeps, without the tensors that are empty."""
        own = [i for i, gradient in enumerate(observation.gradients.values()) if not is_empty(gradient)]
        if len(own) < len(observation.gradients):
            statistics = tf.gather(statistics, own, axis=1)
        return {
            "statistics": tf.reshape(statistics, state["statistics"].shape),
            "sums": tf.reshape(sums, state["sums"].shape),
        }

    def _shaped(self, updates: Sequence[tf.Tensor], observation: Observation) -> Tensors:
        by_name = {}
        for (name, gradient), update in zip(observation.gradients.items(), updates):
            update.set_shape(gradient.shape)
            by_name[name] = tf.cast(update, gradient.dtype)
        return by_name

    @property
    def _is_factored(self) -> bool:
        return isinstance(self._kind, AdafactorFeatures)

    @property
    def _is_controlled(self) -> bool:
        return isinstance(self._network, ControlledMLP)

    def _shared(self, step: Any) -> tf.Tensor:
        """`[1, 1, C]` or, of steps `[M]`, `[M, 1, C]`."""
        if self._is_controlled:
            return tf.zeros([1, 1, 0])
        trained_steps = self._network.options["trained_steps"]
        step = tf.reshape(step, [-1, 1, 1])
        return coordinate_features.time_features(step, tf.float32, trained_steps)

    def _in_order(self, weights: Sequence[tf.Tensor] | None, layers: Sequence[Any] | None = None) -> list[tf.Tensor]:
        """w and b of each layer, by default of the MLP on coordinates."""
        layers = self._network.layers if layers is None else layers
        if weights is None:
            return [tf.convert_to_tensor(variable) for layer in layers for variable in (layer.w, layer.b)]
        own = {variable.ref(): weight for variable, weight in zip(self._network.trainable_variables, weights)}
        return [own[variable.ref()] for layer in layers for variable in (layer.w, layer.b)]

    def _slots(self, state: Any, name: str) -> list[tf.Tensor]:
        """The tensors of one parameter, in the operation's order."""
        return [by_name[name] for slot in self._order(state) for by_name in state[slot] if name in by_name]

    def _with_slots(self, state: Any, names: list[str], slots: list[tf.Tensor]) -> Any:
        """`state` with the slots of the parameters in place of its own."""
        remaining = iter(slots)
        made: dict[str, tuple[dict[str, tf.Tensor], ...]] = {
            slot: tuple({} for _ in of_slot) for slot, of_slot in state.items()
        }
        for name in names:
            for slot in self._order(state):
                for by_name, before in zip(made[slot], state[slot]):
                    if name in before:
                        by_name[name] = next(remaining)
        return {
            slot: tuple({name: own.get(name, h) for name, h in before.items()} for own, before in zip(made[slot], old))
            for slot, old in state.items()
        }

    def _order(self, state: Any) -> list[str]:
        return [slot for slot in ("first_moments", "second_moments", "full", "rows", "columns") if slot in state]


def _for_rows(of_members: tf.Tensor, rows: int) -> tf.Tensor:
    """A scalar as `[1]`, or a number a member as `[rows]`."""
    flat = tf.reshape(of_members, [-1])
    return flat if flat.shape[0] == 1 else tf.repeat(flat, rows // flat.shape[0])
