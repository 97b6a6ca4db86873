"""The deep LSTM on one block of rows: a step forward, and a step back by hand. Pure functions over tensors.

Everything is feature-major, `[features, n]`: a gate of all rows is contiguous, so that slicing gates costs nothing
and every elementwise operation runs over long vectors. h and c of each layer stay tensors of their own: joining what
was computed a moment ago costs a compiled program more than a few outputs do.

The step back needs the gates of the step forward. Where memory allows, a rollout keeps them (`Activations`); else the
replay computes them again from the state.

As sigmoid(z) = (1 + tanh(z / 2)) / 2, one tanh serves all four gates once the weights of the three sigmoid gates are
halved (`GATE_SCALE`):

    a = tanh(w [x; h; 1])                 four gates of H rows, in Sonnet's order: input, forget, candidate, output
    c' = (1 + a_f) / 2 c + (1 + a_i) / 2 a_g
    h' = (1 + a_o) / 2 tanh c'
"""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from l2l_tf.fast.tanh import tanh

GATE_SCALE = (0.5, 0.5, 1.0, 0.5)

State = Sequence[tf.Tensor]


class LstmWeights(NamedTuple):
    """phi as the kernels take it, and its gradient as they give it.

    Attributes:
      layers: for each layer `[4 H, inputs + H + 1]`: w_i, w_h and b side by side, by the gates' scale.
      linear: `[H, size]`, the scale of the output folded in.
      linear_bias: `[size]`, likewise.
    """

    layers: tuple[tf.Tensor, ...]
    linear: tf.Tensor
    linear_bias: tf.Tensor


class Activations(NamedTuple):
    """What the step back needs of one layer's step forward.

    Attributes:
      inputs: [x; h; 1], `[inputs + H + 1, n]`.
      cell: c, `[H, n]`.
      gates: a, `[4 H, n]`.
      next_cell: c', `[H, n]`.
    """

    inputs: tf.Tensor
    cell: tf.Tensor
    gates: tf.Tensor
    next_cell: tf.Tensor


def forward(
    weights: LstmWeights, features: tf.Tensor, state: State
) -> tuple[tf.Tensor, tuple[tf.Tensor, ...], tuple[Activations, ...]]:
    """One step, from features `[F, n]` and the state, h and c of each layer, `[H, n]`.

    Returns:
      The output `[size, n]`, the next state, and the activations of each layer.
    """
    next_state: list[tf.Tensor] = []
    activations: list[Activations] = []
    hidden_output = features
    for w, hidden, cell in zip(weights.layers, state[::2], state[1::2]):
        inputs = tf.concat([hidden_output, hidden, tf.ones_like(hidden[:1])], 0)
        gates = tanh(tf.matmul(w, inputs))
        i, f, g, _ = tf.split(gates, 4)
        next_cell = (0.5 + 0.5 * f) * cell + (0.5 + 0.5 * i) * g
        activations.append(Activations(inputs, cell, gates, next_cell))
        hidden_output = _hidden(activations[-1])
        next_state += [hidden_output, next_cell]
    return _linear(weights, hidden_output), tuple(next_state), tuple(activations)


def output(weights: LstmWeights, features: tf.Tensor, activations: Sequence[Activations]) -> tf.Tensor:
    """The output of the step that features and activations are of."""
    return _linear(weights, _last_hidden(features, activations))


def backward(
    weights: LstmWeights,
    features: tf.Tensor,
    activations: Sequence[Activations],
    output_cotangent: tf.Tensor,
    state_cotangent: State,
) -> tuple[LstmWeights, tf.Tensor, tuple[tf.Tensor, ...]]:
    """Back through `forward`: the cotangents of its outputs to those of the weights, the features and the state."""
    hidden_output = _last_hidden(features, activations)
    d_linear = tf.matmul(hidden_output, output_cotangent, transpose_b=True)
    d_linear_bias = tf.reduce_sum(output_cotangent, 1)
    d_output = tf.matmul(weights.linear, output_cotangent)

    d_layers: list[tf.Tensor] = []
    d_state: list[tf.Tensor] = []
    layers = list(zip(weights.layers, activations, state_cotangent[::2], state_cotangent[1::2]))
    for index, (w, layer, d_hidden, d_cell) in reversed(list(enumerate(layers))):
        dz, d_cell = _gates_back(layer, d_output + d_hidden, d_cell)
        num_inputs = layer.inputs.shape[0] - layer.cell.shape[0] - 1
        if index == 0:  # apart, as seldom anyone needs the cotangents of the features
            d_output = tf.matmul(w[:, :num_inputs], dz, transpose_a=True)
            d_hidden = tf.matmul(w[:, num_inputs:-1], dz, transpose_a=True)
        else:
            d_inputs = tf.matmul(w[:, :-1], dz, transpose_a=True)
            d_output, d_hidden = d_inputs[:num_inputs], d_inputs[num_inputs:]
        d_layers = [tf.matmul(dz, layer.inputs, transpose_b=True), *d_layers]
        d_state = [d_hidden, d_cell, *d_state]
    return LstmWeights(tuple(d_layers), d_linear, d_linear_bias), d_output, tuple(d_state)


def _linear(weights: LstmWeights, hidden_output: tf.Tensor) -> tf.Tensor:
    return tf.matmul(weights.linear, hidden_output, transpose_a=True) + weights.linear_bias[:, None]


def _last_hidden(features: tf.Tensor, activations: Sequence[Activations]) -> tf.Tensor:
    """What the linear layer sees."""
    return _hidden(activations[-1]) if activations else features


def _hidden(layer: Activations) -> tf.Tensor:
    """h' of a layer."""
    return (0.5 + 0.5 * tf.split(layer.gates, 4)[3]) * tanh(layer.next_cell)


def _gates_back(layer: Activations, d_hidden: tf.Tensor, d_cell: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The cotangents of w [x; h; 1], `[4 H, n]`, and of c, from those of h' and c'."""
    i, f, g, o = tf.split(layer.gates, 4)
    tanh_cell = tanh(layer.next_cell)
    d_cell = d_cell + d_hidden * (0.5 + 0.5 * o) * (1 - tanh_cell * tanh_cell)
    d_gates = [0.5 * d_cell * g, 0.5 * d_cell * layer.cell, d_cell * (0.5 + 0.5 * i), 0.5 * d_hidden * tanh_cell]
    dz = tf.concat([d_gate * (1 - a * a) for d_gate, a in zip(d_gates, (i, f, g, o))], 0)
    return dz, d_cell * (0.5 + 0.5 * f)
