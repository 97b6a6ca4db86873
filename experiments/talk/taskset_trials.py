"""Trials of the TaskSet study: what a configuration, or a learned optimizer, came to on a task; kept in a file a task.

A file `TASK/CONTENDER.json` holds the trials of one contender on one task, in the order of the search space, so that a
larger budget goes on where a smaller one ended.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from experiments.talk import taskset_runs
from experiments.talk.taskset_runs import Curves, Runs, smoothed
from l2l_tf import networks
from l2l_tf.evaluation import comparison
from l2l_tf.networks import search_spaces
from l2l_tf.networks.scheduled import Scheduled
from l2l_tf.saving import files
from l2l_tf.unrolling import seeds
from problems.taskset.task import Task

SEEDS = (0, 1)
POINTS = 21  # Of a curve that is kept.


class Trial(NamedTuple):
    """One configuration on one task, or one learned optimizer; means over seeds, infinite where one is not finite.

    Attributes:
      outer: the mean of the last 50 "outer_validation" losses: a configuration is chosen by it.
      test: the mean loss of 50 "test" minibatches after the last step: what is reported of the chosen.
      curve: the smoothed "outer_validation" losses at `POINTS` steps, evenly spaced, from the first window to the last.
    """

    outer: float
    test: float
    curve: tuple[float, ...]


class Kept:
    """The trials of a folder.

    Args:
      folder: of them.
      num_steps: of each run. A folder is of runs of one length.

    Raises:
      ValueError: the folder has runs of another length.
    """

    def __init__(self, folder: Path, num_steps: int):
        self._folder = folder
        about = folder / "about.json"
        settings = {"num_steps": num_steps, "seeds": list(SEEDS), "window": taskset_runs.WINDOW}
        if about.exists() and (found := json.loads(about.read_text(encoding="utf-8"))) != settings:
            raise ValueError(f"{folder} has runs of {found}; give another --runs, or the same. Received: {settings}.")
        files.write(about, json.dumps(settings) + "\n")

    def read(self, task: str, contender: str) -> list[Trial]:
        """What is there, in order."""
        path = self._path(task, contender)
        if not path.exists():
            return []
        rows = json.loads(path.read_text(encoding="utf-8"))
        return [Trial(_number(r["outer"]), _number(r["test"]), tuple(map(_number, r["curve"]))) for r in rows]

    def write(self, task: str, contender: str, trials: Sequence[Trial]) -> None:
        """Keeps all of them, in place of what was there."""
        rows = [
            {"outer": _text(trial.outer), "test": _text(trial.test), "curve": list(map(_text, trial.curve))}
            for trial in trials
        ]
        files.write(self._path(task, contender), json.dumps(rows) + "\n")

    def _path(self, task: str, contender: str) -> Path:
        return self._folder / task / f"{contender}.json"


def of_space(task: Task, space: str, first: int, end: int, num_steps: int) -> list[Trial]:
    """The trials of configurations `first` to before `end` of a search space, side by side."""
    built = [networks.get(name, **options) for name, options in _configurations(space, first, end, num_steps)]
    scheduled = [network for network in built if isinstance(network, Scheduled)]
    runs = Runs(task, scheduled[0], num_steps, taskset_runs.hyperparameters(scheduled))
    return _trials(runs, end - first)


def of_learned(task: Task, folder: Path, num_steps: int) -> list[Trial]:
    """The one trial of a saved optimizer.

    Raises:
      SavedOptimizerError: the folder does not hold one.
    """
    contender = comparison.saved(folder.name, folder, task)
    return _trials(Runs(task, contender.network, num_steps), 1)


def _trials(runs: Runs, count: int) -> list[Trial]:
    """Over all seeds. What TensorFlow cannot run counts as not finite."""
    try:
        curves = [runs(seeds.fold(seeds.root(seed), seeds.Purpose.EVALUATION)) for seed in SEEDS]
    except tf.errors.OpError:
        return [Trial(math.inf, math.inf, (math.inf,) * POINTS)] * count
    return [_trial(curves, member) for member in range(count)]


def _trial(curves: Sequence[Curves], member: int) -> Trial:
    with np.errstate(over="ignore", invalid="ignore"):
        along = smoothed(np.mean([c.outer[member] for c in curves], 0))
        test = float(np.mean([c.test[member] for c in curves]))
    places = np.linspace(0, len(along) - 1, POINTS).round().astype(int)
    return Trial(float(along[-1]), test if math.isfinite(test) else math.inf, tuple(map(float, along[places])))


def _configurations(space: str, first: int, end: int, num_steps: int) -> list[tuple[str, dict[str, Any]]]:
    return [search_spaces.configuration(space, number, num_steps) for number in range(first, end)]


def _text(value: float) -> float | None:
    return float(f"{value:.7g}") if math.isfinite(value) else None


def _number(value: float | None) -> float:
    return math.inf if value is None else value
