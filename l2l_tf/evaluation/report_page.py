"""A comparison as one page that needs no network: table, curves that answer to the mouse, learning rates, provenance.

The page holds its data as JSON, and the style and script that stand in `page/`. What has a name of somebody's choice in
it is escaped, and the page itself forbids the browser to load anything. Needs no TensorFlow.
"""

import html
import importlib.resources
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from l2l_tf.evaluation import figures, report
from l2l_tf.saving import files

SUFFIX = ".html"
FILE = "report.html"
_MOST_POINTS = 1001  # Of a curve: more than there are pixels.
# Shown in this order, where they are known; the rest of a record is in results.json.
_FACTS = {
    "date": "date (UTC)",
    "seed": "seed",
    "problem": "problem",
    "problem_options": "its options",
    "num_steps": "steps of a run",
    "num_draws": "fresh draws, the same for all",
    "commit": "commit",
    "versions": "versions",
    "machine": "machine",
}


def check_path(path: str | Path) -> None:
    """Raises a ValueError where the file name does not end in `.html`."""
    if Path(path).suffix.lower() != SUFFIX:
        raise ValueError(f"A report's file name ends in {SUFFIX!r}. Received: {str(path)!r}.")


def write(path: str | Path, *what: Any, **options: Any) -> None:
    """Writes `page(*what, **options)` to `path`.

    Raises:
      ValueError: see `check_path`.
      OSError: it cannot be written.
    """
    check_path(path)
    files.write(path, page(*what, **options))


