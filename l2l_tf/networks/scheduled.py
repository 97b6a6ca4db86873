"""Hand-designed optimizers with all of their hyperparameters: penalties, warm-up, decay along runs of known length.

The search spaces of TaskSet (Metz et al. 2020) are over these. Each hyperparameter is a variable, not a trainable one,
so that a search, or a population of members that differ in them, runs in one compiled graph. Decays close to 1 are kept
as 1 - beta, of which single precision holds all digits.
"""

import math

import tensorflow as tf

from l2l_tf.networks.classic import Classic

# The length of run that TaskSet gives its rates of decay for.
_REFERENCE_STEPS = 10_000


class Scheduled(Classic):
    """A rule whose formula changes along a run of `total_steps`, and may look at theta.

    Attributes:
      hyperparameters: name to scalar variable: `learning_rate`, and what the rule has beside it.
    """

    observes = frozenset({"gradients", "parameters"})
    coordinatewise = False

    def __init__(
        self, total_steps: int, hyperparameters: dict[str, float], /, learning_rate: float, name: str | None = None
    ):
        super().__init__(learning_rate, name)
        self._total_steps = total_steps
        self._others = {
            option: tf.Variable(value, trainable=False, dtype=tf.float32, name=option)
            for option, value in hyperparameters.items()
        }

    @property
    def hyperparameters(self) -> dict[str, tf.Variable]:
        return {"learning_rate": self.learning_rate, **self._others}

    def _of_tensor(self, gradient, parameter, step, slots):
        values = {name: tf.cast(variable, gradient.dtype) for name, variable in self.hyperparameters.items()}
        return self._rule(values, gradient, parameter, step, *slots)

    def _rule(self, values, gradient, parameter, step, *slots):
        """The update of one tensor, then its next slots; `values` are the hyperparameters by name."""
        raise NotImplementedError


class Adam8p(Scheduled):
    """Adam with penalties on theta and a decaying rate: TaskSet's `adam8p`, and with fewer options its 6p, 4p, 1p.

        g  = grad f + 2 l2 theta + l1 sign(theta)
        m' = beta_1 m + (1 - beta_1) g;  v' = beta_2 v + (1 - beta_2) g^2
        m^ = m' / (1 - beta_1^t);        v^ = v' / (1 - beta_2^t)
        u  = -learning_rate max(1 - linear_decay s, 0) exp(-exponential_decay s) m^ / (sqrt(v^ + 1e-10) + epsilon)

    with t from 1, and s = (t - 1) 10,000 / total_steps: rates of decay are those of runs of 10,000 steps (Metz et al.
    2020, appendix; their code's Adam8p forgets the factor for runs of another length).

    Args:
      learning_rate: of the first step.
      beta_1, beta_2, epsilon: Adam's.
      l1, l2: weights of the penalties |theta|_1 and |theta|_2^2, whose gradients enter the moments.
      linear_decay, exponential_decay: a step of a run of 10,000.
      total_steps: of the run.
    """

    slots = ("first_moment", "second_moment")

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        l1: float = 0.0,
        l2: float = 0.0,
        linear_decay: float = 0.0,
        exponential_decay: float = 0.0,
        total_steps: int = _REFERENCE_STEPS,
        name: str | None = None,
    ):
        values = {
            "one_minus_beta_1": 1 - beta_1,
            "one_minus_beta_2": 1 - beta_2,
            "epsilon": epsilon,
            "l1": l1,
            "l2": l2,
            "linear_decay": linear_decay,
            "exponential_decay": exponential_decay,
        }
        super().__init__(total_steps, values, learning_rate=learning_rate, name=name)

    def _rule(self, values, gradient, parameter, step, first_moment, second_moment):
        gradient += 2 * values["l2"] * parameter + values["l1"] * tf.sign(parameter)
        first_moment += values["one_minus_beta_1"] * (gradient - first_moment)
        second_moment += values["one_minus_beta_2"] * (tf.square(gradient) - second_moment)
        done = (step - 1) * (_REFERENCE_STEPS / self._total_steps)
        decay = tf.maximum(1 - values["linear_decay"] * done, 0) * tf.exp(-values["exponential_decay"] * done)
        first = first_moment / _grown(values["one_minus_beta_1"], step)
        second = second_moment / _grown(values["one_minus_beta_2"], step)
        update = -values["learning_rate"] * decay * first / (tf.sqrt(second + 1e-10) + values["epsilon"])
        return update, first_moment, second_moment


