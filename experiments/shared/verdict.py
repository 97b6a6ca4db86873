"""Whether a claim holds, from the losses of paired draws. Needs no TensorFlow."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from l2l_tf.evaluation import report

HOLDS, IN_PART, DOES_NOT_HOLD, NOT_RUN = "holds", "holds in part", "does not hold", "not run yet"


class Comparison(NamedTuple):
    """A learned optimizer, trained with several seeds, against the best of the hand-designed ones.

    Attributes:
      best: the name of the baseline with the lowest mean.
      ratio: mean loss over draws and seeds, over the best baseline's.
      below: for each seed, whether it is below every baseline: the interval of the paired difference is below 0.
    """

    best: str
    ratio: float
    below: list[bool]


def compare(learned: Sequence[np.ndarray], baselines: Mapping[str, np.ndarray]) -> Comparison:
    """Of final losses `[draws]`: one array a seed, one a baseline, all on the same draws.

    A loss that is not finite is infinite: an optimizer that diverges on a draw is below none.
    """
    learned = [_infinite(losses) for losses in learned]
    baselines = {name: _infinite(losses) for name, losses in baselines.items()}
    best = min(baselines, key=lambda name: float(baselines[name].mean()))
    mean = np.mean(learned, axis=0)
    lowest = float(baselines[best].mean())
    return Comparison(
        best,
        float(mean.mean()) / lowest,
        [all(difference(losses, theirs).high < 0 for theirs in baselines.values()) for losses in learned],
    )


def difference(ours: np.ndarray, theirs: np.ndarray) -> report.Interval:
    """Of `ours - theirs` over draws; infinite where either is, in favour of the finite one."""
    if not np.all(np.isfinite(ours)):
        return report.Interval(np.inf, np.inf, np.inf)
    if not np.all(np.isfinite(theirs)):
        return report.Interval(-np.inf, -np.inf, -np.inf)
    return report.interval(ours - theirs)


def of_seeds(below: Sequence[bool]) -> str:
    """The verdict on "below every tuned baseline": on all seeds, on some, or on none."""
    return HOLDS if all(below) else IN_PART if any(below) else DOES_NOT_HOLD


def combined(verdicts: Sequence[str]) -> str:
    """Of a claim with several parts."""
    if NOT_RUN in verdicts or not verdicts:
        return NOT_RUN
    return verdicts[0] if len(set(verdicts)) == 1 else IN_PART


def opposite(verdict: str) -> str:
    """Of the claim that the learned optimizer is *not* below every baseline."""
    return {HOLDS: DOES_NOT_HOLD, DOES_NOT_HOLD: HOLDS}.get(verdict, verdict)


def _infinite(losses: np.ndarray) -> np.ndarray:
    losses = np.asarray(losses, np.float64)
    return np.where(np.isfinite(losses), losses, np.inf)
