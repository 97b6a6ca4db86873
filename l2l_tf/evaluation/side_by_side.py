"""Runs of one draw at many values of an optimizer's hyperparameters, all at once.

They are the runs one by one to rounding. At rates beyond the best ones runs may be chaotic, where rounding grows to a
loss of its own: there means agree as those of other roundings would.
"""

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from l2l_tf import fast
from l2l_tf.networks.network import Network
from l2l_tf.unrolling import tracing, unroll
from l2l_tf.unrolling.objectives import Objective
from l2l_tf.unrolling.population import Members
from problems import calling
from problems.problem import Problem

_AT_ONCE = 16  # Members of a population: more gain nothing.
_LARGEST = 2**16  # Coordinates of a member, from which a product of its own is as fast.
_FEWEST_STEPS = 10_000  # Of all members, from which what is gained is more than what tracing takes.


class SideBySide:
    """Final losses of a population whose members differ in hyperparameters, and share f, theta_0 and minibatches.

    What they share is drawn and gathered once for all, and the products of a minibatch with the weights of all members
    are one.

    Args:
      problem: what is minimised.
      network: by what; a hand-designed one.
      hyperparameters: its variables whose values members have of their own; nothing is written to them.
      num_steps: of each run.
      split: the held-out split whose loss is asked for; None takes the loss that the optimizer sees.
    """

    def __init__(
        self,
        problem: Problem,
        network: Network,
        hyperparameters: Sequence[tf.Variable],
        num_steps: int,
        split: str | None,
    ):
        self._problem = problem
        self._num_steps = num_steps
        self._start = tracing.compiled(lambda seed: unroll.start(problem, network, seed))
        objective = Objective(lambda losses: losses[-1])  # The losses themselves are what is asked for.

        @tracing.compiled
        def finals(run, values):
            members = Members(run, {}, hyperparameters, values)
            losses, _, ends = fast.population_costs_along(
                problem, network, members, num_steps, objective, largest=_LARGEST, compiles=False
            )
            if split is None:
                return tf.cast(losses[:, -1], tf.float64)
            return tf.map_fn(  # A split's loss takes what memory it takes: one member at a time.
                lambda theta: tf.cast(calling.call(problem.held_out_loss, theta, run.instance, split), tf.float64),
                ends["parameters"],
                fn_output_signature=tf.float64,
                parallel_iterations=1,
            )

        self._finals = finals

    def pays(self, num_members: int, seed: tf.Tensor, num_draws: int) -> bool:
        """Whether so many members on so many draws, of which `seed` is one, take less time than one by one."""
        if num_members < 2 or num_members * num_draws * self._num_steps < _FEWEST_STEPS:
            return False
        return fast.goes_side_by_side(self._problem, self._start(seed), _LARGEST)

    def __call__(self, values: np.ndarray, draws: Sequence[tf.Tensor]) -> np.ndarray:
        """Final losses `[M, draws]` at hyperparameters `[M, hyperparameters]`, on the draws of those seeds."""
        size = math.ceil(len(values) / math.ceil(len(values) / _AT_ONCE))
        groups = []
        for begin in range(0, len(values), size):
            group = values[begin : begin + size]
            # Groups of one size are traced once.
            filled = np.concatenate([group, np.repeat(group[-1:], size - len(group), axis=0)])
            own = [tf.constant(column, tf.float32) for column in filled.T]
            losses = [self._finals(self._start(seed), own).numpy()[: len(group)] for seed in draws]
            groups.append(np.stack(losses, axis=1))
        return np.concatenate(groups)
