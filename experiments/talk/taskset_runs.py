"""Runs of one task side by side: configurations of a hand-designed optimizer, or one learned optimizer, from a seed."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from l2l_tf.fast import population
from l2l_tf.networks.network import Network
from l2l_tf.networks.scheduled import Scheduled
from l2l_tf.unrolling import seeds, unroll
from l2l_tf.unrolling.objectives import trajectory_objective
from l2l_tf.unrolling.population import Members
from problems.taskset.task import Task

MINIBATCHES = 50  # Of the means at the start and the end.
WINDOW = 50  # Steps that a smoothed curve is a mean of; each has a minibatch of its own.
# Coordinates of a member that is taken along with the others, 2 to 3 times as fast as one by one on a core. XLA would
# compile each task for longer than it saves.
_LARGEST = 100_000
_AT_START, _AT_END = 2**30, 2**30 + 1  # No run has so many steps.


class Curves(NamedTuple):
    """What M runs from one theta_0 came to.

    Attributes:
      initial: `[MINIBATCHES]`, losses at theta_0 of minibatches of "outer_validation".
      training: `[M, T + 1]`, the losses that the optimizer saw the gradients of.
      outer: `[M, T + 1]`, losses of minibatches of "outer_validation", one a step, the same for all members.
      test: `[M]`, the mean loss of `MINIBATCHES` minibatches of "test" after the last step.
    """

    initial: np.ndarray
    training: np.ndarray
    outer: np.ndarray
    test: np.ndarray


class Runs:
    """Runs of a task under one network; traced once, for all seeds.

    Args:
      task: what is minimised.
      network: by what.
      num_steps: T.
      hyperparameters: of a `Scheduled` network, by name `[M]`, what the members differ in; without, there is one.
    """

    def __init__(
        self,
        task: Task,
        network: Network,
        num_steps: int,
        hyperparameters: Mapping[str, Sequence[float]] | None = None,
    ):
        self._values = [tf.constant(values, tf.float32) for values in (hyperparameters or {}).values()]
        variables = []
        if hyperparameters:
            assert isinstance(network, Scheduled)
            variables = [network.hyperparameters[name] for name in hyperparameters]
        count = len(self._values[0]) if self._values else 1
        objective = trajectory_objective(num_steps, "final", loss="validation")

        @tf.function(autograph=False)
        def run(seed, values):
            first = unroll.start(task, network, seed)
            parameters = {name: tf.repeat(p[tf.newaxis], count, axis=0) for name, p in first.parameters.items()}
            members = Members(first, {"parameters": parameters}, variables, values)
            training, outer, after = population.costs_along(
                task, network, members, num_steps, objective, largest=_LARGEST, compiles=False
            )
            initial = _losses(task, "outer_validation", seeds.fold(first.seed, _AT_START))(first.parameters)
            at_end = _losses(task, "test", seeds.fold(first.seed, _AT_END))
            test = tf.map_fn(
                lambda own: tf.reduce_mean(at_end(own)), after["parameters"], fn_output_signature=tf.float32
            )
            return initial, training, outer, test

        self._run = run

    def __call__(self, seed: tf.Tensor) -> Curves:
        """The runs of the draw that `seed` (int32 `[2]`) begins."""
        return Curves(*(tensor.numpy().astype(np.float64) for tensor in self._run(seed, self._values)))


def smoothed(curves: np.ndarray, window: int = WINDOW) -> np.ndarray:
    """`[..., T + 1]` to `[..., T + 2 - window]`: means of so many steps; infinite where one is not finite."""
    windows = np.lib.stride_tricks.sliding_window_view(curves, min(window, curves.shape[-1]), -1)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.where(np.isfinite(windows).all(-1), windows.mean(-1), np.inf)


def hyperparameters(configurations: Sequence[Scheduled]) -> dict[str, list[float]]:
    """What `Runs` takes to have these networks, of one kind, as its members."""
    names = configurations[0].hyperparameters
    return {name: [float(network.hyperparameters[name]) for network in configurations] for name in names}


def _losses(task: Task, role: str, seed: tf.Tensor) -> Callable[[dict[str, tf.Tensor]], tf.Tensor]:
    """From theta to the losses `[MINIBATCHES]` of minibatches of a role."""
    return lambda parameters: tf.map_fn(
        lambda i: task.loss_of(parameters, task.draw(role, seeds.fold(seed, i))),
        tf.range(MINIBATCHES),
        fn_output_signature=tf.float32,
        parallel_iterations=1,
    )
