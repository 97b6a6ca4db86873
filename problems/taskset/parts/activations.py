"""The activations by the names of a configuration."""

from collections.abc import Callable

import tensorflow as tf

ACTIVATIONS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "relu": tf.nn.relu,
    "tanh": tf.tanh,
    "cos": tf.cos,
    "elu": tf.nn.elu,
    "sigmoid": tf.sigmoid,
    "swish": lambda x: x * tf.sigmoid(x),
    "leaky_relu_0.4": lambda x: tf.nn.leaky_relu(x, 0.4),
    "leaky_relu_0.2": lambda x: tf.nn.leaky_relu(x, 0.2),
    "leaky_relu_0.1": lambda x: tf.nn.leaky_relu(x, 0.1),
}
