"""The deep LSTM on one block of rows: a step forward, and a step back by hand. Pure functions over tensors.

Everything is feature-major, `[features, n]`: a gate of all rows is contiguous, so that slicing gates costs nothing
and every elementwise operation runs over long vectors. h and c of each layer stay tensors of their own: joining what
was computed a moment ago costs a compiled program more than a few outputs do.

A rollout keeps nothing but the state. The replay computes the gates again from it (`forward`) before it goes back
(`backward`), which is cheaper than writing them to memory and reading them back.

As sigmoid(z) = (1 + tanh(z / 2)) / 2, one tanh serves all four gates once the weights of the three sigmoid gates are
halved (`GATE_SCALE`):

    a = tanh(w [x; h; 1])                 four gates of H rows, in Sonnet's order: input, forget, candidate, output
    c' = (1 + a_f) / 2 c + (1 + a_i) / 2 a_g
    h' = (1 + a_o) / 2 tanh c'
"""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

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


class Saved(NamedTuple):
    """What the step back needs of one layer's step forward."""

    weights: tf.Tensor
    inputs: tf.Tensor
    cell: tf.Tensor
    gates: tf.Tensor
    tanh_cell: tf.Tensor


def step(weights: LstmWeights, features: tf.Tensor, state: State) -> tuple[tf.Tensor, tuple[tf.Tensor, ...]]:
    """One step: features `[F, n]` and (h, c of layer 1, h, c of layer 2, ...) to the output `[size, n]` and the next.

    The state's tensors are `[H, n]`.
    """
    output, next_state, _, _ = forward(weights, features, state)
    return output, next_state


def forward(
    weights: LstmWeights, features: tf.Tensor, state: State
) -> tuple[tf.Tensor, tuple[tf.Tensor, ...], tf.Tensor, list[Saved]]:
    """`step`, and what `backward` needs: the input of the linear layer, and what each LSTM layer saved."""
    hidden_output, next_state, saved = features, [], []
    for w, hidden, cell in zip(weights.layers, state[::2], state[1::2]):
        inputs = tf.concat([hidden_output, hidden, tf.ones_like(hidden[:1])], 0)
        hidden_output, next_cell, gates, tanh_cell = _layer(w, inputs, cell)
        next_state += [hidden_output, next_cell]
        saved.append(Saved(w, inputs, cell, gates, tanh_cell))
    output = tf.matmul(weights.linear, hidden_output, transpose_a=True) + weights.linear_bias[:, None]
    return output, tuple(next_state), hidden_output, saved


def backward(
    weights: LstmWeights,
    hidden_output: tf.Tensor,
    saved: Sequence[Saved],
    output_cotangent: tf.Tensor,
    state_cotangent: State,
) -> tuple[LstmWeights, tf.Tensor, tuple[tf.Tensor, ...]]:
    """Back through `forward`: the cotangents of its outputs to those of the weights, the features and the state."""
    d_linear = tf.matmul(hidden_output, output_cotangent, transpose_b=True)
    d_linear_bias = tf.reduce_sum(output_cotangent, 1)
    d_output = tf.matmul(weights.linear, output_cotangent)

    d_layers: list[tf.Tensor] = []
    d_state: list[tf.Tensor] = []
    layers = list(zip(saved, state_cotangent[::2], state_cotangent[1::2]))
    for (w, inputs, cell, gates, tanh_cell), d_hidden, d_cell in reversed(layers):
        dz, d_cell = _gates_back(gates, tanh_cell, cell, d_output + d_hidden, d_cell)
        num_inputs = inputs.shape[0] - cell.shape[0] - 1
        d_output = tf.matmul(w[:, :num_inputs], dz, transpose_a=True)
        d_hidden = tf.matmul(w[:, num_inputs:-1], dz, transpose_a=True)
        d_layers = [tf.matmul(dz, inputs, transpose_b=True), *d_layers]
        d_state = [d_hidden, d_cell, *d_state]
    return LstmWeights(tuple(d_layers), d_linear, d_linear_bias), d_output, tuple(d_state)


def _layer(w: tf.Tensor, inputs: tf.Tensor, cell: tf.Tensor):
    """h', c', a and tanh c' of one layer."""
    gates = tf.tanh(tf.matmul(w, inputs))
    i, f, g, o = tf.split(gates, 4)
    cell = (0.5 + 0.5 * f) * cell + (0.5 + 0.5 * i) * g
    tanh_cell = tf.tanh(cell)
    return (0.5 + 0.5 * o) * tanh_cell, cell, gates, tanh_cell


def _gates_back(
    gates: tf.Tensor, tanh_cell: tf.Tensor, cell: tf.Tensor, d_hidden: tf.Tensor, d_cell: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The cotangents of w [x; h; 1], `[4 H, n]`, and of c, from those of h' and c'."""
    i, f, g, o = tf.split(gates, 4)
    d_cell = d_cell + d_hidden * (0.5 + 0.5 * o) * (1 - tanh_cell * tanh_cell)
    d_gates = [0.5 * d_cell * g, 0.5 * d_cell * cell, d_cell * (0.5 + 0.5 * i), 0.5 * d_hidden * tanh_cell]
    dz = tf.concat([d_gate * (1 - a * a) for d_gate, a in zip(d_gates, (i, f, g, o))], 0)
    return dz, d_cell * (0.5 + 0.5 * f)
