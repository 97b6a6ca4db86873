"""What each run teaches phi: how long it is, how it is cut into unrolls, and by which estimator."""

import numpy as np

from l2l_tf import estimators
from l2l_tf.estimators import Estimator
from l2l_tf.training import unroll_schedule
from l2l_tf.training.config import TrainingConfig
from l2l_tf.unrolling.coordinates import AssignedNetworks
from l2l_tf.unrolling.objectives import trajectory_objective
from problems.problem import Problem


class Curriculum:
    """From an epoch's number to the estimators of its unrolls, a function of the configuration alone.

    Args:
      config: the aids: `unroll_schedule`, `num_steps_curriculum`, `imitation_share`; and the estimator.
      problem, network: what phi learns from, and the network it belongs to.
    """

    def __init__(self, config: TrainingConfig, problem: Problem, network: AssignedNetworks):
        self._config = config
        self._problem = problem
        self._network = network
        self._estimators: dict[tuple[bool, int], Estimator] = {}

    def unrolls(self, epoch: int) -> list[Estimator]:
        """The estimator of each unroll of the run of `epoch`, which counts from 0."""
        config = self._config
        progress = epoch / config.num_epochs
        generator = np.random.default_rng([config.seed, epoch])
        imitates = bool(generator.random() < config.imitation_share)
        num_steps = unroll_schedule.num_steps_of(config.num_steps_curriculum, config.num_steps, progress)
        lengths = unroll_schedule.unrolls(config.unroll_schedule, config.unroll_length, num_steps, progress, generator)
        return [self._estimator(imitates, length) for length in lengths]

    def _estimator(self, imitates: bool, len_unroll: int) -> Estimator:
        """The same object for the same unrolls: each is compiled once, at its first use."""
        if (imitates, len_unroll) not in self._estimators:
            make = self._imitation if imitates else self._outer_gradient
            self._estimators[imitates, len_unroll] = make(len_unroll)
        return self._estimators[imitates, len_unroll]

    def _imitation(self, len_unroll: int) -> Estimator:
        return estimators.imitation(self._problem, self._network, len_unroll, self._config.imitation_learning_rate)

    def _outer_gradient(self, len_unroll: int) -> Estimator:
        config = self._config
        return estimators.get(
            config.estimator,
            self._problem,
            self._network,
            len_unroll,
            trajectory_objective(len_unroll, config.loss_weights, config.loss_transform, config.objective),
            second_derivatives=config.second_derivatives,
            in_blocks=config.in_blocks,
            perturbation_std=config.perturbation_std,
            perturbations=config.perturbations,
        )
