"""The tables of the zoo, in Markdown. Needs no TensorFlow."""

import math
from collections.abc import Mapping, Sequence

from benchmarks.keras_zoo.judgement import ADAM, ADAM_COSINE, LOSSES, SGD_COSINE, Row, Score
from l2l_tf.evaluation import report

TITLES = {"loss": "Training loss", "held_out": "Held-out loss"}


def scores(by_loss: Mapping[str, Mapping[str, Score]]) -> str:
    """A row for each optimizer and loss."""
    cells = [
        [
            "optimizer",
            "loss",
            "at or below Adam",
            "at or below tuned Adam",
            "at or below tuned SGD",
            "diverged",
            "normalised, mean",
            "median",
        ]
    ]
    for loss in LOSSES:
        for optimizer, score in by_loss[loss].items():
            shares = [_share(n, score.models) for n in (score.adam, score.adam_cosine, score.sgd_cosine)]
            name = TITLES[loss].partition(" ")[0].lower()
            cells.append([optimizer, name, *shares, str(score.diverged), f"{score.mean:.3f}", f"{score.median:.3f}"])
    return report.aligned(cells)


def duels(rows: Sequence[Row], rules: Sequence[str]) -> str:
    """On how many models the rule of a row is below that of a column."""
    cells = [["below", *rules]]
    for rule in rules:
        counts = [
            str(sum(row.means[rule] < row.means[other] for row in rows)) if other != rule else "" for other in rules
        ]
        cells.append([rule, *counts])
    return report.aligned(cells)


def models(rows: Sequence[Row], rules: Sequence[str], about: Mapping[str, str]) -> str:
    """A row for each model: losses, the rates of the tuned ones, and in bold what is at or below tuned Adam.

    Args:
      rows: of one loss.
      rules: the learned optimizers.
      about: model to its kind and number of parameters.
    """
    cells = [["model", "start", "Adam", "Adam cosine (rate)", "SGD cosine (rate)", *rules]]
    for row in rows:
        tuned = [f"{_loss(row.means[name])} ({row.rates[name]:g})" for name in (ADAM_COSINE, SGD_COSINE)]
        ours = [_marked(row, rule) for rule in rules]
        cells.append([about[row.model], _loss(row.start), _loss(row.means[ADAM]), *tuned, *ours])
    return report.aligned(cells)


def several(lines: Sequence[Mapping], optimizers: Mapping[str, float | None]) -> str:
    """What each of several models minimised, which they have by turns: means over seeds, and the largest of all.

    Args:
      lines: the runs of one task.
      optimizers: name to the rate whose runs are shown; None for rules.
    """
    cells = [["optimizer", "loss of each, last tenth", "largest"]]
    for name, rate in optimizers.items():
        runs = [line for line in lines if line["optimizer"] == name and line["rate"] == rate and "own" in line]
        if runs:
            cells.append([name if rate is None else f"{name} ({rate:g})", *(_each(runs, key) for key in _OF_SEVERAL)])
    return report.aligned(cells)


_OF_SEVERAL = {"own": lambda values: sum(values) / len(values), "own_largest": max}


def _each(runs, key):
    by_model = zip(*([math.inf if value is None else value for value in run[key]] for run in runs), strict=True)
    return ", ".join(_loss(_OF_SEVERAL[key](values)) for values in by_model)


def _marked(row, rule):
    text = _loss(row.means[rule]) + ("!" if rule in row.wild else "")
    return f"**{text}**" if row.means[rule] <= row.means[ADAM_COSINE] else text


def _loss(value):
    return f"{value:.4g}" if math.isfinite(value) else "not finite"


def _share(number, of):
    return f"{number}/{of} ({number / of:.0%})" if of else "-"
