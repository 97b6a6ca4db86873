"""Learning curves of an optimizer, learned or classic, on fresh draws of a problem.

Training's own evaluations and evaluate.py both call `Evaluator`, so they agree on equal seeds. Draw i of a seed is
the same f, theta_0 and minibatches for every optimizer: comparisons are paired.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from l2l_tf import seeds, unroll
from l2l_tf.networks.network import Network
from problems.problem import Problem

_AVERAGE_DECAY = 0.99  # Of running averages, a step.


class Curves(NamedTuple):
    """What an evaluation measured, one row a draw.

    Attributes:
      losses: `[draws, num_steps + 1]`, f(theta_0) to f(theta_T), on minibatches where there are any.
      held_out: split to `[draws, len(held_out_steps)]`, the mean loss over the split after those steps.
      held_out_steps: `[...]`, the last of them num_steps.
      seconds: `[draws]`, wall-clock time of each run, without the held-out losses (the first includes compiling).
    """

    losses: np.ndarray
    held_out: dict[str, np.ndarray]
    held_out_steps: tuple[int, ...]
    seconds: np.ndarray

    def final(self, split: str | None = None) -> np.ndarray:
        """`[draws]`: the loss at the last step, on `split` or, with None, as the optimizee saw it."""
        return self.losses[:, -1] if split is None else self.held_out[split][:, -1]

    @property
    def log_mean_final_error(self) -> float:
        """log10 of the mean loss at the last step; -inf for a mean of 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.log10(np.mean(self.final())))

    @property
    def mean_epoch_time(self) -> float:
        """Mean seconds of a run, without the first, which includes compiling, where there are others."""
        return float(np.mean(self.seconds[1:] if len(self.seconds) > 1 else self.seconds))


class Evaluator:
    """Runs a network on fresh draws of a problem; compiled once.

    Args:
      problem: what is minimised.
      network: by what. Its weights may change between calls.
      num_steps: T.
      held_out_splits: of the problem, to measure along the way; its averaged ones too.
      held_out_steps: after how many steps; num_steps is added. Empty measures at the end only.

    Raises:
      ValueError: a split that the problem does not have, or steps out of range.
    """

    def __init__(
        self,
        problem: Problem,
        network: Network,
        num_steps: int,
        held_out_splits: Sequence[str] = (),
        held_out_steps: Sequence[int] = (),
    ):
        if num_steps < 1:
            raise ValueError(f"An evaluation takes at least 1 step. Received: num_steps={num_steps}.")
        for split in held_out_splits:
            known = [*problem.held_out_splits, *problem.averaged_splits]
            if split not in known:
                raise ValueError(f"The problem {problem.name!r} has the held-out splits {known}. Received: {split!r}.")
        if any(not 0 < step <= num_steps for step in held_out_steps):
            raise ValueError(f"held_out_steps lie in 1 to num_steps={num_steps}. Received: {list(held_out_steps)}.")
        self._held_out_steps = tuple(sorted({*held_out_steps, num_steps}))
        self._held_out_splits = tuple(held_out_splits)
        averaged = any(split in problem.averaged_splits for split in held_out_splits)

        @tf.function(autograph=False)
        def start(seed):
            run = unroll.start(problem, network, seed)
            averages = _Averages.none(problem.statistics(run.parameters, run.instance, seed)) if averaged else None
            return run, averages

        @tf.function(autograph=False)
        def held_out(run, averages):
            # All at once: a function of the split would be traced for each, of which TensorFlow warns.
            return {
                split: problem.averaged_loss(run.parameters, run.instance, split, averages.values())
                if split in problem.averaged_splits
                else problem.held_out_loss(run.parameters, run.instance, split)
                for split in held_out_splits
            }

        @tf.function(autograph=False)
        def advance(run, num_steps, averages):
            if not averaged:
                return (*unroll.losses_along(problem, network, run, num_steps), averages)
            losses, statistics, run = unroll.statistics_along(problem, network, run, num_steps)
            return losses, run, averages.after(statistics, num_steps)

        self._start = start
        self._held_out = held_out
        self._advance = advance

    def __call__(self, seed: tf.Tensor, num_draws: int, on_draw: Callable[[int], None] = lambda draw: None) -> Curves:
        """Curves on the first `num_draws` draws of `seed` (int32 `[2]`); `on_draw(i)` is called after each."""
        rows, seconds = [], []
        held_out: dict[str, list[list[float]]] = {split: [] for split in self._held_out_splits}
        for draw in range(num_draws):
            losses, measured, taken = self._run(seeds.fold(seed, draw))
            seconds.append(taken)
            rows.append(losses)
            for split in held_out:
                held_out[split].append(measured[split])
            on_draw(draw)
        return Curves(
            np.array(rows),
            {split: np.array(measured) for split, measured in held_out.items()},
            self._held_out_steps,
            np.array(seconds),
        )

    def _run(self, seed: tf.Tensor) -> tuple[np.ndarray, dict[str, list[float]], float]:
        began = time.perf_counter()
        run, averages = self._start(seed)
        seconds = 0.0
        losses: list[np.ndarray] = []
        held_out: dict[str, list[float]] = {split: [] for split in self._held_out_splits}
        for begin, end in zip((0, *self._held_out_steps), self._held_out_steps):
            piece, run, averages = self._advance(run, end - begin, averages)
            losses.append(piece.numpy() if end == self._held_out_steps[-1] else piece.numpy()[:-1])
            seconds += time.perf_counter() - began
            if held_out:
                for split, loss in self._held_out(run, averages).items():
                    held_out[split].append(float(loss))
            began = time.perf_counter()
        return np.concatenate(losses), held_out, seconds


class _Averages(NamedTuple):
    """Exponential running averages along a run, from nothing: `totals` of the weight `weight`, which grows to 1."""

    totals: Any
    weight: tf.Tensor

    @classmethod
    def none(cls, statistics: Any) -> "_Averages":
        """Before the first of statistics like these."""
        return cls(tf.nest.map_structure(tf.zeros_like, statistics), tf.zeros([]))

    def after(self, statistics: Any, num_steps: int) -> "_Averages":
        """After steps with these statistics, stacked."""
        kept = _AVERAGE_DECAY**num_steps
        shares = (1 - _AVERAGE_DECAY) * _AVERAGE_DECAY ** np.arange(num_steps - 1, -1, -1)
        totals = tf.nest.map_structure(
            lambda total, s: kept * total + tf.tensordot(tf.constant(shares, s.dtype), s, 1), self.totals, statistics
        )
        return _Averages(totals, kept * self.weight + (1 - kept))

    def values(self) -> Any:
        return tf.nest.map_structure(lambda total: total / tf.cast(self.weight, total.dtype), self.totals)
