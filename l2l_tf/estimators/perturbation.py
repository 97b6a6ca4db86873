"""Networks at perturbed weights, phi + epsilon, beside the network at phi."""

import copy
import math
import numbers
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from l2l_tf.networks.network import Network
from l2l_tf.unrolling import seeds

Weights = list[tf.Tensor]
_LARGEST_STD = 1e3  # Weights are of about 1.


class Perturbed:
    """A copy of a network that is given phi + epsilon, epsilon IID N(0, std^2).

    Members of an estimate run under the copy. phi itself is never written, so there is nothing to put back after a
    member that fails or gives NaN.

    Args:
      network: at phi.
      std: of the perturbations.
      pairs: how many epsilon an estimate draws; each is used with both signs.
      fewest_pairs: that the estimator needs.

    Attributes:
      network: the copy.
      variables: its phi, in the order of the network's own.

    Raises:
      ValueError: a standard deviation that is not above 0, or too few pairs.
    """

    def __init__(self, network: Network, std: float, pairs: int, fewest_pairs: int = 1):
        if not _is_number(std, numbers.Real) or not 0 < std <= _LARGEST_STD:
            raise ValueError(
                f"The perturbations' standard deviation is above 0, at most {_LARGEST_STD:g}. Received: {std!r}."
            )
        if not _is_number(pairs, numbers.Integral) or pairs < fewest_pairs:
            raise ValueError(f"This estimator takes at least {fewest_pairs} perturbations. Received: {pairs}.")
        self.std = std
        self.pairs = pairs
        self._original = network
        self.network = copy.deepcopy(network)
        self.variables = list(self.network.trainable_variables)

    def draw(self, seed: tf.Tensor) -> Weights:
        """All epsilon of an estimate, `[pairs, ...]` for each variable."""
        seed = seeds.fold(seed, seeds.Purpose.PERTURBATION)
        return [
            tf.random.stateless_normal([self.pairs, *v.shape], seeds.fold(seed, i), stddev=self.std, dtype=v.dtype)
            for i, v in enumerate(self.variables)
        ]

    def assign(self, epsilon: Weights) -> None:
        """Gives the copy phi + epsilon, and what else the network holds as it is."""
        for ours, theirs in zip(self.network.non_trainable_variables, self._original.non_trainable_variables):
            ours.assign(theirs)
        for ours, theirs, change in zip(self.variables, self._original.trainable_variables, epsilon):
            ours.assign(theirs + change)

    def over_pairs(self, seed: tf.Tensor, add: Callable, start):
        """Folds `add(accumulated, epsilon)` over the pairs, one after the other.

        A loop over members is faster on CPUs than a batch of them, and its memory does not grow with their number.
        """
        epsilons = self.draw(seed)
        _, end = tf.while_loop(
            lambda i, _: i < self.pairs,
            lambda i, accumulated: (i + 1, add(accumulated, [epsilon[i] for epsilon in epsilons])),
            (tf.constant(0), start),
            parallel_iterations=1,  # All members use the one copy.
            maximum_iterations=self.pairs,
        )
        return end

    def directional(self, epsilon: Weights, difference: tf.Tensor) -> Weights:
        """The gradient estimate of an antithetic pair: epsilon (L(phi + epsilon) - L(phi - epsilon)) / (2 std^2)."""
        return [e * tf.cast(difference / (2 * self.std**2), e.dtype) for e in epsilon]


def _is_number(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def negative(epsilon: Weights) -> Weights:
    """The other of an antithetic pair."""
    return [-e for e in epsilon]


def finite_or_nan(value: tf.Tensor, losses: tf.Tensor) -> tf.Tensor:
    """`value`, which comes of `losses`, or NaN in its place where one of them is not finite."""
    return tf.where(tf.reduce_all(tf.math.is_finite(losses)), value, tf.constant(math.nan, value.dtype))
