"""LearnedOptimizer: a trained update rule as a Keras optimizer."""

import math
import warnings
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from l2l_tf import pretrained
from l2l_tf.deployment import (
    keras_arguments,
    keras_observation,
    keras_options,
    keras_serialization,
    keras_variables,
)
from l2l_tf.deployment.annealing import Annealing
from l2l_tf.deployment.application import STATE_DTYPES, Application, applications, check_state_dtype
from l2l_tf.deployment.gathering import Gathering
from l2l_tf.deployment.in_blocks import Blocks
from l2l_tf.deployment.in_one_operation import InOneOperation
from l2l_tf.networks import Network, Observation
from l2l_tf.networks.dtypes import is_usable
from l2l_tf.pretrained import sources
from l2l_tf.unrolling import arguments
from l2l_tf.unrolling.coordinates import Assignments


@keras.saving.register_keras_serializable("l2l_tf")
class LearnedOptimizer(keras.optimizers.Optimizer):
    """Minimises a Keras model's loss by a trained update rule: theta <- theta + learning_rate u.

    u is what `network(observation, state)` gives on all variables at once, the function that was meta-trained. There
    is nothing to tune: `learning_rate` multiplies the update, and 1 is what the rule was trained for.

    >>> import keras
    >>> from l2l_tf import LearnedOptimizer
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    >>> model.compile(optimizer=LearnedOptimizer("mnist"), loss="mse")

    What it observes: gradients, in float32 where the model's are narrower, after Keras has unscaled, accumulated and
    clipped them; the parameters, after weight decay; the number of updates so far. Clipped or accumulated gradients
    are others than the rule was trained on.

    A variable without a gradient, or left out of a call, keeps its value and state. So does a coordinate whose
    gradient is NaN, infinite or beyond 1e15, whose square is no float; `nonfinite_gradients` counts these. (Keras clips
    before: `global_clipnorm` turns one NaN into NaN everywhere, and the whole step is left out.)

    A coordinate whose gradient was 0 in every step so far keeps its value and its state exactly: rows of an embedding
    that no minibatch has shown, say. Sparse gradients are made dense: from its first gradient on, a row moves in every
    step, as it did in meta-training.

    `weight_decay` is AdamW's, as Keras has it: theta <- (1 - learning_rate weight_decay) theta + learning_rate u. The
    gradients know nothing of it. Take the product of AdamW's two numbers: at the learning rate of 1,
    AdamW(1e-3, weight_decay=0.004) is `weight_decay=4e-6`.

    The state takes 8 bytes a parameter for each LSTM cell (2 layers of 20: 320, 40 times Adam's), 4 with
    `state_dtype="bfloat16"`.

    `.keras` files and configurations hold the rule's weights. Import this class before `keras.models.load_model`.

    Args:
      source: a name of `l2l_tf.pretrained.names()`, the folder of a saved optimizer, `hf://user/name`, or a Network.
      learning_rate: a number, a schedule, or a callable; multiplies the update.
      net_assignments: with several networks, which owns which variables: pairs of a network's name and variables'
        paths or shell patterns (`[("conv", ["*/kernel"]), ("fc", ["*/bias"])]`). A variable that no network owns is
        not trained, with a warning.
      state_dtype: "float32", or "bfloat16" for deep LSTMs.
      name: of the optimizer.
      total_steps: the number of updates that the run is going to have: the updates then fall to 0 over the
        last part of it, of most rules linearly over 0.3; `general`'s are longer before, 1.5 to 3 times
        (`Network.told_factor`). `l2l_tf.FitLength()`, a callback, fills it in from `fit`. None anneals nothing.
      **options: of `keras.optimizers.Optimizer`.

    Attributes:
      nonfinite_gradients: int64 variable once built, the gradients of single coordinates left out so far: NaN,
        infinite, or beyond 1e15.

    Raises:
      ValueError: an unknown source, a rule that observes what Keras does not tell an optimizer (the loss), or
        options out of range. When built: assignments or variables that do not fit the networks. When called: another
        model's variables, a variable twice, or a gradient of another shape than its variable.
    """

    def __init__(
        self,
        source: "sources.Source | dict[str, Any]" = pretrained.GENERAL,
        learning_rate: Any = 1.0,
        net_assignments: Assignments | None = None,
        state_dtype: str = "float32",
        name: str = "learned_optimizer",
        total_steps: int | None = None,
        **options,
    ):
        learning_rate = arguments.plain(learning_rate)
        if isinstance(learning_rate, int | float):  # Otherwise a schedule, of which Keras knows.
            arguments.check_factor("LearnedOptimizer", learning_rate=learning_rate)
            learning_rate = float(learning_rate)
        options = arguments.plain(options)
        if not isinstance(state_dtype, str) or state_dtype not in STATE_DTYPES:
            raise ValueError(f"state_dtype is one of {list(STATE_DTYPES)}. Received: {state_dtype!r}.")
        super().__init__(learning_rate=learning_rate, name=name, **keras_options.checked(options))
        if isinstance(source, dict):
            source = keras_serialization.from_config(source)
        self.network = sources.resolve(source, net_assignments).networks
        keras_observation.check(self.network)
        check_state_dtype(self.network, state_dtype)
        self.state_dtype = state_dtype
        self._annealing = _Hidden(Annealing(total_steps))
        self.nonfinite_gradients: keras.Variable | None = None
        self._gathering = Gathering()

    @property
    def total_steps(self) -> int | None:
        """How many updates the run is going to have, or None; may be set at any time, within `fit` too."""
        return self._annealing.value.total_steps

    @total_steps.setter
    def total_steps(self, value: int | None) -> None:
        self._annealing.value.total_steps = value

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Makes the state for `variables`."""
        if self.built:
            return
        variables = list(variables)
        keras_arguments.check_once(variables)
        names = keras_arguments.names(variables)
        parameters = {n: tf.TensorSpec(v.shape, keras_arguments.dtype(v)) for n, v in zip(names, variables)}
        with tf.init_scope():
            # A model that is frozen has no variables for assignments to fit.
            made = applications(self.network, parameters, self.state_dtype) if variables else {}
        super().build(variables)
        self._parameters = parameters
        self._applications = _Hidden(made)
        self._values = _Hidden(dict(zip(names, variables)))
        owned = {name for application in made.values() for name in application.names}
        if idle := [name for name in names if name not in owned]:
            warnings.warn(f"No network owns {idle}; they are not trained. See net_assignments.", stacklevel=2)
        try:
            self.nonfinite_gradients = self.add_variable((), dtype="int64", name="nonfinite_gradients")
        except tf.errors.InvalidArgumentError as error:
            # The first variable whose type no other optimizer has in its place.
            raise ValueError(
                "A tf.train.Checkpoint of a model with another optimizer was restored, and its state waits for this "
                "one's. Restore it into a model without an optimizer, and give its get_weights() to this model's "
                f"set_weights(). Received: {' '.join(str(error).split())}"
            ) from None
        self._state = {}
        for network, application in made.items():
            with tf.init_scope():
                self._state[network] = [self._add_state(f"{network}_{n}", h) for n, h in application.initial_state()]

    def apply(self, grads, trainable_variables=None) -> None:
        """One update, from gradients in the order of `trainable_variables`, by default those it was built with."""
        grads = [g if g is None else tf.convert_to_tensor(g) for g in grads]
        given = None if trainable_variables is None else list(trainable_variables)
        if given is not None:
            keras_arguments.check_once(given)
            if self.built:
                self._check_known(given)
        variables = given or (self._values.value.values() if self.built else [])
        keras_arguments.check_shapes(grads, variables)
        count = sum(g is not None and not keras_arguments.is_overwritten(v) for g, v in zip(grads, variables))
        with self._gathering.expecting(count):
            super().apply(grads, given)

    def update_step(self, gradient, variable, learning_rate) -> None:
        """Called by `apply` for each variable; the last of one `apply` updates them all.

        Raises:
          ValueError: called by anything else. What variables share could not be right: their number is not known.
        """
        if not self._gathering.is_open:
            raise ValueError(
                "LearnedOptimizer updates all variables together, in apply(gradients, variables): an optimizer around "
                "it calls that, not update_step variable by variable. Received: "
                f"{keras_arguments.names([variable])[0]!r} alone."
            )
        # Gradients that were sparse, within a condition as that of loss scaling, do not know their shape.
        gradient = tf.ensure_shape(gradient, variable.shape)
        gathered = self._gathering.add(self._get_variable_index(variable), gradient, variable)
        if gathered is not None:
            self._update(gathered, learning_rate)

    def _update(self, gathered: dict[int, tuple[tf.Tensor, tf.Variable]], learning_rate) -> None:
        given = {name: gathered[i] for i, name in enumerate(self._parameters) if i in gathered}
        gradients = {name: tf.cast(g, self._parameters[name].dtype) for name, (g, _) in given.items()}
        updates: dict[str, tf.Tensor] = {}
        unusable: list[tf.Tensor] = []
        counted: set[str] = set()
        values = {name: given[name][1] if name in given else v for name, v in self._values.value.items()}
        observation = keras_observation.observation(
            self.network.observes, self._parameters, values, gradients, self.iterations, self._annealing.value
        )
        for network, application in self._applications.value.items():
            if not any(name in given for name in application.names):
                continue
            own_updates, own_unusable = self._apply(application, observation, self._state[network])
            factor = self._factor(self.network.networks[network], learning_rate)
            for name, update in own_updates.items():
                update *= tf.cast(factor, update.dtype)
                updates[name] = updates[name] + update if name in updates else update
            if own_unusable is not None and counted.isdisjoint(application.names):
                counted.update(application.names)
                missing = (self._parameters[name].shape for name in application.names if name not in given)
                unusable.append(own_unusable - sum(map(math.prod, missing)))  # whose gradients were all NaN
        for name, gradient in gradients.items():
            if name not in counted:
                unusable.append(tf.math.count_nonzero(~is_usable(gradient), dtype=tf.int64))
        self.assign_add(self.nonfinite_gradients, tf.add_n(unusable))
        for name, (_, variable) in given.items():
            if name in updates:
                self.assign_add(variable, updates[name])

    def _factor(self, network: Network, learning_rate: tf.Tensor) -> tf.Tensor:
        """Of a network's updates. One that is told the length of the run lets them fall itself."""
        rate = tf.cast(learning_rate, tf.float32)
        if "length" in network.observes:
            return rate
        return rate * self._annealing.value(self.iterations, network.told_factor)

    def _apply(self, application: Application, observation: Observation, state: list[keras.Variable]):
        """The updates, and how many gradients were not usable where that was counted. The state is the next one."""
        if isinstance(application, Blocks | InOneOperation):
            variables = [variable.value for variable in state]
            if application.works_in_place(variables):
                return application.in_place(observation, variables)
        updates, next_state = application(observation, [tf.convert_to_tensor(h) for h in state])
        for variable, value in zip(state, next_state):
            self.assign(variable, value)
        return updates, None

    def _add_state(self, name: str, initial: tf.Tensor) -> keras.Variable:
        name = name.replace("/", "_")
        return self.add_variable(tuple(initial.shape), lambda shape, dtype: initial, initial.dtype.name, name=name)

    def _check_known(self, variables: Sequence[Any]) -> None:
        for variable, name in zip(variables, keras_arguments.names(variables)):
            try:
                self._get_variable_index(variable)
            except KeyError:
                raise ValueError(
                    f"This LearnedOptimizer keeps a state for the variables it was built with: "
                    f"{list(self._parameters)}. For another model, or after unfreezing a layer, compile with a new "
                    f"LearnedOptimizer. Received: {name!r}."
                ) from None

    def get_config(self) -> dict[str, Any]:
        """The configuration, with the rule's weights: it needs no file to be rebuilt from."""
        return {
            **super().get_config(),
            "source": keras_serialization.to_config(self.network),
            "state_dtype": self.state_dtype,
            "total_steps": self.total_steps,
        }

    def save_own_variables(self, store) -> None:
        """Writes the state and the rule's weights."""
        super().save_own_variables(store)
        extra = keras_variables.extra(self.network, self._shapes(), len(self.variables))
        for key, value in extra.items():
            store[key] = value

    def load_own_variables(self, store) -> None:
        """Reads what `save_own_variables` wrote: all of it, or nothing, with Keras's warning, where it is another's.

        So files of models that were never compiled, or with another optimizer or rule, load as they do in Keras.
        """
        variables, weights, rule = keras_variables.parts(store)
        own = [tuple(variable.shape) for variable in self.variables]
        if len(variables) == len(own):
            why = keras_variables.foreign(self.network, self._shapes(), own, variables, weights, rule)
            if why is not None:
                warnings.warn(f"Skipping variable loading for optimizer {self.name!r}, because {why}.", stacklevel=2)
                return
            keras_serialization.assign_flat_weights(self.network, weights)
        super().load_own_variables(variables)  # Warns where their number is another.

    def _shapes(self) -> list[tuple[int, ...]]:
        return [tuple(p.shape) for p in self._parameters.values()] if self.built else []


class _Hidden:
    """A value that neither Keras nor TensorFlow tracks."""

    def __init__(self, value: Any):
        self.value = value