def page(
    results: Sequence[report.Result],
    about: Mapping[str, Any],
    title: str,
    rows: Sequence[Sequence[str]] | None = None,
    split: str | None = None,
) -> str:
    """The page, as HTML.

    Args:
      results: whose curves are drawn.
      about: as `report.as_json` takes it: the command, the seed, the problem and the like.
      title: of the page.
      rows: of the table, the first of them its header; by default those of `report.table`.
      split: held-out data whose curves are shown first, where it was measured on the way.
    """
    data = as_data(results, split)
    folder = importlib.resources.files(__package__).joinpath("page")
    style, script = (folder.joinpath(f"report.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    draws = int(results[0].curves.counted.sum())
    tuning = (
        """
<h2>Searches of the learning rates</h2>
<p class="quiet">Of the hand-designed optimizers: the mean loss at the end over the learning rates that were tried. The
ring is the rate that competes; a cross at the upper edge diverged, or is far above the start.</p>
<div class="figure" id="tuning"></div>
<div class="legend" id="tuning-legend"></div>"""
        if data["tuning"]
        else ""
    )
    said = "".join(f"<li>{_text(sentence)}</li>" for sentence in report.caveats(results))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src \
'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>{_text(title)}</title>
<style>
{style}</style>
</head>
<body>
<main>
<h1>{_text(title)}</h1>
<p class="quiet">Means over {draws} fresh draw{"s" * (draws != 1)} with their 95 % intervals. Learned optimizers
are drawn solid, hand-designed ones dashed.</p>
<h2>Learning curves</h2>
<noscript><p>The curves need JavaScript, which is off; all else is below.</p></noscript>
<div class="bar" id="controls"></div>
<div class="figure" id="curves"></div>
<div class="legend" id="legend"></div>
<h2>Table</h2>
<div class="wide">{_table(report.rows(results) if rows is None else rows)}</div>
{f"<ul>{said}</ul>" if said else ""}{tuning}
<h2>Where it comes from</h2>
{f"<pre>{_text(about['command'])}</pre>" if about.get("command") else ""}
<dl>{_facts(about)}</dl>
</main>
<script type="application/json" id="data">{_json(data)}</script>
<script>
{script}</script>
</body>
</html>
"""


def as_data(results: Sequence[report.Result], split: str | None = None) -> dict[str, Any]:
    """What the page draws, JSON-able; None stands for numbers that are not finite.

    For each optimizer a curve for each loss, as the optimizee saw it and those of held-out data that were measured on
    the way: its mean over draws and the ends of the interval. Of a curve of more than a thousand points each n-th is
    kept, and the last.
    """
    splits: list[str | None] = [None]
    if len(results[0].curves.held_out_steps) > 1:
        splits += list(results[0].curves.held_out)
    optimizers: list[dict[str, Any]] = []
    for result, color in zip(results, figures.colors(len(results)), strict=True):
        curves = result.curves
        own = [_curve(result, of) for of in splits]
        optimizers.append(
            {
                "name": result.name,
                "learned": result.learned,
                "color": color,
                "seconds_per_step": curves.mean_epoch_time / max(1, curves.losses.shape[1] - 1),
                "curves": own,
            }
        )
    means = [
        [mean for optimizer in optimizers for mean in optimizer["curves"][kind]["mean"] if mean is not None]
        for kind in range(len(splits))
    ]
    starts = [optimizer["curves"][0]["mean"][0] for optimizer in optimizers]
    return {
        "losses": [f"{of} loss" if of else "loss" for of in splits],
        "shown": splits.index(split) if split in splits else 0,
        "positive": [all(mean > 0 for mean in of_loss) for of_loss in means],
        "some_positive": [any(mean > 0 for mean in of_loss) for of_loss in means],
        "start": max((start for start in starts if start is not None), default=None),
        "optimizers": optimizers,
        "tuning": [
            {"optimizer": i, **_search(result.details["tuning"])}
            for i, result in enumerate(results)
            if result.details.get("tuning", {}).get("trials")
        ],
    }


def _curve(result: report.Result, split: str | None) -> dict[str, list[Any]]:
    curves = result.curves
    losses = (curves.held_out[split] if split else curves.losses)[curves.counted]
    steps = np.asarray(curves.held_out_steps if split else np.arange(losses.shape[1]))
    kept = np.arange(0, len(steps), math.ceil(len(steps) / _MOST_POINTS))
    if kept[-1] != len(steps) - 1:
        kept = np.append(kept, len(steps) - 1)
    with np.errstate(invalid="ignore", over="ignore"):
        band = figures.band(losses)
    named = zip(("mean", "low", "high"), band, strict=True)
    return {"steps": steps[kept].tolist(), **{name: [_number(v) for v in values[kept]] for name, values in named}}


def _search(record: Mapping[str, Any]) -> dict[str, Any]:
    trials = [
        {
            "rate": trial["learning_rate"],
            "mean": _number(trial["mean_final_loss"]),
            "median": _number(trial.get("median_final_loss")),
            "draws": trial.get("num_draws"),
        }
        for trial in record["trials"]
    ]
    return {"chosen": record["learning_rate"], "trials": sorted(trials, key=lambda trial: trial["rate"])}


def _number(value: float | None) -> float | None:
    """Seven digits, as float32 has; None where it is not finite."""
    return float(f"{value:.7g}") if value is not None and math.isfinite(value) else None


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *body = ("".join(f"<{tag}>{_text(cell)}</{tag}>" for cell in row) for tag, row in _tagged(rows))
    lines = "\n".join(f"<tr>{row}</tr>" for row in body)
    return f'<table class="results">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{lines}\n</tbody>\n</table>'


def _tagged(rows: Sequence[Sequence[str]]) -> list[tuple[str, Sequence[str]]]:
    return [("td" if i else "th", row) for i, row in enumerate(rows)]


def _facts(about: Mapping[str, Any]) -> str:
    known = [(label, about[name]) for name, label in _FACTS.items() if about.get(name) not in (None, {}, "")]
    return "\n".join(f"<dt>{_text(label)}</dt><dd>{_text(_said(value))}</dd>" for label, value in known)


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(
            f"{name} {item if isinstance(item, str) else json.dumps(item)}" for name, item in value.items()
        )
    return str(value)


def _text(text: str) -> str:
    return html.escape(str(text))


def _json(data: Any) -> str:
    """JSON that no element's end can stand in."""
    return json.dumps(data, allow_nan=False, ensure_ascii=True).replace("<", "\\u003c").replace(">", "\\u003e")
