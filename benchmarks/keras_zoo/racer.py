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
    """

    losses: np.ndarray
    held_out: float | None


class Prepared:
    """A task with its data on the device, and the weights that each seed draws.

    Args:
      task: what is trained.
      data: of `task.data`.
    """

    def __init__(self, task: Task, data: Data):
        self.task = task
        self.data = Data(*(None if arrays is None else tuple(map(tf.constant, arrays)) for arrays in data))
        self._drawn: dict[int, list[list[np.ndarray]]] = {}

    def weights(self, seed: int) -> list[list[np.ndarray]]:
        """Of each model of the task."""
        if seed not in self._drawn:
            keras.utils.set_random_seed(seed)
            self._drawn[seed] = [model.get_weights() for model in self.task.build()]
        return self._drawn[seed]


class Racer:
    """One task under one optimizer; traced once, started again for every run.

    A seed draws the weights, the minibatches and the noise, the same for every optimizer.

    Args:
      prepared: the task.
      make: a new optimizer; each model of the task has one.
    """

    def __init__(self, prepared: Prepared, make: Callable[[], keras.optimizers.Optimizer]):
        self._prepared, self._task, self._data = prepared, prepared.task, prepared.data
        task = prepared.task
        self._models = list(task.build())
        self._optimizers = [make() for _ in self._models]
        for optimizer, model in zip(self._optimizers, self._models):
            optimizer.build(model.trainable_variables)
        self._fresh = [[variable.numpy() for variable in optimizer.variables] for optimizer in self._optimizers]
        self._advance = tf.function(self._many_steps, autograph=False)
        self._measure = tf.function(self._held_out_loss, autograph=False)

    @property
    def num_parameters(self) -> int:
        """That are trained."""
        return sum(int(np.prod(v.shape)) for model in self._models for v in model.trainable_variables)

    def start(self, seed: int) -> Outcome:
        """The losses of the untrained model."""
        self._reset(seed)
        losses = []
        for t in range(_START_BATCHES):
            losses.append(float(self._judged(*self._minibatch(seed, t), True)[0]))
        self._reset(seed)  # Of batch normalisation.
        return Outcome(np.array(losses), self._held_out())

    def run(self, seed: int, steps: int) -> Outcome:
        """Trains from the start."""
        self._reset(seed)
        losses = self._advance(tf.constant(seed), tf.constant(steps)).numpy()
        return Outcome(losses, self._held_out())

    def _reset(self, seed):
        for model, weights in zip(self._models, self._prepared.weights(seed)):
            model.set_weights(weights)
        for optimizer, values in zip(self._optimizers, self._fresh):
            for variable, value in zip(optimizer.variables, values):
                variable.assign(value)

    def _minibatch(self, seed, t):
        noise = tf.stack([seed, t])
        train, size = self._data.train, self._task.batch_size
        if size is None:
            return train, noise
        rows = tf.random.stateless_uniform([size], noise, 0, tf.shape(train[0])[0], tf.int32)
        return tuple(tf.gather(array, rows) for array in train), noise

    def _judged(self, batch, noise, training):
        """The loss that is judged, and those that are minimised."""
        losses = self._task.losses(self._models, batch, noise, training)
        measured = losses[0] if self._task.measure is None else self._task.measure(self._models, batch, noise)
        return tf.cast(measured, tf.float32), losses

    def _step(self, seed, t):
        batch, noise = self._minibatch(seed, t)
        with tf.GradientTape(persistent=len(self._models) > 1) as tape:
            measured, losses = self._judged(batch, noise, True)
        gradients = [tape.gradient(loss, model.trainable_variables) for loss, model in zip(losses, self._models)]
        with tf.control_dependencies([measured]):
            for optimizer, own, model in zip(self._optimizers, gradients, self._models):
                optimizer.apply(own, model.trainable_variables)
        return measured

    def _many_steps(self, seed, steps):
        def body(t, losses):
            return t + 1, losses.write(t, self._step(seed, t))

        losses = tf.TensorArray(tf.float32, steps)
        _, losses = tf.while_loop(lambda t, _: t < steps, body, (tf.constant(0), losses), parallel_iterations=1)
        return losses.stack()

    def _held_out(self):
        return None if self._data.held_out is None else float(self._measure())

    def _held_out_loss(self):
        return self._judged(self._data.held_out, tf.constant([_HELD_OUT_NOISE, 0]), False)[0]
