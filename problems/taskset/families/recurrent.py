"""What the recurrent families share: tokens, their embeddings, a core over them."""

from typing import Any

import tensorflow as tf

from problems.problem import Parameters
from problems.taskset.families.optimizee import Optimizee, cross_entropy
from problems.taskset.parts.recurrent import core_weights, initial_state_weights, run
from problems.taskset.parts.weights import Weight, linear


class Recurrent(Optimizee):
    """Weights `embedding`, `core/...`, `initial_state/...` where that is trained, `linear/w`, `linear/b`.

    Embedding and linear layer start as Sonnet's: normal with standard deviation 1 and fan_in^-1/2, cut at two of them.
    """

    def __init__(self, config: dict[str, Any], outputs: int):
        self._core = config["core"]
        width = self._core["width"]
        self.weights = {
            "embedding": Weight(
                (config["vocabulary"], config["embedding"]), {"name": "truncated_normal", "scale": 1.0}
            ),
            **core_weights(self._core, config["embedding"]),
            **(initial_state_weights(self._core) if config["trainable_initial_state"] else {}),
            **linear("linear", width, outputs, {"name": "truncated_normal", "scale": width**-0.5}),
        }

    def _outputs(self, parameters: Parameters, tokens: tf.Tensor) -> tf.Tensor:
        """The core's outputs `[T, B, H]` on tokens `[B, T]`."""
        return run(self._core, parameters, embedded(parameters["embedding"], tf.transpose(tokens)))


def embedded(embedding: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
    """The rows of these tokens. The gradient is a tensor, all rows of it, and not slices."""
    return tf.gather(tf.reshape(embedding, embedding.shape), tokens)


class LanguageModel(Recurrent):
    """Mean cross entropy of each token by those before it, padding included.

    A minibatch is tokens `[B, patch]`, below the vocabulary; the network sees all but the last and tells all but the
    first.
    """

    def __init__(self, config: dict[str, Any]):
        super().__init__(config, config["vocabulary"])

    def loss(self, parameters, batch, noise):
        outputs = self._outputs(parameters, batch[:, :-1])
        logits = tf.reshape(outputs, [-1, self._core["width"]]) @ parameters["linear/w"] + parameters["linear/b"]
        return cross_entropy(tf.reshape(tf.transpose(batch[:, 1:]), [-1]), logits)
