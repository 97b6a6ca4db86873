"""The deep LSTM on one block of rows: a step forward, and a step back by hand. Pure functions over tensors.

Everything is feature-major, `[features, n]`: a gate of all rows is contiguous, so that slicing gates costs nothing
and every elementwise operation runs over long vectors. The state of a block is one tensor `[S, n]`: h and c of each
layer below one another.

A step forward keeps nothing but the state. The step back computes the gates again from it, which is cheaper than
writing them to memory and reading them back.
"""

from typing import NamedTuple

import tensorflow as tf


class LstmWeights(NamedTuple):
    """phi as the kernels take it.

    Attributes:
      gates: for each layer `[inputs + H, 4 H]`, w_i above w_h; in Sonnet's order: input, forget, candidate, output.
      gate_biases: for each layer `[4 H]`.
      linear: `[H, size]`, the scale of the output folded in.
      linear_bias: `[size]`, likewise.
    """

    gates: tuple[tf.Tensor, ...]
    gate_biases: tuple[tf.Tensor, ...]
    linear: tf.Tensor
    linear_bias: tf.Tensor


def step(weights: LstmWeights, features: tf.Tensor, state: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """One step: features `[F, n]` and state `[S, n]` to the update `[size, n]` and the next state."""
    output, layers = features, []
    for w, b, hidden, cell in zip(weights.gates, weights.gate_biases, *_layers(weights, state)):
        output, cell, _ = _layer(w, b, tf.concat([output, hidden], 0), cell)
        layers += [output, cell]
    update = tf.matmul(weights.linear, output, transpose_a=True) + weights.linear_bias[:, None]
    return update, tf.concat(layers, 0) if layers else state


def step_back(
    weights: LstmWeights,
    features: tf.Tensor,
    state: tf.Tensor,
    update_cotangent: tf.Tensor,
    state_cotangent: tf.Tensor,
) -> tuple[LstmWeights, tf.Tensor, tf.Tensor]:
    """Back through `step`: the cotangents of its outputs to those of the weights, the features and the state."""
    output, saved = features, []
    for w, b, hidden, cell in zip(weights.gates, weights.gate_biases, *_layers(weights, state)):
        inputs = tf.concat([output, hidden], 0)
        output, _, gates = _layer(w, b, inputs, cell)
        saved.append((w, inputs, cell, gates))

    d_linear = tf.matmul(output, update_cotangent, transpose_b=True)
    d_linear_bias = tf.reduce_sum(update_cotangent, 1)
    d_output = tf.matmul(weights.linear, update_cotangent)

    d_gates, d_biases, d_layers = [], [], []
    cotangents = list(zip(saved, *_layers(weights, state_cotangent)))
    for (w, inputs, cell, gates), d_hidden, d_cell in reversed(cotangents):
        dz, d_cell = _gates_back(gates, cell, d_output + d_hidden, d_cell)
        d_inputs = tf.matmul(w, dz)
        d_gates.insert(0, tf.matmul(inputs, dz, transpose_b=True))
        d_biases.insert(0, tf.reduce_sum(dz, 1))
        d_output, d_hidden = tf.split(d_inputs, [w.shape[0] - cell.shape[0], cell.shape[0]])
        d_layers = [d_hidden, d_cell, *d_layers]
    d_state = tf.concat(d_layers, 0) if d_layers else state_cotangent
    return LstmWeights(tuple(d_gates), tuple(d_biases), d_linear, d_linear_bias), d_output, d_state


def _layers(weights: LstmWeights, state: tf.Tensor) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
    """The hidden and the cell of every layer, `[H, n]` each, from the state `[S, n]`."""
    sizes = [w.shape[1] // 4 for w in weights.gates for _ in range(2)]
    parts = tf.split(state, sizes) if sizes else []
    return parts[::2], parts[1::2]


def _layer(w: tf.Tensor, b: tf.Tensor, inputs: tf.Tensor, cell: tf.Tensor):
    """h', c' and (i, f, g, o, tanh c') of one LSTM layer."""
    i, f, g, o = tf.split(tf.matmul(w, inputs, transpose_a=True) + b[:, None], 4)
    i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
    cell = f * cell + i * g
    tanh_cell = tf.tanh(cell)
    return o * tanh_cell, cell, (i, f, g, o, tanh_cell)


def _gates_back(gates, cell: tf.Tensor, d_hidden: tf.Tensor, d_cell: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The cotangents of the four gates' pre-activations, `[4 H, n]`, and of the cell before the step."""
    i, f, g, o, tanh_cell = gates
    d_cell = d_cell + d_hidden * o * (1 - tanh_cell * tanh_cell)
    dz = [
        d_cell * g * i * (1 - i),
        d_cell * cell * f * (1 - f),
        d_cell * i * (1 - g * g),
        d_hidden * tanh_cell * o * (1 - o),
    ]
    return tf.concat(dz, 0), d_cell * f
