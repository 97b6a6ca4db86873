"""What the trials of the TaskSet study come to: contenders by budget, on normalised losses. Needs no TensorFlow."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from problems.taskset.published import Normaliser


class Losses(NamedTuple):
    """Normalised losses of N trials on K tasks, of -2 to 2.

    Attributes:
      outer: `[K, N]`, what is chosen by.
      test: `[K, N]`, what is reported of the chosen.
      curves: `[K, N, points]`.
    """

    outer: np.ndarray
    test: np.ndarray
    curves: np.ndarray


class Row(NamedTuple):
    """A contender with a budget: one trial on each task.

    Attributes:
      name: as the table has it.
      trials: how many were tried on a task.
      outer: `[K]`, the loss that it was chosen by: of many trials, biased low.
      test: `[K]`, of the same trial on data that nothing was chosen by.
      curves: `[K, points]`.
    """

    name: str
    trials: int
    outer: np.ndarray
    test: np.ndarray
    curves: np.ndarray


def normalised(trials: Mapping[str, Sequence[Any]], normalisers: Mapping[str, Normaliser]) -> Losses:
    """Name of a task to its `Trial`s, as many on each, on the scale of the task."""

    def scaled(of):
        return np.array([[of(normalisers[name], trial) for trial in own] for name, own in trials.items()])

    return Losses(
        scaled(lambda n, trial: n(trial.outer)),
        scaled(lambda n, trial: n(trial.test)),
        scaled(lambda n, trial: [n(loss) for loss in trial.curve]),
    )


def learned(name: str, losses: Losses) -> Row:
    """Of an optimizer that is not tuned."""
    return Row(f"{name} (untuned)", 1, losses.outer[:, 0], losses.test[:, 0], losses.curves[:, 0])


def best_for_all(name: str, losses: Losses, count: int) -> Row:
    """Of the first `count` trials the one with the lowest mean over tasks, on all of them."""
    best = int(np.argmin(losses.outer[:, :count].mean(0)))
    return Row(
        f"{name}, global (configuration {best} of {count})",
        1,
        losses.outer[:, best],
        losses.test[:, best],
        losses.curves[:, best],
    )


def best_for_each(name: str, losses: Losses, count: int) -> Row:
    """Of the first `count` trials the best on each task."""
    best = np.argmin(losses.outer[:, :count], 1)
    tasks = np.arange(len(best))
    return Row(
        f"{name}, per task", count, losses.outer[tasks, best], losses.test[tasks, best], losses.curves[tasks, best]
    )


def table(rows: Sequence[Row]) -> str:
    """In Markdown: mean and median over tasks."""
    lines = [
        "| optimizer | trials a task | chosen by: mean / median | test: mean / median | along the run: mean |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        chosen, test = (f"{values.mean():.4f} / {np.median(values):.4f}" for values in (row.outer, row.test))
        lines.append(f"| {row.name} | {row.trials} | {chosen} | {test} | {row.curves.mean():.4f} |")
    return "\n".join(lines)


def as_json(rows: Sequence[Row], rules: Sequence[str]) -> list[dict[str, Any]]:
    """The table for programs; the first rows are those of `rules`, in their order."""
    kinds = [*rules, *(row.name.partition(",")[0] for row in rows[len(rules) :])]
    return [
        {
            "name": row.name,
            "optimizer": kind,
            "learned": i < len(rules),
            "trials": row.trials,
            **{
                of: {"mean": float(values.mean()), "median": float(np.median(values))}
                for of, values in (("outer", row.outer), ("test", row.test))
            },
        }
        for i, (row, kind) in enumerate(zip(rows, kinds))
    ]


def by_task(names: Sequence[str], rows: Sequence[Row]) -> str:
    """One line for each task and row."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["task", "optimizer", "trials", "outer_validation", "test"])
    for row in rows:
        for name, outer, test in zip(names, row.outer, row.test, strict=True):
            writer.writerow([name, row.name, row.trials, f"{outer:.6g}", f"{test:.6g}"])
    return stream.getvalue()


def histogram(against: Row, rows: Sequence[Row]) -> Any:
    """Of each of the other rows: how many tasks by the difference of its test loss from that of `against`."""
    from matplotlib.figure import Figure

    plot = Figure(figsize=(7, 1.5 * len(rows) + 1), layout="constrained")
    bins = np.linspace(-1, 1, 41)
    for i, row in enumerate(rows):
        axes = plot.add_subplot(len(rows), 1, i + 1)
        difference = np.clip(row.test - against.test, -1, 1)
        axes.hist(difference, bins, color=f"C{i}")
        axes.axvline(0, color="black", linewidth=0.8)
        worse = np.mean(difference > 0)
        axes.set_title(f"{row.name}: {against.name} is better on {worse:.0%} of the tasks", fontsize=8)
        axes.set_ylabel("tasks")
    axes.set_xlabel(f"normalised test loss, minus that of {against.name}; cut to -1 to 1")
    return plot


def curves(rows: Sequence[Row], num_steps: int) -> Any:
    """Mean over tasks of the normalised loss along the run."""
    from matplotlib.figure import Figure

    plot = Figure(figsize=(9, 4.5), layout="constrained")
    axes = plot.add_subplot()
    for i, row in enumerate(rows):
        style = "-" if "untuned" in row.name else "--" if "global" in row.name else ":"
        along = np.linspace(0, num_steps, row.curves.shape[1])
        axes.plot(along, row.curves.mean(0), style, color=f"C{i % 10}", label=f"{row.name}, {row.trials}")
    axes.set(xlabel="step", ylabel="normalised loss, mean over tasks")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    return plot


def pictures_of_tasks(parameters: Sequence[int], milliseconds: Sequence[float]) -> Any:
    """How many tasks there are by the number of their parameters, and by the time of a step."""
    from matplotlib.figure import Figure

    plot = Figure(figsize=(8, 3), layout="constrained")
    for i, (values, label) in enumerate(((parameters, "parameters"), (milliseconds, "milliseconds a step of Adam"))):
        axes = plot.add_subplot(1, 2, i + 1)
        low, high = np.log10(min(values)), np.log10(max(values))
        axes.hist(values, np.logspace(low, high + 1e-9, 21))
        axes.set(xscale="log", xlabel=label, ylabel="tasks")
    return plot
