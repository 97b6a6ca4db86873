"""The draws that a search of learning rates is on, without those that are finite at no rate."""

import numpy as np

from l2l_tf.evaluation.evaluator import Evaluator
from l2l_tf.networks.classic import Classic
from l2l_tf.unrolling import seeds
from l2l_tf.unrolling.soundness import Soundness
from problems.problem import Problem


class TuningDraws:
    """Final losses on the tuning draws of `seed`, without those that say nothing of rates.

    Args:
      problem, num_steps: what is minimised, in how many steps.
      network: by what; its learning rate is set.
      split: the held-out split whose loss counts; None takes the loss that the optimizer sees.
      seed: of the draws.

    Attributes:
      left_out: the numbers of the draws that are not finite even at a learning rate of 0, as far as they were seen.
    """

    def __init__(self, problem: Problem, network: Classic, num_steps: int, split: str | None, seed: int):
        self._problem = problem
        self._network = network
        self._split = split
        self._evaluator = Evaluator(problem, network, num_steps, [split] if split else [])
        self._draws = seeds.fold(seeds.root(seed), seeds.Purpose.TUNING)
        self._stands: dict[int, bool] = {}  # Draw to whether its loss is finite at the rate 0, once that is in doubt.

    @property
    def left_out(self) -> list[int]:
        return sorted(draw for draw, stands in self._stands.items() if not stands)

    def final_losses(self, learning_rate: float, num_draws: int) -> np.ndarray:
        """Of those of the first `num_draws` draws that count.

        Raises:
          ValueError: none does.
        """
        self._network.learning_rate.assign(learning_rate)
        losses = self._evaluator(self._draws, num_draws).final(self._split)
        if in_doubt := [int(i) for i in np.flatnonzero(~np.isfinite(losses)) if int(i) not in self._stands]:
            self._network.learning_rate.assign(0.0)
            standing = self._evaluator.on_draws(self._draws, in_doubt).final(self._split)
            self._stands |= dict(zip(in_doubt, np.isfinite(standing).tolist(), strict=True))
        counts = [draw for draw in range(num_draws) if self._stands.get(draw, True)]
        if not counts:
            raise ValueError(self._none_counts(num_draws))
        return losses[counts]

    def _none_counts(self, num_draws: int) -> str:
        faults = Soundness(self._problem, [self._split] if self._split else []).faults(seeds.fold(self._draws, 0))
        where = f" At theta_0 of draw 0 it is {', '.join(faults)}." if faults else ""
        return (
            f"Of the {num_draws} draws of {self._problem.name!r} none has a finite loss even at a learning rate of 0, "
            f"so that rates cannot be compared.{where}"
        )
