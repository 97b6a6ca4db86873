"""What a comparison of optimizers is written down as: table, curves, JSON. Needs no TensorFlow.

All optimizers are compared on the same draws, so draw i of one pairs with draw i of another.
"""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from l2l_tf.saving import files

if TYPE_CHECKING:
    from l2l_tf.evaluation.evaluator import Curves

_FORMAT_VERSION = 1
_CURVE_POINTS = 1001
FILES = ("table.md", "curves.csv", "results.json")


class Result(NamedTuple):
    """An optimizer in a comparison.

    Attributes:
      name: as in the table.
      curves: what was measured.
      learned: whether it was, or is designed by hand.
      learning_rate: of a hand-designed one.
      details: JSON-able: its options, folder, learning-rate search.
    """

    name: str
    curves: "Curves"
    learned: bool
    learning_rate: float | None = None
    details: dict[str, Any] = {}  # noqa: RUF012 (never changed)


class Interval(NamedTuple):
    """A mean over draws and its 95 % confidence interval, by Student's t."""

    mean: float
    low: float
    high: float


def interval(values: np.ndarray) -> Interval:
    """Of `[draws]`; with one draw, the interval is that point."""
    values = np.asarray(values, np.float64)
    mean = float(values.mean())
    if len(values) < 2 or not np.all(np.isfinite(values)):
        return Interval(mean, mean, mean)
    half = t_quantile(len(values) - 1) * float(values.std(ddof=1)) / math.sqrt(len(values))
    return Interval(mean, mean - half, mean + half)


def t_quantile(degrees: int) -> float:
    """The 97.5 % quantile of Student's t distribution, to 0.1 % (Abramowitz and Stegun 1964, 26.7.5)."""
    if degrees == 1:
        return math.tan(math.pi * 0.475)
    if degrees == 2:
        return 0.95 * math.sqrt(2 / (1 - 0.95**2))
    z = NormalDist().inv_cdf(0.975)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return sum(term / degrees**i for i, term in enumerate(terms))


def summary(result: Result, first: Result) -> dict[str, Any]:
    """The numbers of a row of the table, JSON-able; None where a number is not finite.

    Of the draws whose loss at theta_0 is finite (`Curves.counted`); `left_out_draws` are the numbers of the others.
    `wins_of_first` counts the draws on which `first` ends with the lower loss; None for `first` itself.
    """
    curves, counted = result.curves, result.curves.counted
    final = curves.final()[counted]
    return {
        "name": result.name,
        "learned": result.learned,
        "learning_rate": result.learning_rate,
        "final_loss": _finite(interval(final)._asdict()),
        "median_final_loss": _finite(float(np.median(final))),
        "log10_mean_final_loss": _finite(curves.log_mean_final_error),
        "wins_of_first": None if result is first else wins(first.curves.final()[counted], final),
        "num_draws": len(final),
        "left_out_draws": np.flatnonzero(~counted).tolist(),
        "held_out": {split: _finite(interval(curves.final(split)[counted])._asdict()) for split in curves.held_out},
        "mean_epoch_time": curves.mean_epoch_time,
    }


def wins(ours: np.ndarray, theirs: np.ndarray) -> int:
    """On how many of the draws, the same for both, `ours` is lower; a loss that is not a number is above all."""
    return int(np.sum(np.where(np.isnan(ours), np.inf, ours) < np.where(np.isnan(theirs), np.inf, theirs)))


def plus_minus(bounds: Interval) -> str:
    """An interval as mean and half-width; a point, as one draw gives, as itself."""
    if not math.isfinite(bounds.mean):
        return "not finite"
    half = f" ± {bounds.high - bounds.mean:.2g}" if bounds.high > bounds.mean else ""
    return f"{bounds.mean:.4g}{half}"


def number(value: float | None, format_spec: str) -> str:
    """`value` in that format; a dash for None."""
    return "-" if value is None else format(value, format_spec)


def aligned(rows: Sequence[Sequence[str]], markdown: bool = True) -> str:
    """Rows, the first of them the header, in columns: in Markdown or for a terminal."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [[cell.ljust(width) for cell, width in zip(row, widths)] for row in rows]
    if not markdown:
        return "\n".join("  ".join(line).rstrip() for line in lines)
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def caveats(results: Sequence[Result]) -> list[str]:
    """What a reader of the comparison has to know beside its numbers, a sentence each."""
    said = []
    curves = results[0].curves
    what = next(iter(curves.faults.values()), ["the loss"])[0]
    if left_out := np.flatnonzero(~curves.counted).tolist():
        said.append(f"Left out are the draws that are not finite at theta_0, as {what} is not: {_some(left_out)}.")
    elif len(curves.faults) == len(curves.losses):
        said.append(f"No draw is finite at theta_0, as {what} is not: nothing is said of the optimizers.")
    return said + [sentence for result in results for sentence in tuning_caveats(result.name, result.details)]


def tuning_caveats(name: str, details: Mapping[str, Any]) -> list[str]:
    """What is wrong with the search in a contender's details, a sentence each; none where all is well."""
    if (search := details.get("tuning") or details.get("search")) is None:
        return []
    rate, said = f"{search['learning_rate']:g}", []
    if not search.get("interior", True):
        ends = [f"{trial['learning_rate']:g}" for trial in (search["trials"][0], search["trials"][-1])]
        said.append(f"{name}: the learning rate {rate} is at the edge of those tried, {' to '.join(ends)}.")
    elif not search.get("safe", True):  # Newer than the first records, where only an edge had no test that held.
        said.append(f"{name}: no safety test of its learning rates held; at {rate} rare draws may diverge.")
    if left_out := search.get("left_out_draws"):
        said.append(f"{name}: draws without a finite loss at any learning rate are left out: {_some(left_out)}.")
    return said


