"""How a run is cut into unrolls, and how long it is. Needs no TensorFlow.

Lengths come from a small geometric set, as each of them is a graph to compile.
"""

from collections.abc import Sequence

import numpy as np

SCHEDULES = ("fixed", "increasing", "log_uniform")
_HALVINGS = 3


def lengths(schedule: str, longest: int) -> tuple[int, ...]:
    """The lengths of unrolls that a schedule takes, ascending: the longest alone, or its halves, quarters and eighths.

    Raises:
      ValueError: an unknown schedule.
    """
    if schedule not in SCHEDULES:
        raise ValueError(f"unroll_schedule is one of {list(SCHEDULES)}. Received: {schedule!r}.")
    halvings = 0 if schedule == "fixed" else _HALVINGS
    return tuple(sorted({max(1, longest // 2**i) for i in range(halvings + 1)}))


def unrolls(schedule: str, longest: int, num_steps: int, progress: float, generator: np.random.Generator) -> list[int]:
    """The lengths of the unrolls of one run, as many whole ones as fit into `num_steps`.

    Args:
      schedule: "fixed" takes the longest; "increasing" goes through `lengths` in equal shares of the training (Metz
        et al. 2019); "log_uniform" draws each unroll's anew, all of `lengths` alike (Metz et al. 2020).
      longest: of the lengths.
      num_steps: of the run.
      progress: how much of the training is done, from 0 up to 1.
      generator: draws.
    """
    choice = lengths(schedule, longest)
    if schedule != "log_uniform":
        length = choice[stage(progress, len(choice))]
        return [length] * (num_steps // length)
    cuts: list[int] = []
    while fitting := [length for length in choice if length <= num_steps - sum(cuts)]:
        cuts.append(fitting[generator.integers(len(fitting))])
    return cuts


def num_steps_of(curriculum: Sequence[int] | None, num_steps: int, progress: float) -> int:
    """The steps of a run: `num_steps`, or the curriculum's entries in equal shares of the training."""
    return curriculum[stage(progress, len(curriculum))] if curriculum else num_steps


def stage(progress: float, count: int) -> int:
    """Which of `count` equal stages it is after that share of the training."""
    return min(int(progress * count), count - 1)
