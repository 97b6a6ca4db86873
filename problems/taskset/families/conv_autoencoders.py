"""Convolutional autoencoders and variational ones: convolutions, and their transposes in the opposite order."""

import math
from typing import Any

import tensorflow as tf

from problems.problem import Parameters, split_seed
from problems.taskset.data import tables
from problems.taskset.families.mlp_vae import BIN, CLIP, bound
from problems.taskset.families.optimizee import Optimizee, flat
from problems.taskset.parts.activations import ACTIVATIONS
from problems.taskset.parts.convolution import convolution_weights, convolve
from problems.taskset.parts.weights import Weight, linear
from problems.taskset.samplers.parts import convolved_shape, strides


class ConvAe(Optimizee):
    """Mean squared error of pixels from 0 to 1, through convolutions and their transposes; a sigmoid at the end.

    Parameters `conv_2d_0/w`, ..., `transpose_0/w`, `transpose_0/b`, ...
    """

    def __init__(self, config: dict[str, Any]):
        self._decoder = _Transposes(config, tables.image_shape(config["data"]))
        self._convolutions = config["convolutions"]
        channels = tables.image_shape(config["data"])[2]
        self.weights = convolution_weights(self._convolutions, channels, config["initializer"])
        self.weights |= self._decoder.weights(channels)

    def loss(self, parameters, batch, noise):
        output = self._decoder(parameters, convolve(self._convolutions, parameters, batch[0]))
        return tf.reduce_mean(tf.square(tf.sigmoid(output) - batch[0]))


class ConvVae(Optimizee):
    """Minus the mean evidence lower bound of images, as of `MlpVae`, with convolutions in place of perceptrons.

    Parameters `conv_2d_0/w`, ..., `posterior/w`, `posterior/b`, `latent/w`, `latent/b`, `transpose_0/w`, ...
    """

    random = True

    def __init__(self, config: dict[str, Any]):
        self._shape = tables.image_shape(config["data"])
        self._convolutions = config["convolutions"]
        self._decoder = _Transposes(config, self._shape)
        self._inner = convolved_shape(self._convolutions, self._shape)
        self._latent = config["latent"]
        features = math.prod(self._inner)
        self.weights = convolution_weights(self._convolutions, self._shape[2], config["initializer"])
        self.weights |= linear("posterior", features, 2 * self._latent, config["initializer"])
        self.weights |= linear("latent", self._latent, features, config["initializer"])
        self.weights |= self._decoder.weights(2 * self._shape[2])
        self._activation = ACTIVATIONS[self._convolutions["activation"]]

    def noise(self, batch, seed):
        count = tf.shape(batch[0])[0]
        spread, latent = split_seed(seed, 2)
        return {
            "spread": tf.random.stateless_uniform([count, math.prod(self._shape)], spread),
            "latent": tf.random.stateless_normal([count, self._latent], latent),
        }

    def loss(self, parameters, batch, noise):
        def encode(x):
            inner = convolve(self._convolutions, parameters, tf.reshape(x, [-1, *self._shape]))
            outputs = flat(inner) @ parameters["posterior/w"] + parameters["posterior/b"]
            return tf.split(outputs, 2, 1)

        def decode(z):
            inner = self._activation(z @ parameters["latent/w"] + parameters["latent/b"])
            outputs = self._decoder(parameters, tf.reshape(inner, [-1, *self._inner]))
            mean, log_stddev = tf.split(tf.clip_by_value(outputs, -CLIP, CLIP), 2, 3)
            return flat(mean), flat(log_stddev)

        x = flat(batch[0]) + BIN * noise["spread"]
        pixels = math.prod(self._shape)
        return -tf.reduce_mean(bound(x, encode, decode, noise["latent"]) + pixels * math.log(BIN))


class _Transposes:
    """3x3 transposed convolutions that undo the shapes of a configuration's, the activation after each but the last."""

    def __init__(self, config: dict[str, Any], shape: tuple[int, int, int]):
        convolutions = config["convolutions"]
        count = len(convolutions["channels"])
        below = [
            {**convolutions, "channels": convolutions["channels"][:i], "padding": convolutions["padding"][:i]}
            for i in range(1, count)
        ]
        self._sizes = [shape[:2], *(convolved_shape(part, shape)[:2] for part in below)][::-1]
        self._channels = [*convolutions["channels"]][::-1]
        self._strides = strides(convolutions["strides"], count)[::-1]
        self._padding = convolutions["padding"][::-1]
        self._initializer = config["initializer"]
        self._activation = ACTIVATIONS[convolutions["activation"]]

    def weights(self, outputs: int) -> dict[str, Weight]:
        """The weights, `outputs` the channels of the last: kernels `[3, 3, out, in]`, as `tf.nn.conv2d_transpose`."""
        found = {}
        for i, (fan_in, fan_out) in enumerate(zip(self._channels, [*self._channels[1:], outputs], strict=True)):
            found[f"transpose_{i}/w"] = Weight((3, 3, fan_out, fan_in), self._initializer)
            found[f"transpose_{i}/b"] = Weight((fan_out,))
        return found

    def __call__(self, parameters: Parameters, x: tf.Tensor) -> tf.Tensor:
        for i, (size, stride, padding) in enumerate(zip(self._sizes, self._strides, self._padding, strict=True)):
            kernel = parameters[f"transpose_{i}/w"]
            shape = tf.stack([tf.shape(x)[0], *size, kernel.shape[2]])
            x = tf.nn.conv2d_transpose(x, kernel, shape, stride, padding) + parameters[f"transpose_{i}/b"]
            if i < len(self._sizes) - 1:
                x = self._activation(x)
        return x
