"""phi as the kernels take it, and back."""

from collections.abc import Sequence
from typing import Any

import sonnet as snt
import tensorflow as tf

from l2l_tf.fast import lstm_kernels
from l2l_tf.fast.lstm_kernels import LstmWeights

GradientsByVariable = dict[Any, tf.Tensor]


def pack(cores: Sequence[snt.LSTM], linear: snt.Linear, scale: float) -> LstmWeights:
    """phi as the kernels take it."""
    layers = []
    for core in cores:
        w = tf.concat([core.input_to_hidden, core.hidden_to_hidden, core.b[None]], 0)
        layers.append(tf.transpose(w * _gate_scale(core)))
    return LstmWeights(tuple(layers), linear.w * scale, linear.b * scale)


def unpack(cores: Sequence[snt.LSTM], linear: snt.Linear, scale: float, packed: LstmWeights) -> GradientsByVariable:
    """The gradients of the variables from those of the packed weights."""
    gradients = {linear.w.ref(): packed.linear * scale, linear.b.ref(): packed.linear_bias * scale}
    for core, packed_layer in zip(cores, packed.layers):
        variables = [core.input_to_hidden, core.hidden_to_hidden, core.b]
        rows = [core.input_to_hidden.shape[0], core.hidden_to_hidden.shape[0], 1]
        parts = tf.split(tf.transpose(packed_layer) * _gate_scale(core), rows)
        gradients |= {v.ref(): tf.reshape(part, v.shape) for v, part in zip(variables, parts)}
    return gradients


def _gate_scale(core: snt.LSTM) -> tf.Tensor:
    """The kernels' scale of each of the 4 H gates."""
    return tf.repeat(tf.constant(lstm_kernels.GATE_SCALE, core.b.dtype), core.hidden_to_hidden.shape[0])
