"""phi as the kernels take it, and back."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import sonnet as snt
import tensorflow as tf

from l2l_tf.fast import lstm_kernels
from l2l_tf.fast.lstm_kernels import LstmWeights

GradientsByVariable = dict[Any, tf.Tensor]


class Stacked(NamedTuple):
    """phi as native code takes it, and its gradient as that gives it.

    Attributes:
      layers: for each layer `[inputs + H + 1, 4 H]`: w_i, w_h and b one under another, by the gates' scale.
      linear: `[H + 1, size]`, weights and bias, the scale of the output folded in.
    """

    layers: tuple[tf.Tensor, ...]
    linear: tf.Tensor


def stack(cores: Sequence[snt.LSTM], linear: snt.Linear, scale: float) -> Stacked:
    """phi as native code takes it."""
    layers = [_under_one_another(_variables(core)) * _gate_scale(core) for core in cores]
    return Stacked(tuple(layers), _under_one_another([linear.w, linear.b]) * scale)


def unstack(cores: Sequence[snt.LSTM], linear: snt.Linear, scale: float, stacked: Stacked) -> GradientsByVariable:
    """The gradients of the variables from those of the stacked weights."""
    gradients = _by_variable([linear.w, linear.b], stacked.linear * scale)
    for core, layer in zip(cores, stacked.layers):
        gradients |= _by_variable(_variables(core), layer * _gate_scale(core))
    return gradients


def pack(cores: Sequence[snt.LSTM], linear: snt.Linear, scale: float) -> LstmWeights:
    """phi as the kernels take it."""
    stacked = stack(cores, linear, scale)
    return LstmWeights(tuple(map(tf.transpose, stacked.layers)), stacked.linear[:-1], stacked.linear[-1])


def unpack(cores: Sequence[snt.LSTM], linear: snt.Linear, scale: float, packed: LstmWeights) -> GradientsByVariable:
    """The gradients of the variables from those of the packed weights."""
    with_bias = _under_one_another([packed.linear, packed.linear_bias])
    return unstack(cores, linear, scale, Stacked(tuple(map(tf.transpose, packed.layers)), with_bias))


def _variables(core: snt.LSTM) -> list[tf.Variable]:
    return [core.input_to_hidden, core.hidden_to_hidden, core.b]


def _under_one_another(matrices_and_bias: Sequence[tf.Tensor]) -> tf.Tensor:
    *matrices, bias = matrices_and_bias
    return tf.concat([*matrices, bias[None]], 0)


def _by_variable(variables: Sequence[tf.Variable], stacked: tf.Tensor) -> GradientsByVariable:
    *matrices, _ = variables  # and a bias
    parts = tf.split(stacked, [*(matrix.shape[0] for matrix in matrices), 1])
    return {v.ref(): tf.reshape(part, v.shape) for v, part in zip(variables, parts)}


def _gate_scale(core: snt.LSTM) -> tf.Tensor:
    """The kernels' scale of each of the 4 H gates."""
    return tf.repeat(tf.constant(lstm_kernels.GATE_SCALE, core.b.dtype), core.hidden_to_hidden.shape[0])