class NAdamW(Scheduled):
    """Adam with Nesterov's momentum, decoupled decay of theta, warm-up, a constant stretch, half a cosine (opt_list).

        g' = g + l2 theta
        m' = beta_1 m + (1 - beta_1) g';  v' = beta_2 v + (1 - beta_2) g'^2
        n  = beta_1 m' + (1 - beta_1) g' with nesterov, else m'
        u  = -alpha(t) c (n / (sqrt(v') + epsilon) + weight_decay theta),  c = sqrt(1 - beta_2^t) / (1 - beta_1^t)

    with t from 1. alpha rises linearly from 0 to `learning_rate` over the first min(warmup, constant) of the run, stays
    until `constant` of it, then falls along half a cosine to `final` times the rate at its end (Metz et al. 2020,
    "Using a thousand optimization tasks to learn hyperparameter search strategies", appendix). The published code
    subtracts l2 theta in place of adding it, and some of its ports drop `nesterov`; neither is imitated here.

    With weight_decay = l2 = warmup = constant = final = 0 it is Adam with cosine decay.

    Args:
      learning_rate: the largest.
      beta_1, beta_2, epsilon: Adam's; epsilon is added to the root of the uncorrected v'.
      nesterov: whether the momentum looks ahead.
      weight_decay: decoupled; as in the published code the bias correction c scales it, too.
      l2: added to the gradient, times theta.
      warmup, constant: shares of the run.
      final: share of the rate at the end.
      total_steps: of the run.
    """

    slots = ("first_moment", "second_moment")

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        l2: float = 0.0,
        warmup: float = 0.0,
        constant: float = 0.0,
        final: float = 0.0,
        total_steps: int = _REFERENCE_STEPS,
        name: str | None = None,
    ):
        values = {
            "one_minus_beta_1": 1 - beta_1,
            "one_minus_beta_2": 1 - beta_2,
            "epsilon": epsilon,
            "nesterov": float(nesterov),
            "weight_decay": weight_decay,
            "l2": l2,
            "warmup": warmup,
            "constant": constant,
            "final": final,
        }
        super().__init__(total_steps, values, learning_rate=learning_rate, name=name)

    def _rule(self, values, gradient, parameter, step, first_moment, second_moment):
        gradient += values["l2"] * parameter
        new = values["one_minus_beta_1"]
        first_moment += new * (gradient - first_moment)
        second_moment += values["one_minus_beta_2"] * (tf.square(gradient) - second_moment)
        ahead = (1 - new) * first_moment + new * gradient
        momentum = first_moment + values["nesterov"] * (ahead - first_moment)
        correction = tf.sqrt(_grown(values["one_minus_beta_2"], step)) / _grown(new, step)
        rate = values["learning_rate"] * _share(values, step - 1, self._total_steps) * correction
        direction = momentum / (tf.sqrt(second_moment) + values["epsilon"])
        return -rate * (direction + values["weight_decay"] * parameter), first_moment, second_moment


class MomentumCosine(Scheduled):
    """v' = momentum v + g; u = -alpha(t) v', alpha falling along half a cosine to `final` times the learning rate.

    Args:
      learning_rate: of the first step.
      momentum: share of v that is kept (Polyak 1964).
      nesterov: whether u = -alpha(t) (momentum v' + g) (Sutskever et al. 2013).
      final: share of the rate at the end.
      total_steps: of the run.
    """

    slots = ("velocity",)

    def __init__(
        self,
        learning_rate: float = 0.1,
        momentum: float = 0.9,
        nesterov: bool = False,
        final: float = 0.0,
        total_steps: int = _REFERENCE_STEPS,
        name: str | None = None,
    ):
        values = {"momentum": momentum, "nesterov": float(nesterov), "warmup": 0.0, "constant": 0.0, "final": final}
        super().__init__(total_steps, values, learning_rate=learning_rate, name=name)

    def _rule(self, values, gradient, parameter, step, velocity):
        velocity = values["momentum"] * velocity + gradient
        ahead = values["momentum"] * velocity + gradient
        rate = values["learning_rate"] * _share(values, step - 1, self._total_steps)
        return -rate * (velocity + values["nesterov"] * (ahead - velocity)), velocity


def _grown(new: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
    """1 - (1 - new)^step, without the rounding of 1 - new; 1 where new is 1."""
    return tf.where(new < 1, -tf.math.expm1(step * tf.math.log1p(-tf.minimum(new, 1 - 1e-7))), 1)


def _share(values: dict[str, tf.Tensor], step: tf.Tensor, total_steps: int) -> tf.Tensor:
    """Of the learning rate, at `step` from 0: warm-up, a constant stretch, half a cosine to `final`."""
    at = step / total_steps
    warmup = tf.minimum(values["warmup"], values["constant"])
    rising = tf.math.divide_no_nan(at, warmup)
    falling = tf.clip_by_value(tf.math.divide_no_nan(at - values["constant"], 1 - values["constant"]), 0, 1)
    cosine = values["final"] + (1 - values["final"]) * 0.5 * (1 + tf.cos(math.pi * falling))
    return tf.where(at < warmup, rising, cosine)
