"""Trains a model of the zoo with real Keras optimizers, all steps of a run in one call of a compiled function."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from benchmarks.keras_zoo.task import Data, Task

# The loss at the start is a mean over so many minibatches.
_START_BATCHES = 10
_HELD_OUT_NOISE = 1_000_000


class Outcome(NamedTuple):
    """Losses of a run.

    Attributes:
      losses: `[steps]`, of each step's minibatch before the step; at the start, of some minibatches.
      held_out: of the held-out data after the last step, or None.
      own: `[steps, models]`, what each of several models minimises; None for a single one.
    """

    losses: np.ndarray
    held_out: float | None
    own: np.ndarray | None = None


class Prepared:
    """A task with its data on the device and its models, which all optimizers train one after the other.

    Losses and gradients are traced once.

    Args:
      task: what is trained.
      data: of `task.data`.

    Attributes:
      models: the task's.
      gradients: a minibatch and noise to the loss that is judged, each model's own, and each model's gradients.
      held_out: the loss of the held-out data, or None where there are none.
    """

    def __init__(self, task: Task, data: Data):
        self._task = task
        self._data = Data(*(None if arrays is None else tuple(map(tf.constant, arrays)) for arrays in data))
        keras.utils.set_random_seed(0)
        self.models = list(task.build())
        self._drawn: dict[int, list[list[np.ndarray]]] = {}
        self.gradients = tf.function(self._gradients, autograph=False, jit_compile=task.compiled or None)
        self._held_out = tf.function(self._held_out_loss, autograph=False)

    @property
    def num_parameters(self) -> int:
        """That are trained."""
        return sum(int(np.prod(v.shape)) for model in self.models for v in model.trainable_variables)

    def reset(self, seed: int) -> None:
        """Gives the models the weights that the seed draws."""
        if seed not in self._drawn:
            keras.utils.set_random_seed(seed)
            self._drawn[seed] = [model.get_weights() for model in self._task.build()]
        for model, weights in zip(self.models, self._drawn[seed]):
            model.set_weights(weights)

    def minibatch(self, seed: int | tf.Tensor, t: int | tf.Tensor) -> tuple[tuple[tf.Tensor, ...], tf.Tensor]:
        """That of step t, and its noise `[2]`."""
        noise = tf.stack([seed, t])
        train, size = self._data.train, self._task.batch_size
        if size is None:
            return train, noise
        rows = tf.random.stateless_uniform([size], noise, 0, tf.shape(train[0])[0], tf.int32)
        return tuple(tf.gather(array, rows) for array in train), noise

    def start(self, seed: int) -> Outcome:
        """The losses of the untrained models."""
        self.reset(seed)
        losses = [float(self._judged(*self.minibatch(seed, t), True)[0]) for t in range(_START_BATCHES)]
        self.reset(seed)  # Of batch normalisation.
        return Outcome(np.array(losses), self.held_out())

    def held_out(self) -> float | None:
        return None if self._data.held_out is None else float(self._held_out())

    def _judged(self, batch, noise, training):
        """The loss that is judged, and those that are minimised."""
        losses = self._task.losses(self.models, batch, noise, training)
        measured = losses[0] if self._task.measure is None else self._task.measure(self.models, batch, noise)
        return tf.cast(measured, tf.float32), losses

    def _gradients(self, batch, noise):
        with tf.GradientTape(persistent=len(self.models) > 1) as tape:
            measured, losses = self._judged(batch, noise, True)
        gradients = [tape.gradient(loss, model.trainable_variables) for loss, model in zip(losses, self.models)]
        return measured, [tf.cast(loss, tf.float32) for loss in losses], gradients

    def _held_out_loss(self):
        return self._judged(self._data.held_out, tf.constant([_HELD_OUT_NOISE, 0]), False)[0]


class Racer:
    """One task under one optimizer; traced once, started again for every run.

    A seed draws the weights, the minibatches and the noise, the same for every optimizer.

    Args:
      prepared: the task.
      make: a new optimizer; each model of the task has one.
    """

    def __init__(self, prepared: Prepared, make: Callable[[], keras.optimizers.Optimizer]):
        self._prepared = prepared
        self._optimizers = [make() for _ in prepared.models]
        for optimizer, model in zip(self._optimizers, prepared.models):
            optimizer.build(model.trainable_variables)
        self._fresh = [[variable.numpy() for variable in optimizer.variables] for optimizer in self._optimizers]
        self._advance = tf.function(self._many_steps, autograph=False)

    def run(self, seed: int, steps: int) -> Outcome:
        """Trains from the start."""
        self._prepared.reset(seed)
        for optimizer, values in zip(self._optimizers, self._fresh):
            for variable, value in zip(optimizer.variables, values):
                variable.assign(value)
        judged, *own = self._advance(tf.constant(seed), tf.constant(steps)).numpy().T
        return Outcome(judged, self._prepared.held_out(), np.stack(own, 1) if len(own) > 1 else None)

    def _step(self, seed, t):
        measured, losses, gradients = self._prepared.gradients(*self._prepared.minibatch(seed, t))
        with tf.control_dependencies([measured]):
            for optimizer, own, model in zip(self._optimizers, gradients, self._prepared.models):
                optimizer.apply(own, model.trainable_variables)
        return tf.stack([measured, *losses])

    def _many_steps(self, seed, steps):
        def body(t, losses):
            return t + 1, losses.write(t, self._step(seed, t))

        losses = tf.TensorArray(tf.float32, steps)
        _, losses = tf.while_loop(lambda t, _: t < steps, body, (tf.constant(0), losses), parallel_iterations=1)
        return losses.stack()
