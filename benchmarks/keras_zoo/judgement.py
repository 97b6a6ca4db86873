"""What the runs say of a rule: on how many models it is at or below Adam, tuned Adam and tuned SGD.

A model's loss under an optimizer is the mean over seeds: of the last tenth of the steps, or of the held-out data after
the last step. Tuned is the rate with the lowest such mean, chosen for each model and each of the two losses by itself.
Needs no TensorFlow.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks.keras_zoo.records import START

# The names of `contenders.py`, which imports TensorFlow.
ADAM, ADAM_COSINE, SGD_COSINE = "Adam", "Adam cosine", "SGD cosine"
LOSSES = ("loss", "held_out")


class Row(NamedTuple):
    """One model, by one of the two losses.

    Attributes:
      model: its name.
      start: untrained.
      means: optimizer to loss; those with several rates have their best. Infinite where a seed's is not finite.
      rates: optimizer to the rate that was best, for those that are tuned.
      wild: rules with a seed that ended above the start.
    """

    model: str
    start: float
    means: dict[str, float]
    rates: dict[str, float]
    wild: frozenset[str]

    def normalised(self, optimizer: str) -> float:
        """0 is tuned Adam's loss, 1 the start; below 0 is better than tuned Adam."""
        best = self.means[ADAM_COSINE]
        return (self.means[optimizer] - best) / (self.start - best)


class Score(NamedTuple):
    """A rule, by one of the two losses, over the models.

    Attributes:
      models: how many there are.
      adam, adam_cosine, sgd_cosine: on how many it is at or below that one.
      diverged: on how many a seed was not finite or ended above the start.
      mean, median: of the normalised losses; in the mean none counts more than 1, the start.
    """

    models: int
    adam: int
    adam_cosine: int
    sgd_cosine: int
    diverged: int
    mean: float
    median: float


def rows(lines: Sequence[dict[str, Any]], steps: int, seeds: int, versions: dict[str, str | None], loss: str):
    """A `Row` for each model on which everything was run, and the models where something is missing.

    Args:
      lines: of `Records`.
      steps: of the runs.
      seeds: those below this count.
      versions: optimizer to the version of it that counts: None for those that have none.
      loss: one of `LOSSES`. Models that have no held-out data have no row in "held_out".
    """
    runs: dict[str, dict[tuple[str, float | None], dict[int, dict]]] = {}
    for line in lines:
        own_steps = 0 if line["optimizer"] == START else steps
        if line["steps"] == own_steps and line["seed"] < seeds:
            if line["optimizer"] in versions and line["version"] != versions[line["optimizer"]]:
                continue
            key = (line["optimizer"], line["rate"])
            runs.setdefault(line["model"], {}).setdefault(key, {})[line["seed"]] = line
    found, unfinished = [], []
    for model, by_run in runs.items():
        complete = {key: by_seed for key, by_seed in by_run.items() if len(by_seed) == seeds}
        if not {START, *versions} <= {optimizer for optimizer, _ in complete}:
            unfinished.append(model)
        elif loss in complete[START, None][0]:
            found.append(_row(model, complete, list(versions), loss))
    return found, unfinished


def score(rows: Sequence[Row], optimizer: str) -> Score:
    """How the optimizer does on these models."""
    ours = [row.means[optimizer] for row in rows]
    normalised = [row.normalised(optimizer) for row in rows]
    below = {
        other: sum(mine <= row.means[other] and math.isfinite(mine) for mine, row in zip(ours, rows))
        for other in (ADAM, ADAM_COSINE, SGD_COSINE)
    }
    diverged = sum(optimizer in row.wild for row in rows)
    mean = float(np.mean(np.minimum(normalised, 1)))
    return Score(len(rows), *below.values(), diverged, mean, float(np.median(normalised)))


def _row(model, complete, optimizers, loss) -> Row:
    starts = {seed: line[loss] for seed, line in complete[START, None].items()}
    means: dict[str, float] = {}
    rates: dict[str, float] = {}
    wild = set()
    for (optimizer, rate), by_seed in complete.items():
        if optimizer not in optimizers:
            continue
        losses = {seed: math.inf if line[loss] is None else line[loss] for seed, line in by_seed.items()}
        mean = float(np.mean(list(losses.values())))
        if mean < means.get(optimizer, math.inf) or optimizer not in means:
            means[optimizer] = mean
            if rate is not None:
                rates[optimizer] = rate
            wild.discard(optimizer)
            if any(not value <= starts[seed] for seed, value in losses.items()):
                wild.add(optimizer)
    return Row(model, float(np.mean(list(starts.values()))), means, rates, frozenset(wild))
