"""Validation on held-out tasks: the same tasks and draws each time."""

import logging
import math

import numpy as np
import tensorflow as tf

from l2l_tf.evaluation.evaluator import Evaluator
from l2l_tf.training.programs import fitted, key
from l2l_tf.training.tasks_config import TasksConfig
from l2l_tf.unrolling import seeds
from l2l_tf.unrolling.coordinates import AssignedNetworks
from problems.distribution import Distribution, Task
from problems.problem import Problem

logger = logging.getLogger(__name__)

_SPLITS = ("outer_validation", "validation")
_WORST, _FLOOR = 100.0, 1e-12  # Of a log loss: what is not finite counts as that, and what is solved as this.


class TasksValidation:
    """The mean over held-out tasks of the loss after `num_steps` steps: normalised where there is a normaliser, else
    its logarithm (of losses that have one; of others the loss itself). On held-out data where a task has it.

    Tasks are spread over the distribution's parts by their shares. Those that are equal are draws of one problem.

    Args:
      config: of the training.
      distribution: of the held-out tasks.

    Attributes:
      tasks, problems: that are validated on, each task once.
    """

    def __init__(self, config: TasksConfig, distribution: Distribution):
        self._config = config
        found: dict[str, Task] = {}
        self._draws: dict[str, int] = {}
        for i in range(config.validation_tasks):
            seed = int(np.random.default_rng([config.seed, seeds.Purpose.VALIDATION, i]).integers(2**31))
            task = distribution.task(seed, (i + 0.5) / config.validation_tasks)
            found.setdefault(key(task), task)
            self._draws[key(task)] = self._draws.get(key(task), 0) + 1
        self.tasks = list(found.values())
        self.problems: list[Problem] = [distribution.build(task) for task in self.tasks]
        self._evaluators: list[tuple[Evaluator, str | None]] = []

    def __call__(self, network: AssignedNetworks, seed: tf.Tensor) -> tuple[float, int]:
        """The mean, and how many draws were left out of it as they are not finite at theta_0.

        Args:
          network: at phi as it is validated; the same object at every call.
          seed: of the draws, int32 `[2]`.
        """
        if not self._evaluators:
            self._evaluators = [self._evaluator(problem, network) for problem in self.problems]
        values, left_out = [], 0
        for i, (task, problem) in enumerate(zip(self.tasks, self.problems)):
            evaluator, split = self._evaluators[i]
            curves = evaluator.untimed(seeds.fold(seed, i), self._draws[key(task)])
            if len(curves.faults) < len(curves.losses):
                values += [_value(problem, float(x)) for x in curves.final(split)[curves.counted]]
            left_out += len(curves.faults)
        return float(np.mean(values)) if values else math.nan, left_out

    def _evaluator(self, problem: Problem, network: AssignedNetworks) -> tuple[Evaluator, str | None]:
        split = next((split for split in _SPLITS if split in problem.held_out_splits), None)
        network = fitted(network, problem, self._config)
        told = self._config.told_share > 0
        return Evaluator(problem, network, self._config.num_steps, [split] if split else [], told=told), split


def _value(problem: Problem, loss: float) -> float:
    """What of a loss is averaged over tasks."""
    if problem.normaliser is not None:
        return float(problem.normalise(tf.constant(loss)))
    if not math.isfinite(loss):
        return _WORST
    return min(_WORST, math.log(max(loss, _FLOOR))) if loss >= 0 else loss
