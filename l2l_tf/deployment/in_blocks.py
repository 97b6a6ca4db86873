"""LSTMs over blocks of coordinates: in native code, or in calls that XLA compiled and the executor runs in parallel."""

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf

from l2l_tf.deployment import waiting
from l2l_tf.deployment.places import are_local
from l2l_tf.deployment.whole import zeros
from l2l_tf.fast import blocks, compiled, native, packing
from l2l_tf.fast.rules import Preprocessed, Rule
from l2l_tf.networks.averaging_lstm import LEAST_MEAN_SQUARE
from l2l_tf.networks.dtypes import is_usable
from l2l_tf.networks.network import Observation, Tensors
from l2l_tf.networks.rnnprop import Normalised

# Both are part of what checkpoints look like: with other numbers, older ones do not load.
ROWS_PER_BLOCK = 4096
MAX_BLOCKS = 256


class Blocks:
    """A network of LSTM layers over its rows in blocks: independent compiled calls that the executor runs in parallel.

    The state stays cut into blocks `[S, rows]`, feature-major, from step to step. A row (a coordinate; with
    KernelDeepLSTM, a kernel) with a gradient that is not usable stays as it is, and so does one whose gradients were 0
    so far.

    Args:
      network: the network.
      rule: what it does around its LSTM layers.
      parameters: shapes and types of those it updates.
      state_dtype: what the state is kept in between steps. Steps compute in float32.
      operations: of `native.operations`.
    """

    def __init__(
        self,
        network: Any,
        rule: Rule,
        parameters: Mapping[str, tf.TensorSpec],
        state_dtype: str,
        operations: Any | None = None,
    ):
        self._network = network
        self._in_place: Any = _around(rule) if operations is not None and state_dtype == "float32" else None
        self._operations: Any = operations
        self._rule = rule
        self.names = list(parameters)
        self._layout = layout(network.to_rows(zeros(parameters)).shape[0])
        self._state_dtype = state_dtype
        hidden_sizes = [core.hidden_to_hidden.shape[0] for core in network.cores for _ in "hc"]
        self._state_sizes = (*[1] * rule.num_own, *hidden_sizes)
        self._step = _compiled_step(rule, self._state_sizes, state_dtype, network.waits)

    def initial_state(self) -> Iterator[tuple[str, tf.Tensor]]:
        for i in range(self._layout.num_blocks):
            yield f"block_{i}", tf.zeros([sum(self._state_sizes), self._layout.rows_per_block], self._state_dtype)

    def __call__(self, observation: Observation, state: list[tf.Tensor]) -> tuple[Tensors, list[tf.Tensor]]:
        gradients = {name: observation.gradients[name] for name in self.names}
        weights = packing.pack(self._network.cores, self._network.linear, self._rule.scale)
        rows = blocks.cut(self._network.to_rows(gradients), self._layout)
        stepped = [self._step(weights, *block) for block in zip(rows, state)]
        updates = blocks.join([update for update, _ in stepped], self._layout)
        return self._network.from_rows(updates, gradients), [block for _, block in stepped]

    def works_in_place(self, variables: Sequence[Any]) -> bool:
        """Whether `in_place` is for these: see `InOneOperation`."""
        return self._in_place is not None and bool(self._layout.num_rows) and are_local(variables)

    def in_place(self, observation: Observation, variables: Sequence[tf.Variable]) -> tuple[Tensors, tf.Tensor | None]:
        """`__call__` in native code with the state in variables, which have their next values then.

        Returns:
          The updates, and how many gradients of single coordinates were not usable, where a row is a coordinate.
        """
        gradients = {name: observation.gradients[name] for name in self.names}
        weights = packing.stack(self._network.cores, self._network.linear, self._rule.scale)
        rows = tf.cast(self._network.to_rows(gradients), tf.float32)
        result = self._operations.l2l_lstm_update(
            gradients=blocks.transposed(rows),
            blocks=[len(variables)],
            states=[variable.handle for variable in variables],
            linear=weights.linear,
            layers=weights.layers,
            waits=self._network.waits,
            threads=native.num_threads(),
            **self._in_place,
        )
        result.updates.set_shape([weights.linear.shape[1], rows.shape[0]])
        unusable = result.unusable if rows.shape[1] == 1 else None
        return self._network.from_rows(blocks.transposed(result.updates), gradients), unusable


def _around(rule: Rule) -> dict[str, Any] | None:
    """What native code is told of what is around the LSTM layers; None where it does not know it."""
    told: dict[str, Any] = {"log_scale": 0.0, "gain": 1.0, "averages": [], "magnitude": False}
    if isinstance(rule, Preprocessed):
        options = dict(rule.preprocess_options)
        if rule.preprocess_name == "LogAndSign":
            return told | {"log_scale": float(options["k"]), "gain": math.exp(options["k"])}
        if rule.preprocess_name == "identity":
            return told | {"gain": float(options.get("gain", 1.0))}
        return None
    law = rule.law
    if not isinstance(law, Normalised) or not (law.beta_1 and law.beta_2):
        return None
    of_moments = [number for beta in (law.beta_1, law.beta_2) for number in (beta, 1 - beta, math.log(beta))]
    averages = [*of_moments, law.epsilon**2, LEAST_MEAN_SQUARE, law.scale]
    return told | {"averages": averages, "magnitude": law.magnitude}


def layout(num_rows: int) -> blocks.Layout:
    """How rows are cut in blocks; see `ROWS_PER_BLOCK`."""
    num_blocks = min(max(1, round(num_rows / ROWS_PER_BLOCK)), MAX_BLOCKS)
    rows_per_block = max(1, math.ceil(num_rows / num_blocks / 16)) * 16
    return blocks.Layout(num_rows, max(1, math.ceil(num_rows / rows_per_block)), rows_per_block)


@functools.cache
def _compiled_step(rule: Rule, state_sizes: tuple[int, ...], state_dtype: str, waits: bool):
    """weights, gradients `[size, n]`, state `[S, n]` -> update, next state. Kept: new graphs find it compiled."""
    network_step = compiled.calls(rule).step

    def step(weights, gradients, state):
        usable = is_usable(gradients)
        moves = tf.reduce_all(usable, 0, keepdims=True)
        gradients = tf.where(usable, gradients, 0.0)
        before = tuple(tf.split(tf.cast(state, tf.float32), state_sizes)) if state_sizes else ()
        # Running averages and the count of steps tell by themselves.
        if waits:
            moves &= waiting.rows_awake(gradients, before[: rule.num_own] or before)
        update, after = network_step(weights, gradients, before)
        next_state = tf.cast(tf.concat(after, 0), state_dtype) if after else state
        return tf.where(moves, update, 0.0), tf.where(moves, next_state, state)

    return tf.function(step, jit_compile=True, autograph=False)
