"""Recurrent cores over whole sequences: vanilla, GRU and LSTM, with the matrices of Sonnet 1."""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from problems.problem import Parameters
from problems.taskset.parts.activations import ACTIVATIONS
from problems.taskset.parts.weights import Weight

_FORGET_BIAS = 1.0
# Steps that are written out one after the other, which `tf.vectorized_map` takes; longer sequences are a loop, of whose
# gradient it knows no vectorised form, in a graph that stays small.
_MOST_WRITTEN_OUT = 32
# The parts of a step that the inputs' products are one matrix for.
_GATES = {"vanilla": ("",), "gru": ("_z", "_r", "_h")}


def core_weights(core: Mapping[str, Any], inputs: int) -> dict[str, Weight]:
    """The weights of a configuration's `core` on inputs of that size: `core/w_i`, ..., biases last.

    vanilla: `w_i` `[inputs, H]`, `w_h` `[H, H]`, `b`; gru: `w_z`, `w_r`, `w_h` `[inputs, H]`, `u_z`, `u_r`, `u_h` `[H,
    H]`, `b_z`, `b_r`, `b_h`; lstm: `w_gates` `[inputs + H, 4 H]`, `b_gates`.
    """
    width, matrices = core["width"], core["initializers"]
    if core["kind"] == "lstm":
        gates = Weight((inputs + width, 4 * width), matrices["w_gates"])
        return {"core/w_gates": gates, "core/b_gates": Weight((4 * width,))}
    from_state = {"w_h"} if core["kind"] == "vanilla" else {"u_z", "u_r", "u_h"}
    weights = {
        f"core/{name}": Weight((width if name in from_state else inputs, width), initializer)
        for name, initializer in matrices.items()
    }
    return weights | {f"core/b{gate}": Weight((width,)) for gate in _GATES[core["kind"]]}


def initial_state_weights(core: Mapping[str, Any]) -> dict[str, Weight]:
    """A trainable first state, from 0: `initial_state/h`, and of an LSTM `initial_state/c`."""
    names = ("h", "c") if core["kind"] == "lstm" else ("h",)
    return {f"initial_state/{name}": Weight((core["width"],)) for name in names}


def run(core: Mapping[str, Any], parameters: Parameters, x: tf.Tensor) -> tf.Tensor:
    """The core's outputs h_1 ... h_T for inputs `[T, B, inputs]`: `[T, B, H]`.

    With x_t' = x_t W + b, the inputs' share of a step, of all steps at once:

        vanilla  h' = activation(x' + h w_h)
        gru      z = sigmoid(x_z' + h u_z), r = sigmoid(x_r' + h u_r), h' = (1 - z) h + z tanh(x_h' + (r h) u_h)
        lstm     i, g, f, o = x' + h W_h, c' = sigmoid(f + 1) c + sigmoid(i) tanh(g), h' = sigmoid(o) tanh(c')
    """
    projected, step = _prepared(core, parameters, x)
    length, count = x.shape[0], tf.shape(x)[1]
    names = ("h", "c") if core["kind"] == "lstm" else ("h",)
    zeros = tf.zeros([count, core["width"]])
    state = [zeros + parameters[f"initial_state/{name}"] for name in names if f"initial_state/{name}" in parameters]
    start = [tf.ensure_shape(s, [x.shape[1], core["width"]]) for s in state or [zeros] * len(names)]
    if length <= _MOST_WRITTEN_OUT:
        return _written_out(step, projected, start)
    return _looped(step, projected, start)


_Step = Callable[[tf.Tensor, list[tf.Tensor]], list[tf.Tensor]]


def _written_out(step: _Step, projected: tf.Tensor, state: list[tf.Tensor]) -> tf.Tensor:
    outputs = []
    for x in tf.unstack(projected):
        state = step(x, state)
        outputs.append(state[0])
    return tf.stack(outputs)


def _looped(step: _Step, projected: tf.Tensor, start: list[tf.Tensor]) -> tf.Tensor:
    length = projected.shape[0]
    inputs = tf.TensorArray(projected.dtype, length, element_shape=projected.shape[1:]).unstack(projected)
    outputs = tf.TensorArray(projected.dtype, length, element_shape=start[0].shape)

    def body(t, state, outputs):
        state = step(inputs.read(t), state)
        return t + 1, state, outputs.write(t, state[0])

    _, _, outputs = tf.while_loop(
        lambda t, *_: t < length, body, (tf.constant(0), start, outputs), maximum_iterations=length
    )
    return outputs.stack()


def _prepared(core: Mapping[str, Any], parameters: Parameters, x: tf.Tensor) -> tuple[tf.Tensor, _Step]:
    """The inputs' share of each step, `[T, B, gates H]`, and the step."""
    p = {name.removeprefix("core/"): value for name, value in parameters.items() if name.startswith("core/")}
    if core["kind"] == "vanilla":
        activation = ACTIVATIONS[core["activation"]]
        return _product(x, p["w_i"]) + p["b"], lambda x, state: [activation(x + state[0] @ p["w_h"])]
    if core["kind"] == "gru":
        w, b = (tf.concat([p[f"{letter}{gate}"] for gate in _GATES["gru"]], -1) for letter in "wb")
        u = tf.concat([p["u_z"], p["u_r"]], 1)

        def gru(x, state):
            (h,) = state
            x_zr, x_h = tf.split(x, [2 * core["width"], core["width"]], 1)
            z, r = tf.split(tf.sigmoid(x_zr + h @ u), 2, 1)
            return [(1 - z) * h + z * tf.tanh(x_h + (r * h) @ p["u_h"])]

        return _product(x, w) + b, gru
    inputs = x.shape[-1]
    w_x, w_h = p["w_gates"][:inputs], p["w_gates"][inputs:]

    def lstm(x, state):
        h, c = state
        i, g, f, o = tf.split(x + h @ w_h, 4, 1)
        c = tf.sigmoid(f + _FORGET_BIAS) * c + tf.sigmoid(i) * tf.tanh(g)
        return [tf.sigmoid(o) * tf.tanh(c), c]

    return _product(x, w_x) + p["b_gates"], lstm


def _product(x: tf.Tensor, matrix: tf.Tensor) -> tf.Tensor:
    """`[T, B, inputs]` times `[inputs, outputs]`, as one product of matrices."""
    flat = tf.reshape(x, [-1, x.shape[-1]]) @ matrix
    return tf.reshape(flat, [x.shape[0], -1 if x.shape[1] is None else x.shape[1], matrix.shape[1]])
