"""One model of the zoo: how it is built, what it learns from, and what it minimises."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

# `choose`: may be looked at while a rule is developed. `report`: for the last table alone.
PARTS = ("choose", "report")

Arrays = tuple[Any, ...]


class Data(NamedTuple):
    """Examples, one array for each thing that an example has.

    Attributes:
      train: arrays `[N, ...]` that minibatches are drawn from.
      held_out: arrays `[M, ...]` that no minibatch sees, or None where there is nothing to generalise to.
    """

    train: Arrays
    held_out: Arrays | None


class Task(NamedTuple):
    """A model, or several that are trained together, each by an optimizer of its own.

    Attributes:
      kind: what the table calls it.
      part: one of `PARTS`.
      build: makes the models, with weights drawn from Keras's seed.
      data: the folder of TFDS, or None for its default, to the data.
      losses: models, a minibatch, noise and whether it is training, to a scalar for each model, which that model
        minimises. The noise is a stateless seed `[2]`, another at every step.
      batch_size: examples of a minibatch; None takes all at every step.
      compiled: whether XLA compiles the gradients: faster where layers loop over a sequence.
      measure: models, a minibatch and noise to the scalar that is judged, where the first loss says little.
    """

    kind: str
    part: str
    build: Callable[[], Sequence[keras.Model]]
    data: Callable[[str | None], Data]
    losses: Callable[[Sequence[keras.Model], Arrays, tf.Tensor, bool], Sequence[tf.Tensor]]
    batch_size: int | None = 32
    compiled: bool = False
    measure: Callable[[Sequence[keras.Model], Arrays, tf.Tensor], tf.Tensor] | None = None


def supervised(loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]):
    """The `losses` of one model that maps all arrays of a minibatch but the last to the last."""

    def losses(models, batch, noise, training):
        *inputs, target = batch
        output = models[0](inputs[0] if len(inputs) == 1 else inputs, training=training)
        return [tf.reduce_mean(loss(target, output))]

    return losses


def cross_entropy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Of whole-number labels and unnormalised logits, example by example."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


def squared_error(target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
    """Entry by entry, of arrays of one shape; an output `[N, 1]` goes with a target `[N]`."""
    return tf.square(tf.reshape(output, tf.shape(target)) - target)


def binary_cross_entropy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Entry by entry, of labels from 0 to 1 and logits; logits `[N, 1]` go with labels `[N]`."""
    logits = tf.reshape(logits, tf.shape(labels))
    return tf.nn.sigmoid_cross_entropy_with_logits(tf.cast(labels, logits.dtype), logits)
