"""The layers of the image problems as pure functions, and the two networks that the original code builds of them.

A network here is the shapes of its parameters, by the names of the original code and in its order of creation, and
`logits(parameters, images)`.
"""

import abc
from collections.abc import Callable, Sequence

import tensorflow as tf

from problems.problem import Parameters

ACTIVATIONS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "sigmoid": tf.sigmoid,
    "relu": tf.nn.relu,
    "tanh": tf.tanh,
    "elu": tf.nn.elu,
    "softplus": tf.nn.softplus,
}


class Classifier(abc.ABC):
    """Images to logits.

    Attributes:
      shapes: parameter name to shape.
    """

    shapes: dict[str, list[int]]

    @abc.abstractmethod
    def logits(self, parameters: Parameters, images: tf.Tensor) -> tf.Tensor:
        """`[B, height, width, channels]` to `[B, classes]`."""


class Mlp(Classifier):
    """Fully connected layers, the activation after each but the last; parameters `mlp/...`.

    Args:
      num_inputs: per image; images are flattened.
      layers: the hidden sizes.
      num_classes: the size of the last layer.
      activation: a key of `ACTIVATIONS`.
      normalise: whether batch normalisation goes before each activation.

    Raises:
      ValueError: a size below 1, or an unknown activation.
    """

    def __init__(
        self,
        num_inputs: int,
        layers: Sequence[int],
        num_classes: int,
        activation: str,
        normalise: bool = False,
    ):
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation is one of {sorted(ACTIVATIONS)}. Received: {activation!r}.")
        self._num_hidden = len(check_sizes("layers", layers))
        self._activation = ACTIVATIONS[activation]
        self._normalise = normalise
        sizes = [num_inputs, *layers, num_classes]
        self.shapes = {}
        for i, (fan_in, fan_out) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
            self.shapes |= {f"mlp/linear_{i}/w": [fan_in, fan_out], f"mlp/linear_{i}/b": [fan_out]}
            if normalise and i < len(layers):
                self.shapes[_mlp_beta(i)] = [fan_out]

    def logits(self, parameters, images):
        x = tf.reshape(images, [-1, self.shapes["mlp/linear_0/w"][0]])
        for i in range(self._num_hidden + 1):
            x = x @ parameters[f"mlp/linear_{i}/w"] + parameters[f"mlp/linear_{i}/b"]
            if i < self._num_hidden:
                if self._normalise:
                    x = batch_norm(x, parameters[_mlp_beta(i)])
                x = self._activation(x)
        return x


def _mlp_beta(i: int) -> str:
    # As Sonnet 1 numbers modules of one name: the first goes without a number.
    return f"mlp/batch_norm_{i}/beta" if i else "mlp/batch_norm/beta"


def batch_norm(x: tf.Tensor, beta: tf.Tensor, epsilon: float = 1e-3) -> tf.Tensor:
    """(x - mean) / sqrt(variance + epsilon) + beta, over all axes but the last, by the batch's own statistics.

    As in Sonnet 1: an offset, no scale, epsilon 1e-3. There are no moving averages: in training as in evaluation a
    batch is normalised by itself, so the loss of an image depends on the others of its batch.
    """
    mean, variance = tf.nn.moments(x, list(range(x.shape.rank - 1)))
    return (x - mean) * tf.math.rsqrt(variance + epsilon) + beta


def check_sizes(name: str, sizes: Sequence[int]) -> Sequence[int]:
    """`sizes`, if they are integers of at least 1.

    Raises:
      ValueError: they are not.
    """
    if (
        isinstance(sizes, str)
        or not isinstance(sizes, Sequence)
        or not all(isinstance(size, int) and size >= 1 for size in sizes)
    ):
        raise ValueError(f"{name} is a list of integers of at least 1. Received: {sizes!r}.")
    return sizes
