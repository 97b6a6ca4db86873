"""The replay of blocks whose states were not kept: each group of blocks rolls forth once more, then goes back.

Blocks are independent, so that only one group's states are in memory at a time, one block for each core. Where even
those are many, in long unrolls, a group keeps the state before every segment of about sqrt(T) steps only, and rolls
each segment forth a second time (Griewank and Walther 2000, "Algorithm 799: Revolve", in its simplest form).
"""

import math
import os
from typing import Any

import tensorflow as tf

from l2l_tf.fast.arrays import arrays_like, read, write
from l2l_tf.fast.blocked import Blocked
from l2l_tf.networks.dtypes import scaled

# Bytes of one group's states at all steps, above which it goes in segments.
_SEGMENT_BYTES = 64 * 2**20


def replay(part: Blocked, seen: list[Any], starts: list[Any], loss_cotangents: tf.Tensor) -> list[Any]:
    """The sums over time of the weights' gradients, block by block, from `TensorArray`s of what was seen and h_0."""
    group_size = os.cpu_count() or 1
    totals: list[Any] = []
    for first in range(0, len(starts), group_size):
        group = slice(first, first + group_size)
        with tf.control_dependencies(tf.nest.flatten(totals[-1:])):
            start = tf.nest.map_structure(tf.identity, starts[group])
        totals += _replay_group(part, seen[group], start, loss_cotangents)
    return totals


def segment_length(state: Any, len_unroll: int, most_bytes: int = _SEGMENT_BYTES) -> int:
    """`len_unroll` where the states of all steps fit into `most_bytes`; else about its square root, or what fits."""
    one = sum(math.prod(tensor.shape) * tensor.dtype.size for tensor in tf.nest.flatten(state))
    if not one or one * len_unroll <= most_bytes:
        return len_unroll
    return max(math.isqrt(len_unroll), min(len_unroll // 2, most_bytes // (2 * one)), 1)


def _replay_group(part: Blocked, seen: Any, start: Any, loss_cotangents: tf.Tensor) -> list[Any]:
    len_unroll = loss_cotangents.shape[0] - 1
    length = segment_length(start, len_unroll)
    num_segments = -(-len_unroll // length)

    def forth(first, state, states):
        """The state after a segment that begins at step `first`, and `states` with those before each of its steps."""

        def body(t, state, states):
            states = states and write(states, t - first, state)
            return t + 1, part.advance(read(seen, t), state), states

        end = tf.minimum(first + length, len_unroll)
        _, state, states = tf.while_loop(
            lambda t, *_: t < end, body, (first, state, states), maximum_iterations=length, parallel_iterations=1
        )
        return state, states

    def keep(segment, state, kept):
        kept = write(kept, segment, state)
        state, _ = forth(segment * length, state, ())
        return segment + 1, state, kept

    _, state, kept = tf.while_loop(
        lambda segment, *_: segment < num_segments - 1,
        keep,
        (tf.constant(0), start, arrays_like(start, num_segments)),
        maximum_iterations=num_segments,
        parallel_iterations=1,
    )
    kept = write(kept, num_segments - 1, state)

    def back(segment, cotangents, state_cotangents, total):
        first = segment * length
        last_state, states = forth(first, read(kept, segment), arrays_like(start, length))
        del last_state

        def body(t, cotangents, state_cotangents, total):
            return t - 1, *part.replay_step(
                read(seen, t), read(states, t - first), cotangents, state_cotangents, loss_cotangents[t], total
            )

        end = tf.minimum(first + length, len_unroll)
        _, *carried = tf.while_loop(
            lambda t, *_: t >= first,
            body,
            (end - 1, cotangents, state_cotangents, total),
            maximum_iterations=length,
            parallel_iterations=1,
        )
        return segment - 1, *carried

    last = read(seen, len_unroll)
    *_, total = tf.while_loop(
        lambda segment, *_: segment >= 0,
        back,
        (
            tf.constant(num_segments - 1),
            scaled(last, loss_cotangents[len_unroll]),
            tf.nest.map_structure(tf.zeros_like, start),
            part.zeros(len(start)),
        ),
        maximum_iterations=num_segments,
        parallel_iterations=1,
    )
    return total