def table(results: Sequence[Result], markdown: bool = False) -> str:
    """A row an optimizer, for a terminal or in Markdown; caveats below."""
    said = caveats(results)
    return "\n".join([aligned(rows(results), markdown), *([""] if said else []), *said])


def rows(results: Sequence[Result]) -> list[list[str]]:
    """The cells of `table`, the header first."""
    first = results[0]
    splits = list(first.curves.held_out)
    header = ["optimizer", "learning rate", "final loss (95 %)", "median", "log10 mean"]
    header += [f"{split} loss (95 %)" for split in splits]
    header += [f"{first.name} wins"] * (len(results) > 1) + ["s / run"]
    cells_of_all = [header]
    for result in results:
        row, counted = summary(result, first), result.curves.counted
        won = row["wins_of_first"]
        cells = [result.name, number(result.learning_rate, "g"), plus_minus(interval(result.curves.final()[counted]))]
        cells += [number(row["median_final_loss"], ".4g"), number(row["log10_mean_final_loss"], ".3f")]
        cells += [plus_minus(interval(result.curves.final(split)[counted])) for split in splits]
        cells += [f"{won}/{row['num_draws']}" if won is not None else "-"] * (len(results) > 1)
        cells_of_all.append([*cells, f"{row['mean_epoch_time']:.3g}"])
    return cells_of_all


def log10_line(loss: float, digits: int = 3) -> str:
    """A mean loss as the original code logs it; one that has no logarithm as it is."""
    return f"Log Mean Final Error: {math.log10(loss):.{digits}f}" if loss > 0 else f"Mean Final Error: {loss:.4g}"


def curves_csv(results: Sequence[Result]) -> str:
    """One line for each optimizer, draw and step: the loss, and the held-out losses at the steps that have them."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    splits = list(results[0].curves.held_out)
    writer.writerow(["optimizer", "draw", "step", "loss", *splits])
    for result in results:
        curves = result.curves
        column = {step: i for i, step in enumerate(curves.held_out_steps)}
        for draw, losses in enumerate(curves.losses):
            for step, loss in enumerate(losses):
                held_out = [
                    str(curves.held_out[split][draw, column[step]]) if step in column else "" for split in splits
                ]
                # str of a NumPy scalar is the shortest text that reads back as the same number.
                writer.writerow([result.name, draw, step, str(loss), *held_out])
    return stream.getvalue()


def as_json(results: Sequence[Result], about: dict[str, Any]) -> dict[str, Any]:
    """All of the comparison but the single curves. `about`: the problem, the command, the seed and the like.

    A mean curve of more than `_CURVE_POINTS` has each `mean_curve_every`-th step; `curves_csv` has them all.
    """
    entries = []
    for result in results:
        curves = result.curves
        with np.errstate(invalid="ignore"):
            mean_curve = curves.losses[curves.counted].astype(np.float64).mean(axis=0)
        every = math.ceil(len(mean_curve) / _CURVE_POINTS)
        entries.append(
            {
                **summary(result, results[0]),
                "details": result.details,
                "final_losses": _finite(curves.final().tolist()),
                "held_out_final_losses": {s: _finite(curves.final(s).tolist()) for s in curves.held_out},
                "mean_curve": _finite([float(f"{loss:.7g}") for loss in mean_curve[::every]]),  # as float32 has digits
                "mean_curve_every": every,
                "seconds": curves.seconds.tolist(),
            }
        )
    return {"format_version": _FORMAT_VERSION, **about, "results": entries}


def write(results: Sequence[Result], about: dict[str, Any], folder: str | Path, text: str | None = None) -> None:
    """Writes `table.md` (`text`, or else `table`), `curves.csv` and `results.json` to `folder`.

    Raises:
      OSError: one of them cannot be written.
    """
    folder = Path(folder)
    what = "".join(f"- {name}: `{about[name]}`\n" for name in ("command", "date") if name in about)
    contents = (
        f"{table(results, markdown=True)}\n\n{what}" if text is None else text,
        curves_csv(results),
        json.dumps(as_json(results, about), indent=1, allow_nan=False) + "\n",
    )
    for name, content in zip(FILES, contents, strict=True):
        files.write(folder / name, content)


def _some(numbers: Sequence[int]) -> str:
    """The first ten numbers, and how many there are where there are more."""
    more = f", ... ({len(numbers)} in all)" if len(numbers) > 10 else ""
    return ", ".join(map(str, numbers[:10])) + more


def _finite(value: Any) -> Any:
    """`value` with None for each number that is not finite: JSON has no other."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value if math.isfinite(value) else None
