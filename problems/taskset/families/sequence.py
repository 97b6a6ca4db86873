"""Copying a sequence, and recalling what stood beside a key: tasks of a recurrent core's memory."""

from typing import Any

import tensorflow as tf

from problems.problem import split_seed
from problems.taskset.families.optimizee import Optimizee, cross_entropy
from problems.taskset.parts.recurrent import core_weights, initial_state_weights, run
from problems.taskset.parts.weights import linear

_MARKERS = 2  # Of the end of what is to be remembered, and of a step without a token.


class Sequence(Optimizee):
    """Mean cross entropy of tokens that a core has to remember; sequences are drawn anew, there is no set of them.

    With tokens a, b, ... of `tokens`, and the markers | and -, as one-hot vectors:

        copy                 a c b | - - -   to   a c b  at the last steps, after |
        associative_recall   a c b a | b     to   a      at the last step: pairs of a key and a value, then a key

    Keys of a sequence differ. Parameters `core/...`, `initial_state/...` where that is trained, `linear/w`, `linear/b`.
    """

    has_data = False
    random = True

    def __init__(self, config: dict[str, Any]):
        self._task, self._tokens = config["task"], config["tokens"]
        self._length, self._batch_size = config["length"], config["batch_size"]
        self._core = config["core"]
        scale = {"name": "truncated_normal", "scale": self._core["width"] ** -0.5}
        self.weights = {
            **core_weights(self._core, self._tokens + _MARKERS),
            **(initial_state_weights(self._core) if config["trainable_initial_state"] else {}),
            **linear("linear", self._core["width"], self._tokens, scale),
        }

    def noise(self, batch, seed):
        """`inputs` `[B, T]` and `targets` `[B, at the end]`, int32."""
        count, length = self._batch_size, self._length
        end = tf.fill([count, 1], self._tokens)
        first, second, third = split_seed(seed, 3)
        values = tf.random.stateless_uniform([count, length], first, 0, self._tokens, tf.int32)
        if self._task == "copy":
            waiting = tf.fill([count, length], self._tokens + 1)
            return {"inputs": tf.concat([values, end, waiting], 1), "targets": values}
        order = tf.argsort(tf.random.stateless_uniform([count, self._tokens], second))
        keys = order[:, :length]
        asked = tf.random.stateless_uniform([count, 1], third, 0, length, tf.int32)
        pairs = tf.reshape(tf.stack([keys, values], 2), [count, 2 * length])
        query = tf.gather(keys, asked, batch_dims=1)
        return {
            "inputs": tf.concat([pairs, end, query], 1),
            "targets": tf.gather(values, asked, batch_dims=1),
        }

    def loss(self, parameters, batch, noise):
        inputs = tf.one_hot(tf.transpose(noise["inputs"]), self._tokens + _MARKERS)
        outputs = run(self._core, parameters, inputs)[-noise["targets"].shape[1] :]
        logits = tf.reshape(outputs, [-1, self._core["width"]]) @ parameters["linear/w"] + parameters["linear/b"]
        return cross_entropy(tf.reshape(tf.transpose(noise["targets"]), [-1]), logits)
