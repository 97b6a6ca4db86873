"""Whether a draw of a problem can be optimized at all: what is not finite at theta_0 says nothing of an optimizer."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from l2l_tf.networks.classic import Sgd
from l2l_tf.unrolling import optimizee, unroll
from problems import calling
from problems.problem import Problem


class Soundness:
    """Looks at theta_0 of single draws; compiled once, at the first of them.

    Args:
      problem: whose draws.
      held_out_splits: of the problem, whose losses have to be finite too.
    """

    def __init__(self, problem: Problem, held_out_splits: Sequence[str] = ()):
        stateless = Sgd()

        @tf.function(autograph=False)
        def look(seed):
            run = unroll.start(problem, stateless, seed)
            loss, gradients = optimizee.value_and_gradient(problem.loss, run)
            seen = {f"the parameter {name!r}": value for name, value in run.parameters.items()}
            seen["the loss"] = loss
            for split in held_out_splits:
                seen[f"the {split} loss"] = calling.call(problem.held_out_loss, run.parameters, run.instance, split)
            seen |= {f"the gradient for {name!r}": gradient for name, gradient in gradients.items()}
            return {what: _number_not_finite(tensor) for what, tensor in seen.items()}

        self._look = look
        self._known: dict[tuple[int, ...], list[str]] = {}

    def faults(self, seed: tf.Tensor) -> list[str]:
        """What is not finite at theta_0 of the draw that `seed` (int32 `[2]`) begins; empty where all is finite.

        In the order parameters, loss, gradients: what comes first is the likelier cause of the rest.
        """
        key = tuple(np.asarray(seed).tolist())
        if key not in self._known:
            counts = {what: tuple(count.numpy().tolist()) for what, count in self._look(seed).items()}
            in_order = sorted(counts, key=lambda what: ["the parameter", "the loss", "the gradient"].index(_kind(what)))
            self._known[key] = [_described(what, *counts[what]) for what in in_order if counts[what][0]]
        return self._known[key]


def _number_not_finite(tensor: tf.Tensor) -> tf.Tensor:
    """`[2]`: how many entries are not finite, and how many there are."""
    return tf.stack([tf.math.count_nonzero(~tf.math.is_finite(tensor)), tf.size(tensor, tf.int64)])


def _kind(what: str) -> str:
    return "the loss" if what.endswith(" loss") else " ".join(what.split()[:2])


def _described(what: str, number: int, size: int) -> str:
    return what if size == 1 else f"{what} (in {number:,} of {size:,} entries)"
