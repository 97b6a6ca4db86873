"""A step of meta-training: an unroll of every run from where its last one ended, and a step on phi after it.

`MetaLoss` unrolls under phi as it is; `MetaMinimize` changes phi, by the mean of the outer gradients that are finite.
"""

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import tensorflow as tf

from l2l_tf import fast
from l2l_tf.estimators import Estimator
from l2l_tf.networks.dtypes import all_finite
from l2l_tf.networks.network import Network
from l2l_tf.training.outer_optimizer import OuterOptimizer, OuterStep
from l2l_tf.unrolling import seeds, unroll
from l2l_tf.unrolling.objectives import trajectory_objective
from l2l_tf.unrolling.run import Run
from problems.problem import Problem


class Step(NamedTuple):
    """What one unroll gave: the meta-loss, f at the last theta, and the list of last theta."""

    loss: tf.Tensor
    fx: tf.Tensor
    x: list[tf.Tensor]


class _Unrolls:
    """Runs that start at `reset` and are carried from unroll to unroll."""

    def __init__(self, problem: Problem, network: Network, optimizees: int = 1):
        self._problem = problem
        self._network = network
        self._optimizees = optimizees
        self._resets = 0
        self._runs: list[Run] = []
        self._start = tf.function(lambda seed: unroll.start(problem, network, seed), autograph=False)

    def reset(self, seed: int | tf.Tensor | None = None) -> None:
        """Draws f, theta_0 and the minibatches afresh; without a seed, others at every call."""
        if seed is None:
            seed = self._resets
            self._resets += 1
        if isinstance(seed, int):
            seed = seeds.root(seed)
        self._runs = [self._start(seeds.fold(seed, i)) for i in range(self._optimizees)]

    def _started(self) -> list[Run]:
        if not self._runs:
            self.reset()
        return self._runs


class MetaLoss(_Unrolls):
    """What `MetaOptimizer.meta_loss` returns. `unroll` resets first where nobody did."""

    def __init__(self, problem: Problem, network: Network, len_unroll: int):
        super().__init__(problem, network)
        objective = trajectory_objective(len_unroll)

        def unroll_once(run):
            losses, run = fast.losses_along(problem, network, run, len_unroll)
            return objective(losses), losses, run

        self._unroll = tf.function(unroll_once, autograph=False)

    def unroll(self) -> Step:
        """`len_unroll` steps on from where the last call ended."""
        loss, losses, run = self._unroll(*self._started())
        self._runs = [run]
        return Step(loss, losses[-1], list(run.parameters.values()))


