"""Runs of a known length: the updates of a learned optimizer fall to 0 over the last part of it.

How, its network says (`Network.told_factor`): most linearly over the last 0.3. As noise is going to be averaged out
there, `general` takes longer steps before.

>>> from l2l_tf import LearnedOptimizer
>>> optimizer = LearnedOptimizer("mnist_adafactor", total_steps=10_000)

says so by hand; `FitLength` fills it in from `fit`: epochs times steps an epoch.

A rule that does not know how long the run is keeps its steps long enough to go on learning, and ends in the noise of
its minibatches. (Constant, then linear to 0: Haegele et al. 2024, "Scaling laws and compute-optimal training beyond
fixed training durations"; here it multiplies what the rule makes of its own clock.)
"""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from l2l_tf.unrolling import arguments

MOST_STEPS = 2**53  # Beyond it a float64 does not tell one step from the next.


class Annealing:
    """The factor of the updates at the step t from 0 on; 1 where the length of the run, T, is not known.

    Args:
      total_steps: T, or None.

    Raises:
      ValueError: T is no whole number of at least 1.
    """

    def __init__(self, total_steps: Any = None):
        self._total_steps = checked(total_steps)
        # Not a Keras variable: the optimizer's own list of variables, and so its files, are those without it.
        with tf.init_scope():
            self._variable = tf.Variable(float(self._total_steps or 0), trainable=False, dtype=tf.float64)

    @property
    def total_steps(self) -> int | None:
        """T, or None."""
        return self._total_steps

    @total_steps.setter
    def total_steps(self, value: Any) -> None:
        self._total_steps = checked(value)
        self._variable.assign(float(self._total_steps or 0))

    @property
    def length(self) -> tf.Tensor:
        """T, 0 where it is not known, a float32 scalar."""
        return tf.cast(tf.convert_to_tensor(self._variable), tf.float32)

    def __call__(self, step: tf.Tensor, told_factor: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]) -> tf.Tensor:
        """The factor, a float32 scalar.

        Args:
          step: t.
          told_factor: from 1 - t / T, at least 0, and T, float32 scalars, to the factor.
        """
        total = tf.convert_to_tensor(self._variable)
        left = tf.cast(tf.maximum(1 - tf.cast(step, tf.float64) / tf.maximum(total, 1), 0), tf.float32)
        return tf.where(total > 0, told_factor(left, self.length), 1)


def checked(total_steps: Any) -> int | None:
    """`total_steps` as Python's own.

    Raises:
      ValueError: it is no whole number of at least 1.
    """
    total_steps = arguments.plain(total_steps)
    if total_steps is None:
        return None
    whole = isinstance(total_steps, int | float) and not isinstance(total_steps, bool)
    if not whole or not 1 <= total_steps <= MOST_STEPS or total_steps != int(total_steps):
        raise ValueError(f"total_steps is a whole number of updates of at least 1, or None. Received: {total_steps!r}.")
    return int(total_steps)


class FitLength(keras.callbacks.Callback):
    """Tells a `LearnedOptimizer` how long `fit` is going to be: `total_steps` becomes what it has done and the rest.

    >>> import keras, numpy as np
    >>> from l2l_tf import FitLength, LearnedOptimizer
    >>> x, y = np.ones([64, 4]), np.ones([64, 1])
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    >>> model.compile(optimizer=LearnedOptimizer("mnist_adafactor"), loss="mse")
    >>> history = model.fit(x, y, epochs=10, verbose=0, callbacks=[FitLength()])
    >>> model.optimizer.total_steps
    20

    Where `fit` cannot know the number of its steps (a generator without `steps_per_epoch`), the first epoch counts
    them: the length is known from the second one on. Gradients that are accumulated count as one update.
    """

    def on_train_begin(self, logs=None) -> None:
        self._begun = _updates(self._optimizer())
        self._first_epoch: int | None = None
        self._fill(self.params.get("steps"), self.params.get("epochs"))

    def on_epoch_begin(self, epoch, logs=None) -> None:
        if self._first_epoch is None:
            self._first_epoch = epoch
            if epoch:  # `initial_epoch` of fit: those before it are not run.
                self._fill(self.params.get("steps"), self.params["epochs"] - epoch)

    def on_epoch_end(self, epoch, logs=None) -> None:
        optimizer = self._optimizer()
        if epoch == self._first_epoch and self.params.get("steps") is None:
            done = _updates(optimizer) - self._begun
            optimizer.total_steps = self._begun + done * (self.params["epochs"] - epoch)

    def _fill(self, steps: int | None, epochs: int | None) -> None:
        if steps and epochs:
            optimizer = self._optimizer()
            every = getattr(optimizer, "gradient_accumulation_steps", None) or 1
            optimizer.total_steps = self._begun + max(1, steps * epochs // every)

    def _optimizer(self) -> Any:
        """The model's LearnedOptimizer, which loss scaling may be around.

        Raises:
          ValueError: the model has another optimizer.
        """
        optimizer = self.model.optimizer
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        if not hasattr(optimizer, "total_steps"):
            raise ValueError(f"FitLength is for a LearnedOptimizer. Received: a model with {type(optimizer).__name__}.")
        return optimizer


def _updates(optimizer: Any) -> int:
    return int(optimizer.iterations.numpy())
