"""The hand-designed optimizers as networks, with the formulas and defaults of `keras.optimizers`.

They have no weights to learn. Their learning rate is a variable, not a trainable one, so that a search over rates
runs in one compiled graph.
"""

import abc
from typing import Any

import tensorflow as tf

from l2l_tf.networks.dtypes import at_least_float32
from l2l_tf.networks.network import Network, Observation

_LARGEST_RATE = 1e30  # Larger ones are infinite in float32.


class Classic(Network):
    """A rule that treats every coordinate alike: slots shaped as the parameters, and a formula over them.

    Attributes:
      learning_rate: scalar variable.
    """

    coordinatewise = True
    slots: tuple[str, ...] = ()

    def __init__(self, learning_rate: float, name: str | None = None):
        super().__init__(name=name)
        self.learning_rate = tf.Variable(learning_rate, trainable=False, dtype=tf.float32, name="learning_rate")

    def _told(self, options):
        return {**super()._told(options), "learning_rate": float(self.learning_rate)}

    def initial_state(self, parameters):
        zeros = {name: tf.zeros(p.shape, at_least_float32(p.dtype)) for name, p in parameters.items()}
        return {"step": tf.zeros([]), **{slot: dict(zeros) for slot in self.slots}}

    def __call__(self, observation: Observation, state):
        step = state["step"] + 1
        parameters: Any = observation.parameters
        updates = {}
        next_state = {"step": step, **{slot: {} for slot in self.slots}}
        for name, gradient in observation.gradients.items():
            dtype = at_least_float32(gradient.dtype)
            slots = [state[slot][name] for slot in self.slots]
            parameter = tf.cast(parameters[name], dtype) if "parameters" in self.observes else None
            update, *slots = self._of_tensor(tf.cast(gradient, dtype), parameter, tf.cast(step, dtype), slots)
            updates[name] = tf.cast(update, gradient.dtype)
            for slot, value in zip(self.slots, slots):
                next_state[slot][name] = value
        return updates, next_state

    @abc.abstractmethod
    def _of_tensor(self, gradient, parameter, step, slots):
        """The update of one tensor, then its next slots; `step` counts from 1.

        Args:
          gradient: in a type of at least float32, which the update has too.
          parameter: theta_t, of rules that observe it; else None.
          step: scalar.
          slots: a tensor for each of `self.slots`.
        """


class Constant(Classic):
    """A rule of the same formula in every step, with one learning rate."""

    def _of_tensor(self, gradient, parameter, step, slots):
        return self._rule(tf.cast(self.learning_rate, gradient.dtype), gradient, step, *slots)

    @abc.abstractmethod
    def _rule(self, learning_rate, gradient, step, *slots):
        """The update of one tensor, then its next slots."""


class Sgd(Constant):
    """u = -learning_rate g."""

    def __init__(self, learning_rate: float = 0.01, name: str | None = None):
        super().__init__(learning_rate, name)

    def _rule(self, learning_rate, gradient, step):
        return (-learning_rate * gradient,)


class Momentum(Constant):
    """v' = momentum v - learning_rate g; u = v' (Polyak 1964)."""

    slots = ("velocity",)

    def __init__(self, learning_rate: float = 0.01, momentum: float = 0.9, name: str | None = None):
        super().__init__(learning_rate, name)
        self._momentum = momentum

    def _rule(self, learning_rate, gradient, step, velocity):
        velocity = self._momentum * velocity - learning_rate * gradient
        return velocity, velocity


class Nesterov(Momentum):
    """v' = momentum v - learning_rate g; u = momentum v' - learning_rate g (NAG; Sutskever et al. 2013)."""

    def _rule(self, learning_rate, gradient, step, velocity):
        velocity, _ = super()._rule(learning_rate, gradient, step, velocity)
        return self._momentum * velocity - learning_rate * gradient, velocity


class RMSProp(Constant):
    """v' = rho v + (1 - rho) g^2; u = -learning_rate g / sqrt(v' + epsilon) (Tieleman and Hinton 2012)."""

    slots = ("second_moment",)

    def __init__(self, learning_rate: float = 0.001, rho: float = 0.9, epsilon: float = 1e-7, name: str | None = None):
        super().__init__(learning_rate, name)
        self._rho = rho
        self._epsilon = epsilon

    def _rule(self, learning_rate, gradient, step, second_moment):
        second_moment = self._rho * second_moment + (1 - self._rho) * tf.square(gradient)
        return -learning_rate * gradient * tf.math.rsqrt(second_moment + self._epsilon), second_moment


class Adam(Constant):
    """m' = beta_1 m + (1 - beta_1) g; v' = beta_2 v + (1 - beta_2) g^2;
    u = -learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m' / (sqrt(v') + epsilon) (Kingma and Ba 2015)."""

    slots = ("first_moment", "second_moment")

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        name: str | None = None,
        **old_names: Any,
    ):
        # Sonnet compares the signature with the arguments as they were given: by old names too, of which none is left.
        super().__init__(learning_rate, name, **old_names)
        self._beta_1 = beta_1
        self._beta_2 = beta_2
        self._epsilon = epsilon

    def _rule(self, learning_rate, gradient, step, first_moment, second_moment):
        first_moment = self._beta_1 * first_moment + (1 - self._beta_1) * gradient
        second_moment = self._beta_2 * second_moment + (1 - self._beta_2) * tf.square(gradient)
        rate = learning_rate * tf.sqrt(1 - self._beta_2**step) / (1 - self._beta_1**step)
        return -rate * first_moment / (tf.sqrt(second_moment) + self._epsilon), first_moment, second_moment