class MetaMinimize(_Unrolls):
    """What `MetaOptimizer.meta_minimize` returns; training builds it with an estimator of its own.

    Args:
      problem, network: what is optimized by what.
      estimator: of the outer gradient. `reset` and `detailed_step` take others in its place, e.g. of other lengths; the
        steps of a run go with the estimator it was reset with, or one that carries the same along.
      outer_optimizer: of phi.
      optimizees: runs in parallel, whose outer gradients are averaged in each step, without those that are not finite
        where others are.

    Attributes:
      dropped_members: how many members of estimates, and estimates among several, were left out as not finite.
    """

    def __init__(
        self,
        problem: Problem,
        network: Network,
        estimator: Estimator,
        outer_optimizer: OuterOptimizer,
        optimizees: int = 1,
    ):
        super().__init__(problem, network, optimizees)
        self.outer_optimizer = outer_optimizer
        self.dropped_members = 0
        self._estimator = estimator
        self._functions: dict[tuple[Estimator, Callable], tf.types.experimental.PolymorphicFunction] = {}
        self._take = tf.function(self._step_from, autograph=False)

    def reset(self, seed: int | tf.Tensor | None = None, estimator: Estimator | None = None) -> None:
        """Draws f, theta_0 and the minibatches afresh; without a seed, others at every call."""
        super().reset(seed)
        self._runs = [(estimator or self._estimator).begin(run) for run in self._runs]

    def step(self) -> Step:
        """One unroll of every run, and one Adam step on phi; the meta-loss and f are means over the runs that count."""
        step, _ = self.detailed_step()
        return step

    def detailed_step(self, estimator: Estimator | None = None) -> tuple[Step, OuterStep]:
        """`step`, and how the step on phi went."""
        estimator = estimator or self._estimator
        runs = self._started()
        if len(runs) == 1:
            taken, run = self._compiled(estimator, self._step_of_run)(*runs)
            self._runs = [run]
        else:
            estimates = self._estimates(estimator, runs)
            self._runs = [estimate.run for estimate in estimates]
            taken = self._take(estimates)
        loss, fx, outer, dropped = taken
        self.dropped_members += int(dropped)
        return Step(loss, fx, list(self._runs[0].parameters.values())), outer

    def _estimates(self, estimator: Estimator, runs: list[Run]) -> list[unroll.OuterGradient]:
        compiles = (estimator, _estimate) not in self._functions
        estimate = self._compiled(estimator, _estimate)
        if compiles or not estimator.concurrent:
            return [estimate(run) for run in runs]
        with ThreadPoolExecutor(max_workers=2) as pool:  # One fills what the other leaves of the cores.
            return list(pool.map(estimate, runs))

    def _step_of_run(self, estimator: Estimator, run: Run) -> tuple[tuple, Run]:
        """The step that one run gives, and the run after it: as one call, which costs less than several."""
        estimate = _estimate(estimator, run)
        return self._step_from([estimate]), estimate.run

    def _step_from(self, estimates: list[unroll.OuterGradient]) -> tuple[tf.Tensor, tf.Tensor, OuterStep, tf.Tensor]:
        """The mean meta-loss and f, the step on phi, and how much was left out."""
        loss, fx = estimates[0].meta_loss, estimates[0].losses[-1]
        gradients, dropped = estimates[0].gradients, sum(estimate.dropped for estimate in estimates)
        if len(estimates) > 1:
            gradients, finite = _average_of_finite([estimate.gradients for estimate in estimates])
            dropped += len(estimates) - tf.add_n([tf.cast(ok, tf.int32) for ok in finite])
            loss = _mean_of_finite([estimate.meta_loss for estimate in estimates], finite)
            fx = _mean_of_finite([estimate.losses[-1] for estimate in estimates], finite)
        return loss, fx, self.outer_optimizer.apply(gradients), dropped

    def _compiled(self, estimator: Estimator, function: Callable) -> tf.types.experimental.PolymorphicFunction:
        """`function(estimator, run)` of a run, the same one at every call."""
        if (estimator, function) not in self._functions:
            of_run = functools.partial(function, estimator)
            self._functions[estimator, function] = tf.function(of_run, autograph=False)
        return self._functions[estimator, function]


def _estimate(estimator: Estimator, run: Run) -> unroll.OuterGradient:
    return estimator(run, seeds.fold(run.seed, run.step))


def _average_of_finite(estimates: list[list[tf.Tensor]]) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
    """The mean of the gradients that are finite, NaN if none is, and which are."""
    finite = [all_finite(gradients) for gradients in estimates]
    count = tf.add_n([tf.cast(ok, tf.int32) for ok in finite])
    means = []
    for gradients in zip(*estimates):
        total = tf.add_n([tf.where(ok, g, tf.zeros_like(g)) for ok, g in zip(finite, gradients)])
        means.append(total / tf.cast(count, total.dtype))
    return means, finite


def _mean_of_finite(values: list[tf.Tensor], finite: list[tf.Tensor]) -> tf.Tensor:
    """The mean of those scalars whose gradients are finite; NaN where none is."""
    total = tf.add_n([tf.where(ok, value, tf.zeros_like(value)) for value, ok in zip(values, finite)])
    return total / tf.add_n([tf.cast(ok, total.dtype) for ok in finite])
