"""The classifiers of the image problems, as pure functions of their parameters.

A classifier is the shapes of its parameters, by the names of the original code and in its order of creation,
and `logits(parameters, images)`. Batch normalisation has no moving averages of its own: whoever keeps some hands them
to `logits`.
"""

import abc
import itertools
from collections.abc import Callable, Sequence

import tensorflow as tf

from problems.problem import Parameters

# From the name of the offset's parameter, what goes in, and the offset, to what comes out.
Normalisation = Callable[[str, tf.Tensor, tf.Tensor], tf.Tensor]
# For each normalisation, by the name of its offset: mean and variance over all axes but the last.
Moments = dict[str, tuple[tf.Tensor, tf.Tensor]]
_EPSILON = 1e-3

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

    def logits(self, parameters: Parameters, images: tf.Tensor, moments: Moments | None = None) -> tf.Tensor:
        """`[B, height, width, channels]` to `[B, classes]`; normalised by `moments`, or by the batch's own."""
        if moments is None:
            return self._forward(parameters, images, lambda name, x, beta: batch_norm(x, beta))

        def normalise(name, x, beta):
            mean, variance = moments[name]
            return (x - mean) * tf.math.rsqrt(variance + _EPSILON) + beta

        return self._forward(parameters, images, normalise)

    def moments(self, parameters: Parameters, images: tf.Tensor) -> Moments:
        """The moments that the batch is normalised by in `logits`."""
        found: Moments = {}

        def normalise(name, x, beta):
            found[name] = tuple(tf.nn.moments(x, list(range(x.shape.rank - 1))))
            return batch_norm(x, beta)

        self._forward(parameters, images, normalise)
        return found

    @abc.abstractmethod
    def _forward(self, parameters: Parameters, images: tf.Tensor, normalise: Normalisation) -> tf.Tensor:
        """The logits under that normalisation."""


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
        for i, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes)):
            self.shapes |= {f"mlp/linear_{i}/w": [fan_in, fan_out], f"mlp/linear_{i}/b": [fan_out]}
            if normalise and i < len(layers):
                self.shapes[_mlp_beta(i)] = [fan_out]

    def _forward(self, parameters, images, normalise):
        x = tf.reshape(images, [-1, self.shapes["mlp/linear_0/w"][0]])
        for i in range(self._num_hidden + 1):
            x = x @ parameters[f"mlp/linear_{i}/w"] + parameters[f"mlp/linear_{i}/b"]
            if i < self._num_hidden:
                if self._normalise:
                    x = normalise(_mlp_beta(i), x, parameters[_mlp_beta(i)])
                x = self._activation(x)
        return x


class ConvNet(Classifier):
    """Convolution blocks, then an `Mlp` with ReLU; parameters `conv_net_2d/...`, then `mlp/...`.

    A block: 5x5 convolution with bias, batch normalisation, ReLU, 2x2 max-pooling; all "SAME".

    Args:
      image_shape: `[height, width, channels]`.
      channels: of each convolution.
      layers: the hidden sizes of the perceptron.
      num_classes: the size of the last layer.
      normalise: whether there is batch normalisation, in the perceptron too.

    Raises:
      ValueError: a size below 1.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        channels: Sequence[int],
        layers: Sequence[int],
        num_classes: int,
        normalise: bool = True,
    ):
        height, width, fan_in = image_shape
        self._num_convolutions = len(check_sizes("conv_channels", channels))
        self._normalise = normalise
        self.shapes = {}
        for i, fan_out in enumerate(channels):
            self.shapes[f"conv_net_2d/conv_2d_{i}/w"] = [5, 5, fan_in, fan_out]
            self.shapes[f"conv_net_2d/conv_2d_{i}/b"] = [fan_out]
            if normalise:
                self.shapes[f"conv_net_2d/batch_norm_{i}/beta"] = [fan_out]
            height, width, fan_in = -(-height // 2), -(-width // 2), fan_out
        self._mlp = Mlp(height * width * fan_in, layers, num_classes, "relu", normalise)
        self.shapes |= self._mlp.shapes

    def _forward(self, parameters, images, normalise):
        x = images
        for i in range(self._num_convolutions):
            x = tf.nn.conv2d(x, parameters[f"conv_net_2d/conv_2d_{i}/w"], 1, "SAME")
            x += parameters[f"conv_net_2d/conv_2d_{i}/b"]
            if self._normalise:
                beta = f"conv_net_2d/batch_norm_{i}/beta"
                x = normalise(beta, x, parameters[beta])
            # The same as pooling what ReLU gives, on a quarter of the values.
            x = tf.nn.relu(tf.nn.max_pool2d(x, 2, 2, "SAME"))
        return self._mlp._forward(parameters, x, normalise)


def _mlp_beta(i: int) -> str:
    # As Sonnet 1 numbers modules of one name: the first goes without a number.
    return f"mlp/batch_norm_{i}/beta" if i else "mlp/batch_norm/beta"


def batch_norm(x: tf.Tensor, beta: tf.Tensor, epsilon: float = _EPSILON) -> tf.Tensor:
    """(x - mean) / sqrt(variance + epsilon) + beta, over all axes but the last, by the batch's own moments.

    As in Sonnet 1: an offset, no scale, epsilon 1e-3. A batch is normalised by itself, so an image's loss depends on
    the others of its batch.
    """
    if x.shape.rank == 4 and x.dtype == tf.float32:
        # The fused kernel takes a quarter off the time of a CIFAR gradient; it has no float64.
        return tf.compat.v1.nn.fused_batch_norm(x, tf.ones_like(beta), beta, epsilon=epsilon)[0]
    # Not tf.nn.moments: its variance stops the gradient at the mean, which makes Hessians wrong.
    axes = list(range(x.shape.rank - 1))
    centred = x - tf.reduce_mean(x, axes)
    return centred * tf.math.rsqrt(tf.reduce_mean(tf.square(centred), axes) + epsilon) + beta


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
