"""Truncated back-propagation through time."""

import tensorflow as tf

from l2l_tf import fast
from l2l_tf.estimators.estimator import Estimator
from l2l_tf.unrolling import arguments, unroll
from l2l_tf.unrolling.coordinates import AssignedNetworks
from l2l_tf.unrolling.objectives import Objective
from l2l_tf.unrolling.run import Run
from l2l_tf.unrolling.unroll import OuterGradient
from problems.problem import Problem


@arguments.checked
def truncated_backpropagation(
    problem: Problem,
    network: AssignedNetworks,
    len_unroll: int,
    objective: Objective,
    second_derivatives: bool = False,
    in_blocks: bool = True,
    memory_budget: int = fast.DEFAULT_BUDGET,
) -> Estimator:
    """Back-propagation through time over one unroll of `len_unroll` steps, by roll-out and replay.

    What happened before the unroll is constant (Andrychowicz et al. 2016, section 2); an unroll as long as the run is
    full back-propagation. Draws nothing: the seed is not used.

    Args:
      problem, network, len_unroll, objective, second_derivatives: see `unroll`.
      in_blocks: take the fast path where it has something to gain. It agrees with the readable one to rounding.
        Objectives of the validation losses take the readable one unless second derivatives are asked for.
      memory_budget: bytes that the fast path may keep of an unroll's steps; it computes them again beyond.
    """

    in_blocks = in_blocks and (second_derivatives or not objective.of_validation)

    def estimate(run: Run, seed: tf.Tensor) -> OuterGradient:
        del seed
        if in_blocks and fast.applies(network, run.parameters):
            return fast.outer_gradient(
                problem, network, run, len_unroll, objective, second_derivatives, memory_budget=memory_budget
            )
        trajectory = unroll.roll_out(
            problem, network, run, len_unroll, record_parameters=second_derivatives, validation=objective.of_validation
        )
        return unroll.replay(problem, network, run, trajectory, objective, second_derivatives)

    return Estimator(estimate, concurrent=True)
