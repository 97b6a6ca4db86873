"""Learning curves of an optimizer, learned or classic, on fresh draws of a problem.

Training's own evaluations and evaluate.py both call `Evaluator`, so they agree on equal seeds. Draw i of a seed is
the same f, theta_0 and minibatches for every optimizer: comparisons are paired.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from l2l_tf import fast
from l2l_tf.networks.network import Network
from l2l_tf.unrolling import arguments, seeds, tracing, unroll
from l2l_tf.unrolling.objectives import Objective
from l2l_tf.unrolling.population import Members
from l2l_tf.unrolling.run import Run
from l2l_tf.unrolling.soundness import Soundness
from problems import calling
from problems.problem import Problem

_AVERAGE_DECAY = 0.99  # Of running averages, a step.


class Curves(NamedTuple):
    """What an evaluation measured, one row a draw.

    Attributes:
      losses: `[draws, num_steps + 1]`, f(theta_0) to f(theta_T), on minibatches where there are any.
      held_out: split to `[draws, len(held_out_steps)]`, the mean loss over the split after those steps.
      held_out_steps: `[...]`, the last of them num_steps.
      seconds: `[draws]`, wall-clock time of each run, without the held-out losses (the first includes compiling).
      faults: row to what is not finite at theta_0 of that draw (`soundness`), looked for where its end is not finite.
    """

    losses: np.ndarray
    held_out: dict[str, np.ndarray]
    held_out_steps: tuple[int, ...]
    seconds: np.ndarray
    faults: Mapping[int, list[str]] = {}

    def final(self, split: str | None = None) -> np.ndarray:
        """`[draws]`: the loss at the last step, on `split` or, with None, as the optimizee saw it."""
        return self.losses[:, -1] if split is None else self.held_out[split][:, -1]

    @property
    def counted(self) -> np.ndarray:
        """`[draws]`, bool: those that means are over, where all is finite at theta_0. All, where none is.

        What is not finite where it starts says nothing of an optimizer. It is the same draws for all optimizers.
        """
        finite = np.isfinite(self.losses[:, 0])
        finite[list(self.faults)] = False
        return finite if finite.any() else np.ones_like(finite)

    @property
    def log_mean_final_error(self) -> float:
        """log10 of the mean loss at the last step, of the draws that are counted; -inf for a mean of 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.log10(np.mean(self.final()[self.counted])))

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
      told: whether the network is told T, where it observes that.

    Raises:
      ValueError: a split that the problem does not have, or steps out of range.
    """

    @arguments.checked
    def __init__(
        self,
        problem: Problem,
        network: Network,
        num_steps: int,
        held_out_splits: Sequence[str] = (),
        held_out_steps: Sequence[int] = (),
        told: bool = False,
    ):
        for split in held_out_splits:
            known = [*problem.held_out_splits, *problem.averaged_splits]
            if split not in known:
                raise ValueError(f"The problem {problem.name!r} has the held-out splits {known}. Received: {split!r}.")
        if any(not 0 < step <= num_steps for step in held_out_steps):
            raise ValueError(f"held_out_steps lie in 1 to num_steps={num_steps}. Received: {list(held_out_steps)}.")
        self._held_out_steps = tuple(sorted({*held_out_steps, num_steps}))
        self._held_out_splits = tuple(held_out_splits)
        averaged = any(split in problem.averaged_splits for split in held_out_splits)

        @tracing.compiled
        def start(seed):
            run = unroll.start(problem, network, seed)
            if told and "length" in network.observes:
                run = run._replace(length=tf.constant(num_steps))
            f = run.parameters, run.instance
            averages = _Averages.none(calling.call(problem.statistics, *f, seed)) if averaged else None
            return run, averages

        @tracing.compiled
        def held_out(run, averages):
            f = run.parameters, run.instance
            # All at once: a function of the split would be traced for each, of which TensorFlow warns.
            return {
                split: calling.call(problem.averaged_loss, *f, split, averages.values())
                if split in problem.averaged_splits
                else calling.call(problem.held_out_loss, *f, split)
                for split in held_out_splits
            }

        @tracing.compiled
        def advance(run, num_steps, averages):
            if not averaged:
                return (*fast.losses_along(problem, network, run, num_steps), averages)
            losses, statistics, run = fast.statistics_along(problem, network, run, num_steps)
            return losses, run, averages.after(statistics, num_steps)

        objective = Objective(lambda losses: losses[-1])  # The losses themselves are what is asked for.

        @tracing.compiled
        def advance_all(shared, fields, num_steps):
            members = Members(shared, fields)
            losses, _, ends = fast.population_costs_along(problem, network, members, num_steps, objective)
            return losses, {**fields, **ends}

        self._network = network
        self._averaged = averaged
        self._advance_all = advance_all
        self._soundness = Soundness(problem, [split for split in held_out_splits if split in problem.held_out_splits])
        self._start = start
        self._held_out = held_out
        self._advance = advance

    def __call__(self, seed: tf.Tensor, num_draws: int, on_draw: Callable[[int], None] = lambda draw: None) -> Curves:
        """Curves on the first `num_draws` draws of `seed` (int32 `[2]`); `on_draw(i)` is called after each."""
        return self.on_draws(seed, range(num_draws), on_draw)

    def on_draws(
        self, seed: tf.Tensor, draws: Iterable[int], on_draw: Callable[[int], None] = lambda draw: None
    ) -> Curves:
        """Curves on those draws of `seed`."""
        draws = list(draws)
        return self._curves(seed, draws, map(self._run, (seeds.fold(seed, draw) for draw in draws)), on_draw)

    def untimed(self, seed: tf.Tensor, num_draws: int) -> Curves:
        """`__call__` where nobody asks how long a run takes: all draws at once, where native code takes many at once.

        Losses are those of `__call__` to rounding; `seconds` are shares of the time of all.
        """
        draws = range(num_draws)
        starts = [self._start(seeds.fold(seed, draw))[0] for draw in draws]
        if self._averaged or not fast.takes_many_at_once(self._network, starts[0].parameters):
            return self(seed, num_draws)
        return self._curves(seed, draws, self._run_all(starts))

    def _curves(
        self,
        seed: tf.Tensor,
        draws: Iterable[int],
        runs: Iterable[tuple[np.ndarray, dict[str, list[float]], float]],
        on_draw: Callable[[int], None] = lambda draw: None,
    ) -> Curves:
        rows, seconds = [], []
        held_out: dict[str, list[list[float]]] = {split: [] for split in self._held_out_splits}
        faults: dict[int, list[str]] = {}
        for draw, (losses, measured, taken) in zip(draws, runs, strict=True):
            seconds.append(taken)
            rows.append(losses)
            for split in held_out:
                held_out[split].append(measured[split])
            if not np.all(np.isfinite([losses[-1], *(of_split[-1] for of_split in measured.values())])):
                faults[len(rows) - 1] = self._soundness.faults(seeds.fold(seed, draw))
            on_draw(draw)
        return Curves(
            np.array(rows),
            {split: np.array(measured) for split, measured in held_out.items()},
            self._held_out_steps,
            np.array(seconds),
            {row: what for row, what in faults.items() if what},
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

    def _run_all(self, starts: list[Run]) -> list[tuple[np.ndarray, dict[str, list[float]], float]]:
        """`_run` of all, side by side."""
        began = time.perf_counter()
        own = [
            {"instance": run.instance, "seed": run.seed, "parameters": run.parameters, "state": run.state}
            for run in starts
        ]
        fields: dict[str, Any] = tf.nest.map_structure(lambda *of_runs: tf.stack(of_runs), *own)
        shared = starts[0]
        losses: list[np.ndarray] = []
        held_out: list[dict[str, list[float]]] = [{split: [] for split in self._held_out_splits} for _ in starts]
        for begin, end in zip((0, *self._held_out_steps), self._held_out_steps):
            piece, fields = self._advance_all(shared._replace(step=tf.constant(begin)), fields, end - begin)
            losses.append(piece.numpy() if end == self._held_out_steps[-1] else piece.numpy()[:, :-1])
            for i, measured in enumerate(held_out if self._held_out_splits else []):
                f = {
                    name: tf.nest.map_structure(lambda x, i=i: x[i], fields[name])
                    for name in ("instance", "parameters")
                }
                for split, loss in self._held_out(shared._replace(**f, state=()), None).items():
                    measured[split].append(float(loss))
        taken = (time.perf_counter() - began) / len(starts)
        return [(own, measured, taken) for own, measured in zip(np.concatenate(losses, axis=1), held_out)]


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
