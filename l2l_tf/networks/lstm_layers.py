"""LSTM layers over rows that share phi: what the deep LSTM optimizers and the controllers are built from."""

from collections.abc import Callable, Sequence
from typing import Any

import sonnet as snt
import tensorflow as tf

from l2l_tf.networks.initializers import WeightInitializers

LSTM_WEIGHTS = ("w_i", "w_h", "b")
LINEAR_WEIGHTS = ("w", "b")


def weight_names(layers: Sequence[int], *linear: str) -> dict[str, tuple[str, ...]]:
    """Layer to its weights, as `WeightInitializers` takes them: `lstm_1`, `lstm_2`, ..., then the `linear` ones."""
    return {f"lstm_{i + 1}": LSTM_WEIGHTS for i in range(len(layers))} | dict.fromkeys(linear, LINEAR_WEIGHTS)


def build_cores(
    num_inputs: int, layers: Sequence[int], initializers: WeightInitializers, dtype: tf.DType
) -> list[snt.LSTM]:
    """The LSTM layers, with their variables; call within the constructor of the network that they belong to."""
    inputs = tf.zeros([1, num_inputs], dtype)
    cores = []
    for i, cells in enumerate(layers):
        layer, fan_in = f"lstm_{i + 1}", inputs.shape[-1] + cells
        core = snt.LSTM(
            cells,
            w_i_init=initializers.get(layer, "w_i", fan_in),
            w_h_init=initializers.get(layer, "w_h", fan_in),
            b_init=initializers.get(layer, "b", fan_in),
            dtype=dtype,
            name=layer,
        )
        inputs, _ = core(inputs, core.initial_state(1))
        cores.append(core)
    return cores


def build_linear(
    name: str, num_inputs: int, num_outputs: int, initializers: WeightInitializers, dtype: tf.DType
) -> snt.Linear:
    """A linear layer with its variables; call within the constructor of the network that it belongs to."""
    linear = snt.Linear(
        num_outputs,
        w_init=initializers.get(name, "w", num_inputs),
        b_init=initializers.get(name, "b", num_inputs),
        name=name,
    )
    linear(tf.zeros([1, num_inputs], dtype))
    return linear


def run_cores(
    cores: Sequence[snt.LSTM],
    rows: tf.Tensor,
    state: Any,
    outgoing: Callable[[tf.Tensor], tf.Tensor] | None = None,
) -> tuple[tf.Tensor, Any]:
    """One step of all layers: `[n, inputs]` and the state to `[n, layers[-1]]` and the next state.

    `outgoing` is applied to each layer's activations `[n, cells]`: to what the next layer sees and to what the layer
    itself sees a step later.
    """
    next_state = []
    for core, core_state in zip(cores, state):
        rows, core_state = core(rows, core_state)
        if outgoing is not None:
            rows = outgoing(rows)
            core_state = core_state._replace(hidden=rows)
        next_state.append(core_state)
    return rows, tuple(next_state)
