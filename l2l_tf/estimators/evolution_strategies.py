"""Antithetic evolution strategies."""

import tensorflow as tf

from l2l_tf import fast
from l2l_tf.estimators.estimator import Estimator
from l2l_tf.estimators.moments import Moments
from l2l_tf.estimators.perturbation import Perturbed, finite_or_nan, negative
from l2l_tf.networks.network import Network
from l2l_tf.unrolling.objectives import Objective
from l2l_tf.unrolling.run import Run
from l2l_tf.unrolling.unroll import OuterGradient
from problems.problem import Problem


def evolution_strategies(
    problem: Problem,
    network: Network,
    len_unroll: int,
    objective: Objective,
    in_blocks: bool = True,
    perturbation_std: float = 0.01,
    perturbations: int = 8,
) -> Estimator:
    """ES: g = mean over i of epsilon_i (L(phi + epsilon_i) - L(phi - epsilon_i)) / (2 sigma^2).

    Unbiased for the gradient of the smoothed meta-loss E_epsilon L(phi + epsilon) of one unroll (Salimans et al. 2017;
    for learned optimizers Metz et al. 2019, section 3.2). Nothing is differentiated, so its variance does not grow
    with the roughness of L. All members of an unroll begin at the run as phi brought it there, and see the same
    minibatches: what happened before is constant, as in truncated back-propagation, which biases it for a run of
    several unrolls (see PES). An unroll as long as the run is full ES.

    Args:
      problem, network, len_unroll, objective: see `unroll`.
      in_blocks: take the fast path where it has something to gain; it agrees with the readable one to rounding.
      perturbation_std: sigma.
      perturbations: how many epsilon_i, each with both signs.

    Raises:
      ValueError: sigma that is not above 0, or no perturbation.
    """
    perturbed = Perturbed(network, perturbation_std, perturbations)

    @tf.function(autograph=False)
    def member(run: Run, epsilon: list[tf.Tensor]) -> tf.Tensor:
        perturbed.assign(epsilon)
        _, losses, _ = fast.costs_along(problem, perturbed.network, run, len_unroll, objective, in_blocks)
        return finite_or_nan(objective(losses), losses)

    def estimate(run: Run, seed: tf.Tensor) -> OuterGradient:
        def add(moments, epsilon):
            difference = member(run, epsilon) - member(run, negative(epsilon))
            return moments.add(perturbed.directional(epsilon, difference))

        moments = perturbed.over_pairs(seed, add, Moments.of_none(perturbed.variables))
        losses, outer_losses, end = fast.costs_along(problem, network, run, len_unroll, objective, in_blocks)
        return OuterGradient(objective(outer_losses), moments.mean(), losses, end, perturbations - moments.count)

    return Estimator(estimate)
