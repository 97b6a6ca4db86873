"""The table and the figure of a comparison with several meta-training seeds. Needs no TensorFlow.

Nothing in the table depends on when or how fast it was made: the same command gives the same text again.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from experiments.shared import verdict
from l2l_tf.evaluation import figures, report
from l2l_tf.evaluation.report import Result


def groups(results: Sequence[Result]) -> dict[str, list[Result]]:
    """The learned results by what was trained, `details["group"]`: one result a seed."""
    grouped: dict[str, list[Result]] = {}
    for result in results:
        if result.learned:
            grouped.setdefault(result.details["group"], []).append(result)
    return grouped


def pooled(name: str, seeds: Sequence[Result]) -> Result:
    """The mean over seeds, draw by draw."""
    if len(seeds) == 1:
        return seeds[0]._replace(name=name)
    curves = [result.curves for result in seeds]
    mean = curves[0]._replace(
        losses=np.mean([c.losses for c in curves], axis=0, dtype=np.float64),
        held_out={
            split: np.mean([c.held_out[split] for c in curves], axis=0, dtype=np.float64)
            for split in curves[0].held_out
        },
    )
    return seeds[0]._replace(name=f"{name}, {len(seeds)} seeds", curves=mean)


def comparisons(results: Sequence[Result], split: str | None) -> dict[str, verdict.Comparison]:
    """Each group against the baselines, on a held-out split or as the optimizee saw the loss."""
    baselines = {result.name: result.curves.final(split) for result in results if not result.learned}
    return {
        name: verdict.compare([result.curves.final(split) for result in seeds], baselines)
        for name, seeds in groups(results).items()
    }


def table(results: Sequence[Result], split: str | None, last: int = 0) -> str:
    """`rows`, in Markdown."""
    return report.aligned(rows(results, split, last))


def rows(results: Sequence[Result], split: str | None, last: int = 0) -> list[list[str]]:
    """A header, and a row for each seed, for the mean over seeds and for each baseline.

    Intervals are 95 % over draws; "better" counts the draws on which a row is below the best baseline.
    With `last`, the mean loss over that many last steps is shown too, as the optimizee saw it.
    """
    best = next(iter(comparisons(results, split).values())).best
    reference = next(result for result in results if result.name == best).curves.final(split)
    others = [None, *results[0].curves.held_out]
    others.remove(split)
    header = ["optimizer", "learning rate", f"{_loss(split)} (95 %)", "median", f"of {best}'s", f"better than {best}"]
    cells = [[*header, *(f"{_loss(other)} (95 %)" for other in others)]]
    cells[0] += [f"loss of the last {last} steps (95 %)"] * bool(last)
    for result in _rows(results):
        final = result.curves.final(split)
        ratio = float(np.mean(final, dtype=np.float64) / np.mean(reference, dtype=np.float64))
        cells.append(
            [
                result.name,
                report.number(result.learning_rate, "g"),
                report.plus_minus(report.interval(final)),
                f"{np.median(final):.4g}",
                f"{ratio:.3f}",
                "-" if result.name == best else f"{report.wins(final, reference)}/{len(final)}",
                *(report.plus_minus(report.interval(result.curves.final(other))) for other in others),
            ]
        )
        if last:
            cells[-1].append(report.plus_minus(report.interval(result.curves.losses[:, -last:].mean(1))))
    return cells


def figure(results: Sequence[Result], title: str, split: str | None, by_time: bool = False) -> Any:
    """Learning curves of the means over seeds and of the baselines; on the split where it was measured on the way.

    `by_time`: over the seconds that a run takes, rather than over steps.
    """
    shown = compared(results)
    along = len(shown[0].curves.held_out_steps) > 2
    return figures.learning_curves(shown, title, split if along else None, by_time)


def compared(results: Sequence[Result]) -> list[Result]:
    """What figures show: the means over seeds, and the baselines."""
    shown = [pooled(name, seeds) for name, seeds in groups(results).items()]
    return [*shown, *(result for result in results if not result.learned)]


def _rows(results: Sequence[Result]) -> list[Result]:
    rows = []
    for name, seeds in groups(results).items():
        rows += [*seeds, *([pooled(name, seeds)] if len(seeds) > 1 else [])]
    return [*rows, *(result for result in results if not result.learned)]


def _loss(split: str | None) -> str:
    return f"{split} loss" if split else "final loss"
