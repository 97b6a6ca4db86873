"""The optimizer of phi: Adam or a learned one, with what keeps meta-training stable around it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from l2l_tf.networks.dtypes import all_finite
from l2l_tf.training.outer_rule import ADAM, OuterRule
from l2l_tf.unrolling import arguments


class OuterStep(NamedTuple):
    """How one step on phi went: global norms of gradient and update, and whether the gradient was finite."""

    gradient_norm: tf.Tensor
    update_norm: tf.Tensor
    finite: tf.Tensor


# Gradients whose norm is no float are brought to this one first: Adam squares them too.
_LARGEST_NORM = 1e18


class OuterOptimizer(tf.Module):
    """Adam, or a learned optimizer, on phi, after clipping; an exponential moving average of phi beside it.

    A gradient with an infinite or NaN entry is dropped and counted: phi, its moments and its average stay. One whose
    entries are finite is taken however large it is.

    Args:
      variables: phi.
      learning_rate: of Adam, or what multiplies a learned optimizer's updates; see `set_learning_rate`.
      clip_norm: largest global norm of the gradient; None does not clip.
      clip_value: largest absolute entry of the gradient; None does not clip.
      average_decay: d of average' = d average + (1 - d) phi, with d smaller over the first steps, so that the
        average forgets where phi began; None keeps no average.
      weight_decay: w of AdamW: each step also takes `learning_rate` w phi off phi; 0 for Adam.
      kind: "adam", or a learned optimizer, see `OuterRule`.

    Attributes:
      averages: of phi, one variable for each; empty without `average_decay`.
      dropped: int64 variable, the number of gradients dropped.
    """

    @arguments.checked
    def __init__(
        self,
        variables: Sequence[tf.Variable],
        learning_rate: float,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        average_decay: float | None = None,
        weight_decay: float = 0.0,
        kind: str = ADAM,
    ):
        super().__init__(name="outer_optimizer")
        self._variables = list(variables)
        if kind != ADAM and weight_decay:
            raise ValueError(f"weight_decay is of the outer optimizer adam. Received: {weight_decay!r} with {kind!r}.")
        self._optimizer: Any
        if kind == ADAM:
            decay = {"weight_decay": float(weight_decay)} if weight_decay else {}
            adam = keras.optimizers.AdamW if weight_decay else keras.optimizers.Adam
            self._optimizer = adam(learning_rate=float(learning_rate), epsilon=1e-8, **decay)
            self._optimizer.build(self._variables)
        else:
            self._optimizer = OuterRule(kind, self._variables, learning_rate)
        self._clip_norm = clip_norm
        self._clip_value = clip_value
        self._average_decay = average_decay
        self.averages = [tf.Variable(v, trainable=False) for v in self._variables] if average_decay else []
        self.dropped = tf.Variable(0, dtype=tf.int64, trainable=False)

    def set_learning_rate(self, learning_rate: float) -> None:
        """Of the steps from now on."""
        self._optimizer.learning_rate = learning_rate

    @property
    def state(self) -> dict[str, tf.Variable]:
        """All that a resumed run needs, by name, phi not included."""
        if isinstance(self._optimizer, OuterRule):
            own = {f"rule/{i}": variable for i, variable in enumerate(self._optimizer.kept)}
        else:
            own = {f"adam/{i}": variable.value for i, variable in enumerate(self._optimizer.variables)}
        averages = {f"average/{i}": variable for i, variable in enumerate(self.averages)}
        return {**own, **averages, "dropped": self.dropped}

    def go_back(self, weights: Sequence[np.ndarray]) -> None:
        """Puts phi and its averages to `weights`. Adam forgets where it was going, not how large gradients are."""
        for variables in filter(None, (self._variables, self.averages)):
            for variable, weight in zip(variables, weights, strict=True):
                variable.assign(weight)
        for variable in self._optimizer.variables:
            if variable.name.endswith("_momentum"):
                variable.assign(tf.zeros_like(variable.value))

    def apply(self, gradients: Sequence[tf.Tensor]) -> OuterStep:
        """One step along `gradients`, unless one of their entries is not finite."""
        norm = tf.linalg.global_norm(gradients)
        finite = all_finite(gradients)
        before = [tf.identity(v) for v in self._variables]
        tf.cond(finite, lambda: self._apply(gradients, norm), self._drop)
        update = tf.linalg.global_norm([v - b for v, b in zip(self._variables, before)])
        return OuterStep(_norm_of_any(gradients, norm), update, finite)

    def _apply(self, gradients: Sequence[tf.Tensor], norm: tf.Tensor) -> None:
        if self._clip_value is not None:
            gradients = [tf.clip_by_value(g, -self._clip_value, self._clip_value) for g in gradients]
            norm = tf.linalg.global_norm(gradients)
        gradients, norm = _with_a_norm(gradients, norm)
        if self._clip_norm is not None:
            gradients, _ = tf.clip_by_global_norm(gradients, self._clip_norm, use_norm=norm)
        self._optimizer.apply(gradients, self._variables)
        steps = tf.cast(self._optimizer.iterations, tf.float32)
        for average, variable in zip(self.averages, self._variables):
            decay = tf.cast(tf.minimum(self._average_decay, (1 + steps) / (10 + steps)), variable.dtype)
            average.assign(decay * average + (1 - decay) * variable)

    def _drop(self) -> None:
        self.dropped.assign_add(1)


def _norm_of_any(gradients: Sequence[tf.Tensor], norm: tf.Tensor) -> tf.Tensor:
    """`norm`, the global norm of `gradients`, or where its squares overflowed, what it would have been."""

    def by_the_largest():
        largest, units = _in_units_of_the_largest(gradients)
        return largest * tf.linalg.global_norm(units)

    return tf.cond(tf.math.is_finite(norm), lambda: norm, by_the_largest)


def _with_a_norm(gradients: Sequence[tf.Tensor], norm: tf.Tensor) -> tuple[list[tf.Tensor], tf.Tensor]:
    """`gradients` and `norm`, or where that overflowed, the gradients at the largest norm that we compute with."""

    def shortened():
        _, units = _in_units_of_the_largest(gradients)
        factor = _LARGEST_NORM / tf.linalg.global_norm(units)
        return [unit * factor for unit in units], tf.constant(_LARGEST_NORM, norm.dtype)

    return tf.cond(tf.math.is_finite(norm), lambda: (list(gradients), norm), shortened)


def _in_units_of_the_largest(gradients: Sequence[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """The largest absolute entry, and the gradients over it."""
    largest = tf.reduce_max([tf.reduce_max(tf.abs(g)) for g in gradients])
    return largest, [g / largest for g in gradients]
