"""Networks at perturbed weights, phi + epsilon, beside the network at phi."""

import copy
import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from l2l_tf.networks.network import Network
from l2l_tf.unrolling import seeds
from l2l_tf.unrolling.objectives import Objective
from l2l_tf.unrolling.population import Members
from l2l_tf.unrolling.run import Run

Weights = list[tf.Tensor]


class Perturbations:
    """Antithetic pairs of perturbations of a network's weights: epsilon IID N(0, std^2), each with both signs.

    Args:
      network: at phi.
      std: of the perturbations.
      pairs: how many epsilon an estimate draws.
      fewest_pairs: that the estimator needs.

    Attributes:
      variables: phi.

    Raises:
      ValueError: too few pairs.
    """

    def __init__(self, network: Network, std: float, pairs: int, fewest_pairs: int = 1):
        if pairs < fewest_pairs:
            raise ValueError(f"This estimator takes at least {fewest_pairs} perturbations. Received: {pairs}.")
        self.std = std
        self.pairs = pairs
        self.variables = list(network.trainable_variables)

    def draw(self, seed: tf.Tensor) -> Weights:
        """All epsilon of an estimate, `[pairs, ...]` for each variable."""
        seed = seeds.fold(seed, seeds.Purpose.PERTURBATION)
        return [
            tf.random.stateless_normal([self.pairs, *v.shape], seeds.fold(seed, i), stddev=self.std, dtype=v.dtype)
            for i, v in enumerate(self.variables)
        ]

    def members(self, epsilons: Weights, run: Run, fields: dict[str, Any] | None = None) -> Members:
        """The run of phi itself, of all phi + epsilon, then of all phi - epsilon.

        Args:
          epsilons: as drawn.
          run: of phi, whose function and minibatches all share.
          fields: what the perturbed have of their own, `[2 pairs, ...]`; else all begin where the run is.
        """
        weights = [
            tf.concat([v[tf.newaxis], v + epsilon, v - epsilon], 0) for v, epsilon in zip(self.variables, epsilons)
        ]
        of_all = {
            name: tf.nest.map_structure(lambda own, others: tf.concat([own[tf.newaxis], others], 0), of_run, values)
            for name, values in (fields or {}).items()
            for of_run in [getattr(run, name)]
        }
        return Members(run._replace(carried=()), of_all, self.variables, weights)

    def directional(self, epsilon: Weights, difference: tf.Tensor) -> Weights:
        """The gradient estimate of an antithetic pair: epsilon (L(phi + epsilon) - L(phi - epsilon)) / (2 std^2)."""
        return [e * tf.cast(difference / (2 * self.std**2), e.dtype) for e in epsilon]


class Perturbed(Perturbations):
    """A copy of a network that is given phi + epsilon.

    Members of an estimate that are differentiated run under the copy. phi itself is never written, so there is nothing
    to put back after a member that fails or gives NaN. For arguments see `Perturbations`.

    Attributes:
      network: the copy.
      variables: its phi, in the order of the network's own.
    """

    def __init__(self, network: Network, std: float, pairs: int, fewest_pairs: int = 1):
        super().__init__(network, std, pairs, fewest_pairs)
        self._original = network
        self.network = copy.deepcopy(network)
        self.variables = list(self.network.trainable_variables)

    def assign(self, epsilon: Weights) -> None:
        """Gives the copy phi + epsilon, and what else the network holds as it is."""
        for ours, theirs in zip(self.network.non_trainable_variables, self._original.non_trainable_variables):
            ours.assign(theirs)
        for ours, theirs, change in zip(self.variables, self._original.trainable_variables, epsilon):
            ours.assign(theirs + change)

    def over_pairs(self, seed: tf.Tensor, add: Callable, start):
        """Folds `add(accumulated, epsilon)` over the pairs, one after the other: memory does not grow with them."""
        epsilons = self.draw(seed)
        _, end = tf.while_loop(
            lambda i, _: i < self.pairs,
            lambda i, accumulated: (i + 1, add(accumulated, [epsilon[i] for epsilon in epsilons])),
            (tf.constant(0), start),
            parallel_iterations=1,  # All members use the one copy.
            maximum_iterations=self.pairs,
        )
        return end


def negative(epsilon: Weights) -> Weights:
    """The other of an antithetic pair."""
    return [-e for e in epsilon]


def finite_or_nan(value: tf.Tensor, losses: tf.Tensor) -> tf.Tensor:
    """`value`, which comes of `losses`, or NaN in its place where one of them is not finite."""
    return tf.where(tf.reduce_all(tf.math.is_finite(losses)), value, tf.constant(math.nan, value.dtype))


def costs(objective: Objective, outer_losses: tf.Tensor) -> tf.Tensor:
    """The meta-loss of every member of `[M, T + 1]`, NaN where a loss is not finite."""
    return tf.map_fn(
        lambda losses: finite_or_nan(objective(losses), losses), outer_losses, fn_output_signature=outer_losses.dtype
    )


def run_after(run: Run, num_steps: int, ends: dict[str, Any]) -> Run:
    """`run` after steps that the first of some members took for it: where they ended, `[M, ...]`."""
    parameters, state = tf.nest.map_structure(lambda x: x[0], (ends["parameters"], ends["state"]))
    return run._replace(step=run.step + num_steps, parameters=parameters, state=state)
