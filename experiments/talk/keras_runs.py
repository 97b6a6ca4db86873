"""A Keras classifier of images under a Keras optimizer: losses by step and by second, of minibatches and test images.

All optimizers have the same weights at the start and the same minibatches, drawn by the seed.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

_TEST_BATCH = 250


class Course(NamedTuple):
    """What one run came to.

    Attributes:
      steps: `[K]`, at which it was measured.
      train: `[K]`, the mean loss of the minibatches since the last measurement.
      test, accuracy: `[K]`, of the test images.
      seconds: `[K]`, of training alone, up to there.
    """

    steps: list[int]
    train: list[float]
    test: list[float]
    accuracy: list[float]
    seconds: list[float]


class Classifier:
    """A model with its images on the device. Losses and gradients are traced once for all optimizers.

    Args:
      build: makes the model, with weights drawn from Keras's seed.
      train, test: images, uint8 `[N, height, width, 3]`, and labels, int32 `[N]`.
      size: pixels of a side that the model takes; images are enlarged to it.
      batch_size: of minibatches.
    """

    def __init__(self, build: Callable[[], keras.Model], train, test, size: int, batch_size: int):
        self._build = build
        keras.utils.set_random_seed(0)
        self.model = build()
        self._train, self._test = train, test
        self._size, self._batch_size = size, batch_size
        self._gradients = tf.function(self._loss_and_gradients, autograph=False)
        self._tested = tf.function(self._losses_and_hits, autograph=False)

    @property
    def num_parameters(self) -> int:
        """That are trained."""
        return sum(int(np.prod(v.shape)) for v in self.model.trainable_variables)

    def drawn(self, seed: int) -> list[np.ndarray]:
        """The weights that the seed draws."""
        keras.utils.set_random_seed(seed)
        return self._build().get_weights()

    def step(self, optimizer: keras.optimizers.Optimizer, seed: tf.Tensor, t: tf.Tensor) -> tf.Tensor:
        """One update on the minibatch of step t; its loss before that."""
        images, labels = self._train
        rows = tf.random.stateless_uniform([self._batch_size], tf.stack([seed, t]), 0, len(labels), tf.int32)
        loss, gradients = self._gradients(tf.gather(images, rows), tf.gather(labels, rows))
        with tf.control_dependencies([loss]):
            optimizer.apply(gradients, self.model.trainable_variables)
        return loss

    def tested(self) -> tuple[float, float]:
        """The mean loss and the accuracy on the test images."""
        images, labels = self._test
        count = len(labels)
        parts = [
            self._tested(images[i : i + _TEST_BATCH], labels[i : i + _TEST_BATCH]) for i in range(0, count, _TEST_BATCH)
        ]
        losses, hits = zip(*parts)
        return float(np.sum(losses) / count), float(np.sum(hits) / count)

    def _logits(self, images, training):
        images = tf.cast(images, tf.float32) / 127.5 - 1.0
        if images.shape[1] != self._size:
            images = tf.image.resize(images, [self._size] * 2)
        return self.model(images, training=training)

    def _loss_and_gradients(self, images, labels):
        with tf.GradientTape() as tape:
            each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, self._logits(images, True))
            loss = tf.reduce_mean(each)
        return loss, tape.gradient(loss, self.model.trainable_variables)

    def _losses_and_hits(self, images, labels):
        logits = self._logits(images, False)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        hits = tf.equal(tf.argmax(logits, -1, tf.int32), labels)
        return tf.reduce_sum(losses), tf.reduce_sum(tf.cast(hits, tf.float32))


class Trainer:
    """A classifier under one optimizer: traced once, started again for every run.

    Args:
      classifier: what is trained.
      optimizer: by what; its learning rate may be set between runs.
    """

    def __init__(self, classifier: Classifier, optimizer: keras.optimizers.Optimizer):
        self._classifier = classifier
        self._optimizer = optimizer
        optimizer.build(classifier.model.trainable_variables)
        self._fresh = [variable.numpy() for variable in optimizer.variables]
        self._advance = tf.function(self._many_steps, autograph=False)

    def run(self, seed: int, num_steps: int, points: int, start: Callable[[], None] = lambda: None) -> Course:
        """Trains from the start.

        Args:
          seed: of weights and minibatches.
          num_steps: of the run.
          points: how often it is measured, evenly; at most once a step.
          start: called after the optimizer was made fresh, to set its rate.
        """
        weights = self._classifier.drawn(seed)
        # What is traced and prepared is no part of the seconds. Keras's seed makes TensorFlow prepare functions anew.
        self._advance(tf.constant(seed), tf.constant(0), tf.constant(1))
        self._classifier.model.set_weights(weights)
        for variable, value in zip(self._optimizer.variables, self._fresh):
            variable.assign(value)
        start()
        course, seconds, done = Course([], [], [], [], []), 0.0, 0
        for end in np.linspace(0, num_steps, min(points, num_steps) + 1).round().astype(int)[1:]:
            began = time.perf_counter()
            loss = float(self._advance(tf.constant(seed), tf.constant(done), tf.constant(int(end))).numpy())
            seconds += time.perf_counter() - began
            done = int(end)
            for values, value in zip(course, (done, loss, *self._classifier.tested(), seconds)):
                values.append(value)
        return course

    def _many_steps(self, seed, first, end):
        """The mean loss of the steps `first` to `end`."""

        def body(t, total):
            return t + 1, total + self._classifier.step(self._optimizer, seed, t)

        _, total = tf.while_loop(lambda t, _: t < end, body, (first, tf.constant(0.0)), parallel_iterations=1)
        return total / tf.cast(end - first, tf.float32)
