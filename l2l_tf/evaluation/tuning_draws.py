"""The draws that a search of learning rates is on, without those that are finite at no rate."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf

from l2l_tf.evaluation.evaluator import Evaluator
from l2l_tf.evaluation.side_by_side import SideBySide
from l2l_tf.networks.classic import Classic
from l2l_tf.unrolling import seeds
from l2l_tf.unrolling.soundness import Soundness
from problems.problem import Problem


class TuningDraws:
    """Final losses on the tuning draws of `seed`, without those that say nothing of rates.

    Args:
      problem, num_steps: what is minimised, in how many steps.
      network: by what; its hyperparameters are set.
      split: the held-out split whose loss counts; None takes the loss that the optimizer sees.
      seed: of the draws.
      hyperparameters: name to variable of the network, `learning_rate` among them.

    Attributes:
      left_out: the numbers of the draws that are not finite even at a learning rate of 0, as far as they were seen.
    """

    def __init__(
        self,
        problem: Problem,
        network: Classic,
        num_steps: int,
        split: str | None,
        seed: int,
        hyperparameters: Mapping[str, tf.Variable],
    ):
        self._problem = problem
        self._hyperparameters = dict(hyperparameters)
        self._split = split
        self._side_by_side = SideBySide(problem, network, list(self._hyperparameters.values()), num_steps, split)
        self._evaluator = Evaluator(problem, network, num_steps, [split] if split else [])
        self._draws = seeds.fold(seeds.root(seed), seeds.Purpose.TUNING)
        self._stands: dict[int, bool] = {}  # Draw to whether its loss is finite at the rate 0, once that is in doubt.

    @property
    def left_out(self) -> list[int]:
        return sorted(draw for draw, stands in self._stands.items() if not stands)

    def final_losses(self, settings: Sequence[Mapping[str, float]], num_draws: int) -> Iterator[np.ndarray]:
        """For each of `settings`, hyperparameters by name: those of the first `num_draws` draws that count.

        Many settings run side by side where that is faster, and agree with those one by one to rounding.

        Raises:
          ValueError: no draw counts.
        """
        for losses in self._all(settings, num_draws):
            yield self._of_those_that_count(losses)

    def _all(self, settings: Sequence[Mapping[str, float]], num_draws: int) -> Iterator[np.ndarray]:
        """For each of the settings, the losses of all draws."""
        if self._side_by_side.pays(len(settings), seeds.fold(self._draws, 0), num_draws):
            values = np.array([[setting[name] for name in self._hyperparameters] for setting in settings])
            yield from self._side_by_side(values, [seeds.fold(self._draws, draw) for draw in range(num_draws)])
        else:
            for setting in settings:
                self._set(setting)
                yield self._evaluator(self._draws, num_draws).final(self._split)

    def _of_those_that_count(self, losses: np.ndarray) -> np.ndarray:
        if in_doubt := [int(i) for i in np.flatnonzero(~np.isfinite(losses)) if int(i) not in self._stands]:
            self._set({"learning_rate": 0.0})
            standing = self._evaluator.on_draws(self._draws, in_doubt).final(self._split)
            self._stands |= dict(zip(in_doubt, np.isfinite(standing).tolist(), strict=True))
        counts = [draw for draw in range(len(losses)) if self._stands.get(draw, True)]
        if not counts:
            raise ValueError(self._none_counts(len(losses)))
        return losses[counts]

    def _set(self, setting: Mapping[str, float]) -> None:
        for name, value in setting.items():
            self._hyperparameters[name].assign(value)

    def _none_counts(self, num_draws: int) -> str:
        faults = Soundness(self._problem, [self._split] if self._split else []).faults(seeds.fold(self._draws, 0))
        where = f" At theta_0 of draw 0 it is {', '.join(faults)}." if faults else ""
        return (
            f"Of the {num_draws} draws of {self._problem.name!r} none has a finite loss even at a learning rate of 0, "
            f"so that rates cannot be compared.{where}"
        )
