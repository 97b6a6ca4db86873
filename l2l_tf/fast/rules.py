"""What a network does around its LSTM layers: what they see of the gradients, and what becomes of their output.

A rule is a hashable value, so that calls compiled for it are found again. All rules have the same members:

    num_own                      tensors of the network's state before those of the layers
    scale                        folded into the weights of the linear layer
    flatten(state)               the network's state as a list of rows: own tensors, then h and c of each layer
    restore(tensors, like)       the inverse, in the structure of `like`
    see(gradients, own)          -> features, next own, basis; feature-major, `[size, n]`
    update(output, basis)        -> update, from the output of the linear layer and what else `see` made for it
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import tensorflow as tf

from l2l_tf.networks import preprocess
from l2l_tf.networks.averaging_lstm import AVERAGES, AveragingLSTM, Law
from l2l_tf.networks.lstm import DeepLSTM
from l2l_tf.networks.network import Network


@dataclass(frozen=True)
class Preprocessed:
    """Of a deep LSTM: features are the preprocessed gradients, the output is the update."""

    preprocess_name: str
    preprocess_options: tuple[tuple[str, Any], ...]
    scale: float

    num_own: ClassVar[int] = 0

    def flatten(self, state):
        return tf.nest.flatten(state)

    def restore(self, tensors, like):
        return tf.nest.pack_sequence_as(like, tensors)

    def see(self, gradients, own):
        preprocess_rows = preprocess.get(self.preprocess_name, **dict(self.preprocess_options))
        return preprocess_rows(gradients, axis=0), own, ()

    def update(self, output, basis):
        return output


@dataclass(frozen=True)
class Averaged:
    """Of networks with running averages (`networks.averaging_lstm`), by their law."""

    law: Law

    scale: ClassVar[float] = 1.0
    num_own: ClassVar[int] = len(AVERAGES)

    def flatten(self, state):
        return [state[name] for name in AVERAGES] + tf.nest.flatten(state["layers"])

    def restore(self, tensors, like):
        averages = dict(zip(AVERAGES, tensors))
        return {**averages, "layers": tf.nest.pack_sequence_as(like["layers"], tensors[self.num_own :])}

    def see(self, gradients, own):
        features, averages, basis = self.law.see(gradients, dict(zip(AVERAGES, own)))
        return tf.concat(features, 0), tuple(averages[name] for name in AVERAGES), basis

    def update(self, output, basis):
        return self.law.respond(tf.split(output, self.law.num_outputs, axis=0), basis)


Rule = Preprocessed | Averaged


def pull_update(rule: Rule, output: tf.Tensor, basis: Any, cotangents: tf.Tensor) -> tuple[tf.Tensor, Any]:
    """The cotangents of the output and the basis from those of the update."""
    with tf.GradientTape() as tape:
        tape.watch((output, basis))
        update = rule.update(output, basis)
    return tape.gradient(
        update, (output, basis), output_gradients=cotangents, unconnected_gradients=tf.UnconnectedGradients.ZERO
    )


def pull_see(rule: Rule, gradients: tf.Tensor, own: Any, seen_cotangents: Any, own_cotangents: Any) -> tuple:
    """The cotangents of the gradients and of what is kept, from those of (features, basis) and of what is kept next."""
    with tf.GradientTape() as tape:
        tape.watch((gradients, own))
        features, next_own, basis = rule.see(gradients, own)
    return tape.gradient(
        ((features, basis), next_own),
        (gradients, own),
        output_gradients=(seen_cotangents, own_cotangents),
        unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )


def updates_rows(network: Network) -> bool:
    """Whether `update_rows` is all that the network does: no subclass of a user's own has changed what is around it."""
    return isinstance(network, DeepLSTM | AveragingLSTM) and _are_ours(network, ("__call__", "to_rows", "from_rows"))


def _are_ours(network: Network, methods: tuple[str, ...]) -> bool:
    """Whether the methods are those of this package."""
    classes = type(network).__mro__
    homes = [next(cls.__module__ for cls in classes if method in vars(cls)) for method in methods]
    return all(home.startswith("l2l_tf.") for home in homes)


def rule_of(network: Network) -> Rule | None:
    """The rule of a network in single precision whose rows are independent; None where the kernels do not know it."""
    if not updates_rows(network) or not _are_ours(network, ("initial_state", "update_rows")):
        return None
    if any(variable.dtype != tf.float32 for variable in network.trainable_variables):
        return None
    if isinstance(network, AveragingLSTM):
        return Averaged(network.law)
    options = network.options
    preprocess_options = tuple(sorted(options["preprocess_options"].items()))
    return Preprocessed(options["preprocess_name"], preprocess_options, options["scale"])
