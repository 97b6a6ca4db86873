"""The draws that phi cannot learn from, as they are not finite before any step: left out, counted and named."""

import tensorflow as tf

from l2l_tf.unrolling import seeds
from l2l_tf.unrolling.soundness import Soundness
from problems.problem import Problem

_IN_A_ROW = 25


class ProblemNotFiniteError(ValueError):
    """A problem that is not finite where it starts, so that no rule and no learning rate can be told from another."""


class LeftOut:
    """Which runs of an epoch are not finite at theta_0.

    Args:
      problem: what phi learns from.
      root: of the training's seeds.
      optimizees: runs of an epoch.

    Attributes:
      count: of the runs left out so far.
    """

    def __init__(self, problem: Problem, root: tf.Tensor, optimizees: int):
        self._problem = problem
        self._root = root
        self._optimizees = optimizees
        self._soundness = Soundness(problem)
        self.count = 0

    def look(self, epoch: int) -> bool:
        """Counts what is left out of `epoch` (from 0), where something was not finite; whether anything is left.

        Raises:
          ProblemNotFiniteError: nothing is, nor of the 24 epochs that follow.
        """
        faulty = sum(bool(faults) for faults in self._faults(epoch))
        self.count += faulty
        if faulty < self._optimizees:
            return True
        if all(all(self._faults(later)) for later in range(epoch + 1, epoch + _IN_A_ROW)):
            draws = f"{_IN_A_ROW * self._optimizees} draws in a row, from epoch {epoch + 1} on"
            raise not_finite(self._problem, draws, self._faults(epoch)[0])
        return False

    def _faults(self, epoch: int) -> list[list[str]]:
        seed = seeds.fold(self._root, seeds.Purpose.TRAINING, epoch)
        return [self._soundness.faults(seeds.fold(seed, i)) for i in range(self._optimizees)]


def not_finite(problem: Problem, draws: str, faults: list[str]) -> ProblemNotFiniteError:
    """The error that says of which draws, and what there is not finite."""
    return ProblemNotFiniteError(
        f"The problem {problem.name!r} is not finite at theta_0, before any step, in {draws}: in the first of them "
        f"{', '.join(faults)}. That is the problem's, not the learning rate's: begin elsewhere, or mend the loss there "
        "(norms and roots, say, have no gradient at 0)."
    )
