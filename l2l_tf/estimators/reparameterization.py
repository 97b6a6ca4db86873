"""The reparameterisation gradient of the smoothed meta-loss."""

from collections.abc import Callable

import tensorflow as tf

from l2l_tf import fast
from l2l_tf.estimators.backpropagation import truncated_backpropagation
from l2l_tf.estimators.estimator import Estimator
from l2l_tf.estimators.moments import Moments
from l2l_tf.estimators.perturbation import Perturbed, Weights, finite_or_nan, negative
from l2l_tf.unrolling import arguments
from l2l_tf.unrolling.coordinates import AssignedNetworks
from l2l_tf.unrolling.objectives import Objective
from l2l_tf.unrolling.run import Run
from l2l_tf.unrolling.unroll import OuterGradient
from problems.problem import Problem

Member = Callable[[Run, Weights], tuple[tf.Tensor, Weights]]


@arguments.checked
def reparameterization(
    problem: Problem,
    network: AssignedNetworks,
    len_unroll: int,
    objective: Objective,
    second_derivatives: bool = False,
    in_blocks: bool = True,
    perturbation_std: float = 0.01,
    perturbations: int = 8,
) -> Estimator:
    """g = mean over i of (grad L(phi + epsilon_i) + grad L(phi - epsilon_i)) / 2.

    Unbiased for the gradient of the smoothed meta-loss E_epsilon L(phi + epsilon) of one unroll where the
    back-propagated gradients are exact, that is with second derivatives (Metz et al. 2019, section 3.2). Its variance
    follows the gradients of L, which explode with the length of the unroll where the landscape is rough.

    Args:
      problem, network, len_unroll, objective: see `unroll`.
      second_derivatives, in_blocks: as in `truncated_backpropagation`.
      perturbation_std: sigma.
      perturbations: how many epsilon_i, each with both signs.

    Raises:
      ValueError: sigma that is not above 0, or no perturbation.
    """
    perturbed = Perturbed(network, perturbation_std, perturbations)
    member = backpropagated(problem, perturbed, len_unroll, objective, second_derivatives, in_blocks)

    def estimate(run: Run, seed: tf.Tensor) -> OuterGradient:
        def add(moments, epsilon):
            _, up = member(run, epsilon)
            _, down = member(run, negative(epsilon))
            return moments.add(average(up, down))

        moments = perturbed.over_pairs(seed, add, Moments.of_none(perturbed.variables))
        losses, outer_losses, end = fast.costs_along(problem, network, run, len_unroll, objective, in_blocks)
        return OuterGradient(objective(outer_losses), moments.mean(), losses, end, perturbations - moments.count)

    return Estimator(estimate)


def backpropagated(
    problem: Problem,
    perturbed: Perturbed,
    len_unroll: int,
    objective: Objective,
    second_derivatives: bool,
    in_blocks: bool,
) -> Member:
    """A function from a run and an epsilon to the meta-loss at phi + epsilon and its gradient.

    All of it is NaN where a loss on the way is not finite: what is left of such a member's gradient means nothing.
    """
    backpropagation = truncated_backpropagation(
        problem, perturbed.network, len_unroll, objective, second_derivatives, in_blocks
    )

    @tf.function(autograph=False)
    def member(run, epsilon):
        perturbed.assign(epsilon)
        outer = backpropagation(run, run.seed)
        losses = tf.concat([outer.losses, [outer.meta_loss]], 0)
        return finite_or_nan(outer.meta_loss, losses), [finite_or_nan(g, losses) for g in outer.gradients]

    return member


def average(left: Weights, right: Weights) -> Weights:
    """Of the gradients of an antithetic pair."""
    return [(x + y) / 2 for x, y in zip(left, right)]
