"""Antithetic evolution strategies."""

import tensorflow as tf

from l2l_tf import fast
from l2l_tf.estimators.estimator import Estimator
from l2l_tf.estimators.moments import Moments
from l2l_tf.estimators.perturbation import Perturbations, costs, run_after
from l2l_tf.networks.network import Network
from l2l_tf.unrolling import arguments
from l2l_tf.unrolling.objectives import Objective
from l2l_tf.unrolling.run import Run
from l2l_tf.unrolling.unroll import OuterGradient
from problems.problem import Problem


@arguments.checked
def evolution_strategies(
    problem: Problem,
    network: Network,
    len_unroll: int,
    objective: Objective,
    in_blocks: bool = True,
    compiles: bool = True,
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
      compiles: whether XLA may compile the members' steps where they are large. On one core it is no faster, and XLA
        keeps what it compiled until the process ends.
      perturbation_std: sigma.
      perturbations: how many epsilon_i, each with both signs.

    Raises:
      ValueError: sigma that is not above 0, or no perturbation.
    """
    perturbed = Perturbations(network, perturbation_std, perturbations)

    def estimate(run: Run, seed: tf.Tensor) -> OuterGradient:
        epsilons = perturbed.draw(seed)
        members = perturbed.members(epsilons, run)
        losses, outer_losses, ends = fast.population_costs_along(
            problem, network, members, len_unroll, objective, in_blocks, compiles=compiles
        )
        meta_loss, own_costs = objective(outer_losses[0]), costs(objective, outer_losses[1:])
        moments = tf.foldl(
            lambda moments, pair: moments.add(perturbed.directional(*pair)),
            (epsilons, own_costs[:perturbations] - own_costs[perturbations:]),
            Moments.of_none(perturbed.variables),
        )
        end = run_after(run, len_unroll, ends)
        return OuterGradient(meta_loss, moments.mean(), losses[0], end, perturbations - moments.count)

    return Estimator(estimate, concurrent=True)
