"""Outer gradients: how the gradient of the meta-loss for phi is estimated.

An estimator maps `(run, seed)` to an OuterGradient, which carries the run on.
"""

from collections.abc import Callable

import tensorflow as tf

from l2l_tf import unroll
from l2l_tf.networks.network import Network
from l2l_tf.objectives import Objective
from l2l_tf.unroll import OuterGradient, Run
from problems.problem import Problem

Estimator = Callable[[Run, tf.Tensor], OuterGradient]


def truncated_backpropagation(
    problem: Problem,
    network: Network,
    len_unroll: int,
    objective: Objective,
    second_derivatives: bool = False,
) -> Estimator:
    """Back-propagation through time over one unroll of `len_unroll` steps, by roll-out and replay.

    What happened before the unroll is constant (Andrychowicz et al. 2016, section 2). Draws nothing: the seed is
    not used.
    """

    def estimate(run: Run, seed: tf.Tensor) -> OuterGradient:
        del seed
        trajectory = unroll.roll_out(problem, network, run, len_unroll, record_parameters=second_derivatives)
        return unroll.replay(problem, network, run, trajectory, objective, second_derivatives)

    return estimate
