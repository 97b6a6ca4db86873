"""The compiled calls: one per block and step, or one per block for a whole replay.

XLA fuses the elementwise work of a step around its matrix products. Each call is small, so that TensorFlow's executor
runs several at once; one program over all blocks would run on one core and outgrow its cache.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from l2l_tf.fast import lstm_kernels
from l2l_tf.fast.lstm_kernels import LstmWeights
from l2l_tf.networks import preprocess


class Calls(NamedTuple):
    """The calls on a block of rows, for gradients `[size, n]` and the state, `[H, n]` for h and c of each layer.

    Attributes:
      step: weights, gradients, state -> update, next state.
      replay_step: weights, gradients_t, state_t, lambda_{t+1}, the cotangent of h_{t+1}, that of the loss at t, and
        the sum so far of the weights' gradients -> lambda_t, the cotangent of h_t, the sum.
      pull_back: weights, gradients_t, state_t, the cotangents of u_t and h_{t+1}, the sum so far -> the cotangents of
        gradients_t and h_t, the sum.
      replay: weights, gradients `[T + 1, size, n]`, h_0, the losses' cotangents `[T + 1]` -> the weights' gradients.
    """

    step: Callable
    replay_step: Callable
    pull_back: Callable
    replay: Callable


@functools.cache
def calls(preprocess_name: str, preprocess_options: tuple[tuple[str, float], ...]) -> Calls:
    """The calls for a preprocessor. They are kept, so that a new graph finds them compiled."""
    preprocess_rows = preprocess.get(preprocess_name, **dict(preprocess_options))

    def features_of(gradients):
        return tf.transpose(preprocess_rows(tf.transpose(gradients)))

    def step(weights: LstmWeights, gradients, state):
        return lstm_kernels.step(weights, features_of(gradients), state)

    def replay_step(weights, gradients, state, cotangents, state_cotangents, loss_cotangent, total):
        pulled, _, state_cotangents = lstm_kernels.step_back(
            weights, features_of(gradients), state, cotangents, state_cotangents
        )
        return cotangents + loss_cotangent * gradients, state_cotangents, tf.nest.map_structure(tf.add, total, pulled)

    def pull_back(weights, gradients, state, cotangents, state_cotangents, total):
        with tf.GradientTape() as tape:
            tape.watch(gradients)
            features = features_of(gradients)
        pulled, feature_cotangents, state_cotangents = lstm_kernels.step_back(
            weights, features, state, cotangents, state_cotangents
        )
        gradient_cotangents = tape.gradient(features, gradients, output_gradients=feature_cotangents)
        return gradient_cotangents, state_cotangents, tf.nest.map_structure(tf.add, total, pulled)

    def replay(weights, gradients, state, loss_cotangents):
        len_unroll = gradients.shape[0] - 1
        states = tf.nest.map_structure(lambda x: tf.TensorArray(x.dtype, len_unroll, element_shape=x.shape), state)

        def forth(t, state, states):
            states = tuple(array.write(t, x) for array, x in zip(states, state))
            _, state = step(weights, gradients[t], state)
            return t + 1, state, states

        _, state, states = tf.while_loop(
            lambda t, *_: t < len_unroll, forth, (tf.constant(0), state, states), maximum_iterations=len_unroll
        )

        def back(t, cotangents, state_cotangents, total):
            state = tuple(array.read(t) for array in states)
            return t - 1, *replay_step(
                weights, gradients[t], state, cotangents, state_cotangents, loss_cotangents[t], total
            )

        zeros = tf.nest.map_structure(tf.zeros_like, weights)
        *_, total = tf.while_loop(
            lambda t, *_: t >= 0,
            back,
            (
                tf.constant(len_unroll - 1),
                loss_cotangents[len_unroll] * gradients[len_unroll],
                tf.nest.map_structure(tf.zeros_like, state),
                zeros,
            ),
            maximum_iterations=len_unroll,
        )
        return total

    return Calls(
        *(tf.function(call, jit_compile=True, autograph=False) for call in (step, replay_step, pull_back, replay))
    )
