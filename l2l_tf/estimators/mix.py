"""The inverse-variance mix of ES and the reparameterisation gradient."""

import tensorflow as tf

from l2l_tf import fast
from l2l_tf.estimators.estimator import Estimator
from l2l_tf.estimators.moments import Moments
from l2l_tf.estimators.perturbation import Perturbed, Weights, negative
from l2l_tf.estimators.reparameterization import average, backpropagated
from l2l_tf.unrolling import arguments
from l2l_tf.unrolling.coordinates import AssignedNetworks
from l2l_tf.unrolling.objectives import Objective
from l2l_tf.unrolling.run import Run
from l2l_tf.unrolling.unroll import OuterGradient
from problems.problem import Problem


@arguments.checked
def inverse_variance_mix(
    problem: Problem,
    network: AssignedNetworks,
    len_unroll: int,
    objective: Objective,
    second_derivatives: bool = False,
    in_blocks: bool = True,
    perturbation_std: float = 0.01,
    perturbations: int = 8,
) -> Estimator:
    """For each weight g = (g_es / v_es + g_rp / v_rp) / (1 / v_es + 1 / v_rp).

    g_es is ES and g_rp the reparameterisation gradient, both of the same members, and v their variances as the pairs
    show them (Metz et al. 2019, section 3.3): back-propagation where the landscape is smooth, ES where it is rough,
    weight by weight. A parent with fewer than two finite pairs gets no say.

    Args:
      problem, network, len_unroll, objective: see `unroll`.
      second_derivatives, in_blocks: as in `truncated_backpropagation`.
      perturbation_std: sigma.
      perturbations: how many epsilon_i, each with both signs; at least 2, and with few the variances are rough.

    Raises:
      ValueError: sigma that is not above 0, or fewer than two perturbations.
    """
    perturbed = Perturbed(network, perturbation_std, perturbations, fewest_pairs=2)
    member = backpropagated(problem, perturbed, len_unroll, objective, second_derivatives, in_blocks)

    def estimate(run: Run, seed: tf.Tensor) -> OuterGradient:
        def add(moments, epsilon):
            es, reparameterized = moments
            up, up_gradients = member(run, epsilon)
            down, down_gradients = member(run, negative(epsilon))
            return (
                es.add(perturbed.directional(epsilon, up - down)),
                reparameterized.add(average(up_gradients, down_gradients)),
            )

        start = Moments.of_none(perturbed.variables)
        es, reparameterized = perturbed.over_pairs(seed, add, (start, start))
        losses, outer_losses, end = fast.costs_along(problem, network, run, len_unroll, objective, in_blocks)
        dropped = perturbations - tf.minimum(es.count, reparameterized.count)
        return OuterGradient(objective(outer_losses), mixed(es, reparameterized), losses, end, dropped)

    return Estimator(estimate)


def mixed(left: Moments, right: Moments) -> Weights:
    """The inverse-variance-weighted mean of two means; NaN where neither has two finite samples."""
    gradients = []
    for x, y, x_variance, y_variance in zip(left.means, right.means, left.variance_of_mean(), right.variance_of_mean()):
        share = tf.math.divide_no_nan(y_variance, x_variance + y_variance)
        # Infinite over infinite is NaN; a variance that overflowed, or of too few samples, leaves all to the other.
        share = tf.where(tf.math.is_finite(y_variance), share, tf.ones_like(share))
        value = share * x + (1 - share) * y
        known = tf.math.is_finite(tf.minimum(x_variance, y_variance))
        gradients.append(tf.where(known, value, tf.constant(float("nan"), value.dtype)))
    return gradients
