"""The page of a zoo's run and its figures in JSON. Needs no TensorFlow."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.keras_zoo import judgement, table
from benchmarks.keras_zoo.records import START
from l2l_tf.saving import files, provenance


def write(tasks: Mapping[str, Any], families: Sequence[Any], arguments: Any, lines: Sequence[dict[str, Any]]) -> None:
    """Writes PART-STEPS.md and PART-STEPS.json of what has been run.

    Args:
      tasks: those that were asked for, by name.
      families: of `contenders`.
      arguments: of the command.
      lines: of `Records`.
    """
    versions = {run.optimizer: run.version for family in families for run in family.runs}
    rules = [name for name, version in versions.items() if version]
    parameters = {line["model"]: line["parameters"] for line in lines if line["optimizer"] == START}
    lines = [line for line in lines if line["model"] in tasks]
    scores, sections, figures = {}, [], {}
    for loss in judgement.LOSSES:
        rows, unfinished = judgement.rows(lines, arguments.steps, arguments.seeds, versions, loss)
        rows.sort(key=lambda row: list(tasks).index(row.model))
        shown = [judgement.ADAM, *rules]
        scores[loss] = {name: judgement.score(rows, name) for name in shown} if rows else {}
        about = {row.model: f"{tasks[row.model].kind} ({parameters[row.model]:,})" for row in rows}
        duels = f"\n{table.duels(rows, rules)}\n" if len(rules) > 1 else ""
        if loss == "loss":
            duels += _of_several(rows, tasks, rules, versions, lines, arguments)
        sections.append(f"## {table.TITLES[loss]}\n\n{table.models(rows, rules, about)}\n{duels}")
        figures[loss] = {
            "scores": {name: score._asdict() for name, score in scores[loss].items()},
            "models": {
                row.model: {"start": row.start, **row.means, "rates": row.rates, "diverged": sorted(row.wild)}
                for row in rows
            },
        }
    missing = f"\nNot run to the end yet, so not counted: {', '.join(unfinished)}.\n" if unfinished else ""
    title = f"# Keras zoo, {arguments.steps:,} steps, models: {arguments.part}"
    how = (
        f"Means over {arguments.seeds} seeds: the loss of the minibatches of the last tenth of the steps, and that of "
        "held-out data after the last. Tuned: cosine decay at the best of 8 rates, chosen for each model and loss. "
        "Normalised: 0 is tuned Adam, 1 the start (in the mean nothing counts more than 1). Bold: at or below tuned "
        "Adam. `!`: a seed ended above the start or was not finite. In parentheses behind a model: its parameters."
        f"\n\n`{provenance.command()}`, {provenance.date()}."
    )
    text = f"{title}\n\n{table.scores(scores)}\n{missing}\n{how}\n\n" + "\n".join(sections)
    stem = f"{arguments.part}-{arguments.steps}"
    files.write(arguments.output / f"{stem}.md", text)
    facts = {**provenance.provenance(0), "steps": arguments.steps, "seeds": arguments.seeds, "rules": versions}
    figures_text = json.dumps({**facts, **figures}, indent=1).replace("Infinity", "null")
    files.write(arguments.output / f"{stem}.json", figures_text + "\n")
    print(f"\n{table.scores(scores)}\n{missing}Written: {arguments.output / stem}.md")


def _of_several(rows, tasks, rules, versions, lines, arguments) -> str:
    """What each network minimised, where a task has several."""
    parts = []
    for row in rows:
        counted = [
            line
            for line in lines
            if line["model"] == row.model
            and line["steps"] == arguments.steps
            and line["seed"] < arguments.seeds
            and line["version"] == versions.get(line["optimizer"])
        ]
        if any("own" in line for line in counted):
            tuned = {name: row.rates[name] for name in (judgement.ADAM_COSINE, judgement.SGD_COSINE)}
            default = next(line["rate"] for line in counted if line["optimizer"] == judgement.ADAM)
            shown = {judgement.ADAM: default, **tuned, **dict.fromkeys(rules)}
            parts.append(
                f"\n{tasks[row.model].kind}: what each network minimises.\n\n{table.several(counted, shown)}\n"
            )
    return "".join(parts)
