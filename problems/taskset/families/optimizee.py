"""The contract of the families: a function of parameters, a minibatch and random numbers."""

import abc
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from problems.problem import Parameters
from problems.taskset.parts import weights
from problems.taskset.parts.weights import Weight


class Optimizee(abc.ABC):
    """What is minimised, as pure functions. `noise` draws all that is random in a loss; `loss` draws nothing.

    So what a population shares, or TensorFlow cannot draw in a vectorised loop, is drawn before it.

    Attributes:
      has_data: whether there are minibatches; else `batch` is `()`.
      random: whether the loss depends on `noise`.
      weights: the parameters, where theta_0 is by their initializers.
    """

    has_data: bool = True
    random: bool = False
    weights: Mapping[str, Weight]

    def initial_parameters(self, seed: tf.Tensor) -> Parameters:
        """Draws theta_0."""
        return weights.draw(self.weights, seed)

    def noise(self, batch: Any, seed: tf.Tensor) -> Any:
        """The random numbers of a loss on `batch`: a nest of tensors, empty where there are none."""
        del batch, seed
        return ()

    def evaluation_noise(self, batch: Any, seed: tf.Tensor) -> Any:
        """As `noise`, for a batch that is not trained on: without what is there for the sake of training."""
        return self.noise(batch, seed)

    @abc.abstractmethod
    def loss(self, parameters: Parameters, batch: Any, noise: Any) -> tf.Tensor:
        """The scalar loss."""


def cross_entropy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """The mean over all rows of softmax cross entropy; labels of one axis less than logits."""
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))


def centered(images: tf.Tensor, center: bool) -> tf.Tensor:
    """Pixels of 0 to 1, with `center` as -1 to 1."""
    return 2 * images - 1 if center else images


def flat(images: tf.Tensor) -> tf.Tensor:
    """`[B, height, width, channels]` to `[B, pixels]`."""
    return tf.reshape(images, [-1, images.shape[1] * images.shape[2] * images.shape[3]])
