"""Compiled programs of tasks: a start of a run and an unroll of it, kept as long as slots hold the task."""

import gc
import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context

from l2l_tf import estimators
from l2l_tf.training.estimate import Estimate
from l2l_tf.training.tasks_config import TasksConfig
from l2l_tf.unrolling import fitting, seeds, tracing, unroll
from l2l_tf.unrolling.coordinates import AssignedNetworks
from l2l_tf.unrolling.objectives import Objective, trajectory_objective
from l2l_tf.unrolling.run import Run
from problems import reparameterization
from problems.distribution import Distribution, Task
from problems.problem import Problem
from problems.scaling import Reparameterized


class Program:
    """The functions of one task, traced at their first use.

    Args:
      problem: what is minimised.
      network: phi's.
      config: of the training.
    """

    def __init__(self, problem: Problem, network: AssignedNetworks, config: TasksConfig):
        network = fitted(network, problem, config)
        lessons = problem
        if config.reparameterize:
            lessons = Reparameterized(problem, *reparameterization.parsed(config.reparameterize))
        objective = trajectory_objective(
            config.unroll_length, config.loss_weights, config.loss_transform, config.objective
        )
        estimator = estimators.get(
            config.estimator,
            lessons,
            network,
            config.unroll_length,
            _normalized(objective, problem),
            second_derivatives=config.second_derivatives,
            in_blocks=config.in_blocks,
            compiles=False,  # Tasks come and go, and what XLA compiled would stay.
            perturbation_std=config.perturbation_std,
            perturbations=config.perturbations,
            own_draws=config.own_draws,
        )
        kind = tf.as_dtype(np.result_type(*(v.dtype.as_numpy_dtype for v in network.trainable_variables)))

        is_told = "length" in network.observes

        def start(seed):
            return estimator.begin(unroll.start(lessons, network, seed))

        def estimate(run, length):
            if is_told:
                run = run._replace(length=length)
            outer = estimator(run, seeds.fold(run.seed, run.step))
            flat = tf.concat([tf.reshape(tf.cast(g, kind), [-1]) for g in outer.gradients], 0)
            numbers = tf.stack([tf.cast(x, tf.float64) for x in (outer.meta_loss, outer.losses[-1], outer.dropped)])
            return flat, numbers, outer.run._replace(length=())

        self.concurrent = estimator.concurrent
        self.traced = False
        self._start = tracing.compiled(start)
        self._estimate = tracing.compiled(estimate)

    def start(self, seed: tf.Tensor) -> Run:
        """A fresh run of that seed, int32 `[2]`."""
        return self._start(seed)

    def estimate(self, run: Run, length: int = 0) -> tuple[Estimate, Run]:
        """The outer gradient over one unroll, at phi as it is, and the run after it.

        Args:
          run: where it is.
          length: how many steps it is going to have, if a network that observes it is told; else 0.
        """
        gradient, numbers, after = self._estimate(run, tf.constant(length))
        self.traced = True
        meta_loss, final_loss, dropped = numbers.numpy()
        return Estimate(gradient.numpy(), float(meta_loss), float(final_loss), int(dropped)), after


class Programs:
    """The programs that are in use, by their tasks. Slots with equal tasks share one.

    Args:
      distribution: builds the problems.
      network, config: see `Program`.
    """

    def __init__(self, distribution: Distribution, network: AssignedNetworks, config: TasksConfig):
        self._network = network
        self._config = config
        self._distribution = distribution
        self._programs: dict[str, Program] = {}

    def __len__(self) -> int:
        return len(self._programs)

    def get(self, task: Task) -> Program:
        """The program of a task, made where there is none."""
        name = key(task)
        if name not in self._programs:
            self._programs[name] = Program(self._distribution.build(task), self._network, self._config)
        return self._programs[name]

    def known(self, task: Task) -> Program | None:
        """The program of a task, where there is one."""
        return self._programs.get(key(task))

    def keep_only(self, tasks: Iterable[Task]) -> None:
        """Lets the programs of other tasks go, and their memory."""
        names = {key(task) for task in tasks}
        if gone := set(self._programs) - names:
            for name in gone:
                del self._programs[name]
            gc.collect()  # Functions and graphs refer to each other.
            context.context().clear_kernel_cache()  # Of the calls of functions that are no more.


def key(task: Task) -> str:
    """What tasks with the same program have in common."""
    return json.dumps([task.problem, task.problem_options], sort_keys=True)


def fitted(network: AssignedNetworks, problem: Problem, config: TasksConfig) -> AssignedNetworks:
    """The networks, of the same variables, with the problem's `function_axis` where their options do not give one."""
    nets = {
        name: fitting.fitted(net, problem)
        if fitting.asks_problem(config.networks[name]["net"], config.networks[name].get("net_options", {}))
        else net
        for name, net in network.networks.items()
    }
    return AssignedNetworks(nets, config.net_assignments, config.trained_weights)


def flattened(run: Run) -> list[np.ndarray]:
    """The tensors of a run."""
    return [np.asarray(x) for x in tf.nest.flatten(run)]


def restored(arrays: list[np.ndarray], like: Run) -> Run:
    """The run of `flattened`, of the structure of another run of the same program.

    Raises:
      ValueError: they are not of such a run.
    """
    expected: list[Any] = tf.nest.flatten(like)
    kinds = [(tuple(x.shape), x.dtype.as_numpy_dtype) for x in expected]
    if kinds != [(array.shape, array.dtype.type) for array in arrays]:
        raise ValueError("the run of a slot has other shapes than its task")
    return tf.nest.pack_sequence_as(like, [tf.constant(array) for array in arrays])


def _normalized(objective: Objective, problem: Problem) -> Objective:
    """The objective of normalised losses, where the problem has a normaliser."""
    if problem.normaliser is None:
        return objective
    return Objective(lambda losses: objective.reduce(problem.normalise(losses)), objective.loss)
