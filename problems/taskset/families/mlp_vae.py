"""Variational autoencoders."""

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from problems.problem import split_seed
from problems.taskset.data import tables
from problems.taskset.families.optimizee import Optimizee, flat
from problems.taskset.parts.activations import ACTIVATIONS
from problems.taskset.parts.dense import dense, dense_weights
from problems.taskset.parts.gaussian import divergence_from_standard, log_density

BIN = 1 / 255
CLIP = 10.0

# From an input to the mean and the logarithm of the standard deviation of a diagonal normal distribution.
Conditional = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


class MlpVae(Optimizee):
    """Minus the mean evidence lower bound of images (Kingma and Welling 2014), in nats an image.

    The latent variable is as wide as the encoder's last layer and standard normal; an encoder's perceptron gives the
    mean and the log standard deviation of its posterior, a decoder's those of every pixel, both cut to -10 to 10.
    Pixels are spread over their bin of 1/255. Parameters `encoder/linear_0/w`, ..., `decoder/linear_0/w`, ...
    """

    random = True

    def __init__(self, config: dict[str, Any]):
        self._pixels = math.prod(tables.image_shape(config["data"]))
        self._latent = config["encoder"][-1]
        encoder = [self._pixels, *config["encoder"], 2 * self._latent]
        decoder = [self._latent, *config["decoder"], 2 * self._pixels]
        self.weights = dense_weights("encoder", encoder, config["initializer"])
        self.weights |= dense_weights("decoder", decoder, config["initializer"])
        self._counts = len(encoder) - 1, len(decoder) - 1
        self._activation = ACTIVATIONS[config["activation"]]

    def noise(self, batch, seed):
        count = tf.shape(batch[0])[0]
        spread, latent = split_seed(seed, 2)
        return {
            "spread": tf.random.stateless_uniform([count, self._pixels], spread),
            "latent": tf.random.stateless_normal([count, self._latent], latent),
        }

    def loss(self, parameters, batch, noise):
        def encode(x):
            return tf.split(dense("encoder", self._counts[0], parameters, x, self._activation), 2, 1)

        def decode(z):
            outputs = dense("decoder", self._counts[1], parameters, z, self._activation)
            return tf.split(tf.clip_by_value(outputs, -CLIP, CLIP), 2, 1)

        x = flat(batch[0]) + BIN * noise["spread"]
        return -tf.reduce_mean(bound(x, encode, decode, noise["latent"]) + self._pixels * math.log(BIN))


def bound(x: tf.Tensor, encode: Conditional, decode: Conditional, noise: tf.Tensor) -> tf.Tensor:
    """`[B]`: log p(x | z) - KL(q(z | x) | N(0, 1)), at most log p(x) in the mean over standard normal `noise`.

    Args:
      x: `[B, inputs]`.
      encode: q(z | x).
      decode: p(x | z).
      noise: `[B, latent]`; z = mean + stddev noise.
    """
    mean, log_stddev = encode(x)
    return log_density(x, *decode(mean + tf.exp(log_stddev) * noise)) - divergence_from_standard(mean, log_stddev)
