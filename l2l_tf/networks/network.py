"""The Network contract: an update rule, observations in and updates out."""

import abc
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import sonnet as snt
import tensorflow as tf

from l2l_tf.networks import catalogue, initializers, run_length
from problems.configurable import Configurable, parameters

Tensors = dict[str, tf.Tensor]


class Observation(NamedTuple):
    """What a rule may look at in one step. Each network reads the fields it names in `observes`.

    A field that nobody observes is `()`: a nest without tensors, which loops and records carry at no cost.

    Attributes:
      gradients: name to gradient, shaped as the parameter.
      parameters: name to theta_t.
      loss: scalar f(theta_t).
      step: float scalar, the number of steps taken before this one.
      validation_loss: scalar, where the problem has validation data.
      length: float scalar, how many steps the run is going to have; 0 where that is not known.
    """

    gradients: Tensors
    parameters: Tensors | tuple[()] = ()
    loss: tf.Tensor | tuple[()] = ()
    step: tf.Tensor | tuple[()] = ()
    validation_loss: tf.Tensor | tuple[()] = ()
    length: tf.Tensor | tuple[()] = ()


@snt.allow_empty_variables  # the classics have nothing to learn
class Network(Configurable, snt.Module, abc.ABC):
    """An update rule m: (u_t, h_{t+1}) = m(observation_t, h_t; phi), over parameters of any shapes.

    A network creates its variables (phi, its `trainable_variables`) when it is constructed and keeps no other
    state: h is passed in and out as a nest of floating-point tensors. Within a `tf.function` too, it is constructed
    outside of its graph.

    Its options are said once, in its constructor's signature: see `Configurable`. What they may be is said in
    `catalogue.VALUES`, for all networks of this package and subclasses of them.

    Attributes:
      observes: the fields of an Observation that the rule reads.
      coordinatewise: True where the update of a coordinate depends on its own gradients and state alone.
      sees_shapes: True where it matters how coordinates are grouped to tensors, and of what shapes.
      waits: True where a coordinate whose gradient was 0 in every step so far is left as it is once the rule is
        deployed (`deployment.waiting`). A rule of one's own that moves such coordinates on purpose says False.
      max_coordinates: the most that a function may have, where there is a limit.
      options: the JSON-able keyword arguments that `networks.get(name, **options)` rebuilds it from.
    """

    observes: frozenset[str] = frozenset({"gradients"})
    coordinatewise: bool = False
    sees_shapes: bool = False
    waits: bool = True
    max_coordinates: int | None = None

    def __init__(self, options: dict[str, Any] | None = None, /, name: str | None = None):
        """Goes on where a subclass's constructor calls it.

        Args:
          options: in place of the arguments of that constructor.
          name: of the module.
        """
        super().__init__(name=name)
        if options is not None:
            self.options = options

    @classmethod
    def _renamed(cls, arguments):
        return catalogue.renamed(cls._of_package("l2l_tf.").__name__, arguments, warn=True)

    @classmethod
    def _entered(cls, options):
        ours = cls._of_package("l2l_tf.")
        return catalogue.enter(ours.__name__, options, tuple(parameters(ours)))

    @staticmethod
    def _made_by(construct):
        if not tf.inside_function():
            construct()
            return
        # Variables, and what is computed of them, are no part of the graph that is traced. Another thread has none, and
        # what `tf.function` says of variables does not hold there, other than in `tf.init_scope`.
        with ThreadPoolExecutor(max_workers=1) as pool:
            pool.submit(construct).result()

    @classmethod
    def _plain(cls, option: str, value: Any) -> Any:
        if option == "initializer":
            return initializers.json_able(value)
        if option == "preprocess_options" and value is None:
            return {}
        return super()._plain(option, value)

    def told_factor(self, left: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
        """How many times as long its updates are where the run is known to have so many steps.

        Args:
          left: the share of the run that is left, floating point.
          length: of the run, in steps, of the same type.
        """
        return run_length.fall(left) + tf.zeros_like(length)

    @abc.abstractmethod
    def initial_state(self, parameters: Tensors) -> Any:
        """h_0 for `parameters` (only their names, shapes and types are read)."""

    @abc.abstractmethod
    def __call__(self, observation: Observation, state: Any) -> tuple[Tensors, Any]:
        """Maps one observation to the updates u_t, shaped as the parameters, and the next state."""


def class_name(network: Network) -> str:
    """The name that `networks.get` builds it by, together with its `options`.

    Raises:
      ValueError: a network of a user's own, which a saved optimizer could not name.
    """
    cls = type(network)
    entry = catalogue.CATALOGUE.get(cls.__name__)
    if entry is None or entry.module != cls.__module__:
        raise ValueError(
            f"An optimizer is saved by its networks' names, which are {catalogue.names()}. Of others keep the weights: "
            f"networks.weights_of and assign_weights. Received: {cls.__module__}.{cls.__qualname__}."
        )
    return cls.__name__


def weights_of(network: Network) -> dict[str, np.ndarray]:
    """phi by name, e.g. `lstm_1/w_i`: the variables' names within the network.

    Raises:
      ValueError: two variables have the same name.
    """
    return {name: variable.numpy() for name, variable in variables_by_name(network).items()}


def assign_weights(network: Network, weights: dict[str, np.ndarray]) -> None:
    """Sets phi from what `weights_of` gave.

    Raises:
      ValueError: a weight is missing, unknown, or of another shape; nothing is assigned then.
    """
    variables = variables_by_name(network)
    if set(weights) != set(variables):
        raise ValueError(f"{type(network).__name__} has the weights {sorted(variables)}. Received: {sorted(weights)}.")
    for name, variable in variables.items():
        if tuple(variable.shape) != weights[name].shape:
            raise ValueError(
                f"The weight {name!r} of {type(network).__name__} has the shape {tuple(variable.shape)}. "
                f"Received: {weights[name].shape}."
            )
    for name, variable in variables.items():
        variable.assign(weights[name])


def variables_by_name(network: Network) -> dict[str, tf.Variable]:
    """phi by name, e.g. `lstm_1/w_i`.

    Raises:
      ValueError: two variables have the same name.
    """
    prefix = network.name + "/"
    variables = network.trainable_variables
    by_name = {variable.name.removeprefix(prefix).removesuffix(":0"): variable for variable in variables}
    if len(by_name) < len(variables):
        names = [variable.name for variable in variables]
        raise ValueError(f"The weights of {type(network).__name__} need names of their own. Received: {names}.")
    return by_name
