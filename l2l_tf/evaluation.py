"""Learning curves of an optimizer, learned or classic, on fresh draws of a problem.

Training's own evaluations and evaluate.py both call `Evaluator`, so they agree on equal seeds. Draw i of a seed is
the same f, theta_0 and minibatches for every optimizer: comparisons are paired.
"""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from l2l_tf import seeds, unroll
from l2l_tf.networks.network import Network
from problems.problem import Problem


class Curves(NamedTuple):
    """What an evaluation measured, one row a draw.

    Attributes:
      losses: `[draws, num_steps + 1]`, f(theta_0) to f(theta_T), on minibatches where there are any.
      held_out: split to `[draws, len(held_out_steps)]`, the mean loss over the split after those steps.
      held_out_steps: `[...]`, the last of them num_steps.
      seconds: `[draws]`, wall-clock time of each run (the first includes compiling).
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
      held_out_splits: of the problem, to measure along the way.
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
            if split not in problem.held_out_splits:
                raise ValueError(
                    f"The problem {problem.name!r} has the held-out splits {list(problem.held_out_splits)}. "
                    f"Received: {split!r}."
                )
        if any(not 0 < step <= num_steps for step in held_out_steps):
            raise ValueError(f"held_out_steps lie in 1 to num_steps={num_steps}. Received: {list(held_out_steps)}.")
        self._held_out_steps = tuple(sorted({*held_out_steps, num_steps}))
        self._held_out_splits = tuple(held_out_splits)
        self._start = tf.function(lambda seed: unroll.start(problem, network, seed), autograph=False)
        self._held_out = tf.function(
            lambda run, split: problem.held_out_loss(run.parameters, run.instance, split), autograph=False
        )

        @tf.function(autograph=False)
        def advance(run, num_steps):
            return unroll.losses_along(problem, network, run, num_steps)

        self._advance = advance

    def __call__(self, seed: tf.Tensor, num_draws: int, on_draw: Callable[[int], None] = lambda draw: None) -> Curves:
        """Curves on the first `num_draws` draws of `seed` (int32 `[2]`); `on_draw(i)` is called after each."""
        rows, seconds = [], []
        held_out: dict[str, list[list[float]]] = {split: [] for split in self._held_out_splits}
        for draw in range(num_draws):
            began = time.perf_counter()
            losses, measured = self._run(seeds.fold(seed, draw))
            seconds.append(time.perf_counter() - began)
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

    def _run(self, seed: tf.Tensor) -> tuple[np.ndarray, dict[str, list[float]]]:
        run = self._start(seed)
        losses: list[np.ndarray] = []
        held_out: dict[str, list[float]] = {split: [] for split in self._held_out_splits}
        for begin, end in zip((0, *self._held_out_steps), self._held_out_steps):
            piece, run = self._advance(run, end - begin)
            losses.append(piece.numpy() if end == self._held_out_steps[-1] else piece.numpy()[:-1])
            for split in self._held_out_splits:
                held_out[split].append(float(self._held_out(run, split)))
        return np.concatenate(losses), held_out
