"""The compiled calls, one per block and step.

XLA fuses the elementwise work of a step around its matrix products. Each call is small, so that TensorFlow's executor
runs several at once; one program over all blocks would run on one core and outgrow its cache.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from l2l_tf.fast import lstm_kernels
from l2l_tf.fast.lstm_kernels import Activations, LstmWeights
from l2l_tf.fast.rules import Rule, pull_see, pull_update
from l2l_tf.networks.dtypes import scaled


class Recorded(NamedTuple):
    """What a block's step leaves for its replay where activations are kept, in place of the state before it.

    Attributes:
      own: what the rule kept before the step.
      layers: the activations of each LSTM layer.
    """

    own: tuple[tf.Tensor, ...]
    layers: tuple[Activations, ...]


class Calls(NamedTuple):
    """The calls on a block of rows, for gradients `[size, n]` and the state: what the rule keeps, then h and c of
    each layer, `[H, n]`. A record is the state before a step, or `Recorded`.

    Attributes:
      step: weights, gradients, state -> update, next state.
      recorded_step: the same, and for each layer the inputs and the gates of its `Activations`.
      replay_step: weights, gradients_t, the record of step t, lambda_{t+1}, the cotangent of state_{t+1}, that of the
        loss at t, and the sum so far of the weights' gradients -> lambda_t, the cotangent of state_t, the sum.
      pull_back: weights, gradients_t, the record of step t, the cotangents of u_t and state_{t+1}, the sum so far ->
        the cotangents of gradients_t and state_t, the sum.
    """

    step: Callable
    recorded_step: Callable
    replay_step: Callable
    pull_back: Callable


@functools.cache
def calls(rule: Rule) -> Calls:
    """The calls for a rule. They are kept, so that a new graph finds them compiled."""

    def forward(weights: LstmWeights, gradients, state):
        features, own, basis = rule.see(gradients, state[: rule.num_own])
        output, layers, activations = lstm_kernels.forward(weights, features, state[rule.num_own :])
        return rule.update(output, basis), (*own, *layers), activations

    def step(weights: LstmWeights, gradients, state):
        return forward(weights, gradients, state)[:2]

    def recorded_step(weights: LstmWeights, gradients, state):
        update, next_state, activations = forward(weights, gradients, state)
        return update, next_state, tuple((layer.inputs, layer.gates) for layer in activations)

    def own_of(record):
        return record.own if isinstance(record, Recorded) else tuple(record[: rule.num_own])

    def layers_back(weights, features, basis, record, update_cotangents, layers_cotangents):
        """The cotangents of the weights, of the features and the basis, and of the layers' state."""
        if isinstance(record, Recorded):
            activations = record.layers
        else:
            *_, activations = lstm_kernels.forward(weights, features, record[rule.num_own :])
        output = lstm_kernels.output(weights, features, activations)
        output_cotangents, basis_cotangents = pull_update(rule, output, basis, update_cotangents)
        pulled, feature_cotangents, layers_cotangents = lstm_kernels.backward(
            weights, features, activations, output_cotangents, layers_cotangents
        )
        return pulled, (feature_cotangents, basis_cotangents), layers_cotangents

    def replay_step(weights, gradients, record, cotangents, state_cotangents, loss_cotangent, total):
        # What the rule keeps depends on gradients alone, which are constants here: its cotangents are of no use.
        own, layers = state_cotangents[: rule.num_own], state_cotangents[rule.num_own :]
        features, _, basis = rule.see(gradients, own_of(record))
        pulled, _, layers = layers_back(weights, features, basis, record, cotangents, layers)
        total = tf.nest.map_structure(tf.add, total, pulled)
        return cotangents + scaled(gradients, loss_cotangent), (*own, *layers), total

    def pull_back(weights, gradients, record, cotangents, state_cotangents, total):
        own, next_own_cotangents = own_of(record), tuple(state_cotangents[: rule.num_own])
        features, _, basis = rule.see(gradients, own)
        pulled, seen_cotangents, layers = layers_back(
            weights, features, basis, record, cotangents, state_cotangents[rule.num_own :]
        )
        gradient_cotangents, own_cotangents = pull_see(rule, gradients, own, seen_cotangents, next_own_cotangents)
        return gradient_cotangents, (*own_cotangents, *layers), tf.nest.map_structure(tf.add, total, pulled)

    functions = (step, recorded_step, replay_step, pull_back)
    return Calls(*(tf.function(function, jit_compile=True, autograph=False) for function in functions))
