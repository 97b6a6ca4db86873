"""Persistent evolution strategies."""

from typing import Any, NamedTuple

import tensorflow as tf

from l2l_tf import fast
from l2l_tf.estimators.estimator import Estimator
from l2l_tf.estimators.perturbation import Perturbations, costs, run_after
from l2l_tf.networks.network import Network, Tensors
from l2l_tf.unrolling import arguments, seeds, unroll
from l2l_tf.unrolling.objectives import Objective
from l2l_tf.unrolling.run import Run
from l2l_tf.unrolling.unroll import OuterGradient
from problems.problem import Problem


class Particles(NamedTuple):
    """What PES carries along in a run, beside the run of phi itself.

    Attributes:
      parameters, states: theta_t and h_t of the particles, `[2 pairs, ...]`: first all of phi + epsilon, then all of
        phi - epsilon.
      perturbations: xi, the sum of each pair's epsilon since the run began, `[pairs, ...]` for each variable; where
        noise is reused, the epsilon of all of the run.
      instances: the function of each pair, `[pairs, ...]`, where they have functions of their own; else `()`.
    """

    parameters: Tensors
    states: Any
    perturbations: list[tf.Tensor]
    instances: Any = ()


@arguments.checked
def persistent_evolution_strategies(
    problem: Problem,
    network: Network,
    len_unroll: int,
    objective: Objective,
    in_blocks: bool = True,
    compiles: bool = True,
    perturbation_std: float = 0.01,
    perturbations: int = 8,
    own_draws: bool = False,
    reuse_noise: bool = False,
) -> Estimator:
    """PES: g = mean over i of xi_i (L_i+ - L_i-) / (2 sigma^2), with xi_i the sum of epsilon_i over the run's unrolls.

    Each particle has a run of its own, which its perturbations brought to where it is; a new epsilon is drawn in each
    unroll, and phi may change in between. The sum of the estimates over a run is unbiased for the gradient of the
    smoothed sum of meta-losses: xi credits earlier perturbations with later losses, so there is no truncation bias.
    The price is a variance that grows with the number of unrolls (Vicol, Metz and Sohl-Dickstein 2021, section 4).

    The particles of a run share its minibatches, and unless there are `own_draws` its function and theta_0. A pair
    that is not finite stays so, and is left out and counted, until the run ends.

    With `reuse_noise` it is NRES: epsilon_i is drawn when a run begins and stays for all of its unrolls, and xi_i is
    epsilon_i (Li, Sohl-Dickstein and others 2023, "Variance-reduced gradient estimation via noise-reuse in online
    evolution strategies"). So the sum of a run's estimates is full ES's, as unbiased, and the variance of an estimate
    does not grow from unroll to unroll. But the estimates of one run err in the same directions: it pays where many
    runs are averaged in an outer step, and not where successive steps average the noise of few out.

    Args:
      problem, network, len_unroll, objective: see `unroll`.
      in_blocks: take the fast path where it has something to gain; it agrees with the readable one to rounding.
      compiles: whether XLA may compile the members' steps where they are large. On one core it is no faster, and XLA
        keeps what it compiled until the process ends.
      perturbation_std: sigma.
      perturbations: how many pairs of particles.
      own_draws: whether each pair has a function and a theta_0 of its own: an estimate then is of as many draws.
      reuse_noise: see above.

    Raises:
      ValueError: sigma that is not above 0, or no perturbation.
    """
    perturbed = Perturbations(network, perturbation_std, perturbations)

    def both(values: Any) -> Any:
        """What each pair has, `[pairs, ...]`, for its two particles, `[2 pairs, ...]`."""
        return tf.nest.map_structure(lambda x: tf.concat([x, x], 0), values)

    def begin(run: Run) -> Run:
        if own_draws:
            drawn = [
                unroll.start(problem, network, seeds.fold(run.seed, seeds.Purpose.TRAINING, i))
                for i in range(perturbations)
            ]
        else:
            drawn = [run] * perturbations
        instances, parameters, states = tf.nest.map_structure(
            lambda *of: tf.stack(of), *[(each.instance, each.parameters, each.state) for each in drawn]
        )
        if reuse_noise:
            xi = perturbed.draw(run.seed)
        else:
            xi = [tf.zeros([perturbations, *v.shape], v.dtype) for v in perturbed.variables]
        return run._replace(carried=Particles(both(parameters), both(states), xi, instances if own_draws else ()))

    def estimate(run: Run, seed: tf.Tensor) -> OuterGradient:
        particles: Particles = run.carried
        epsilons = particles.perturbations if reuse_noise else perturbed.draw(seed)
        own = {"parameters": particles.parameters, "state": particles.states}
        if own_draws:
            own["instance"] = both(particles.instances)
        members = perturbed.members(epsilons, run, own)
        losses, outer_losses, ends = fast.population_costs_along(
            problem, network, members, len_unroll, objective, in_blocks, compiles=compiles
        )
        meta_loss, own_costs = objective(outer_losses[0]), costs(objective, outer_losses[1:])
        xi = epsilons
        if not reuse_noise:
            xi = [total + epsilon for total, epsilon in zip(particles.perturbations, epsilons)]
        differences = own_costs[:perturbations] - own_costs[perturbations:]
        finite = tf.math.is_finite(differences)
        count = tf.reduce_sum(tf.cast(finite, tf.int32))
        # Without a finite pair it is 0 / 0, and the estimate NaN.
        share = tf.where(finite, differences, tf.zeros_like(differences)) / tf.cast(count, differences.dtype)
        slopes = share / (2 * perturbation_std**2)
        gradients = [tf.tensordot(tf.cast(slopes, x.dtype), x, 1) for x in xi]
        parameters, states = tf.nest.map_structure(lambda x: x[1:], (ends["parameters"], ends["state"]))
        end = run_after(run, len_unroll, ends)._replace(carried=Particles(parameters, states, xi, particles.instances))
        return OuterGradient(meta_loss, gradients, losses[0], end, perturbations - count)

    return Estimator(estimate, begin, concurrent=True)
