"""Rules meta-trained at equal compute on the small tasks, and judged on TaskSet's tasks for choosing: what
`architectures` and `more_tasks` share.

A training takes as many outer steps as fit its minutes: that is measured once, on outer steps that are thrown away, and
kept, so that what is interrupted goes on as it would have.
"""

import contextlib
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from absl import flags

from experiments.shared import beside_adam
from experiments.shared.cells import Cells
from l2l_tf.commands import command_line
from l2l_tf.evaluation import figures, report
from l2l_tf.saving import files
from l2l_tf.training import tasks_presets
from problems import datasets
from problems.taskset import published, small

_COMPILED = 2  # Outer steps before those whose time counts; the first ones compile.
_TIMED = 4
_VALIDATIONS = 5
_QUICK_STEPS = 2
# Those of the general rule, with runs as long as those that it is judged on.
SETTINGS: dict[str, Any] = {**tasks_presets.GENERAL, "num_steps": 1_000}
del SETTINGS["networks"]
_DATASETS = ("mnist", "fashion_mnist", "cifar10", "imdb_reviews")


class Variant(NamedTuple):
    """What is trained.

    Attributes:
      network: its name in the catalogue.
      options: of the network.
      members: names of `taskset.small`'s tasks.
      slots: tasks of an outer step.
    """

    network: str
    options: dict[str, Any]
    members: tuple[str, ...]
    slots: int


class Trained(NamedTuple):
    """What came of a variant.

    Attributes:
      outer_steps, minutes: of its training.
      validations: pairs of an outer step and the mean validation loss on the tasks of the training.
      losses: `[tasks]`, normalised test losses on the tasks for choosing.
    """

    outer_steps: int
    minutes: float
    validations: list[tuple[int, float]]
    losses: np.ndarray


def define_flags(name: str) -> flags.FlagValues:
    """The flags of such an experiment; its results go to `results/NAME`."""
    values = flags.FlagValues()
    flags.DEFINE_float("minutes", 30.0, "Of each training, validations not counted.", 0.01, flag_values=values)
    flags.DEFINE_integer("outer_steps", None, "Of each training, in place of minutes.", 1, flag_values=values)
    flags.DEFINE_integer("seed", 0, "Of the trainings.", 0, flag_values=values)
    flags.DEFINE_list("only", None, "Names of the variants, in place of all.", values)
    flags.DEFINE_list("tasks", None, "Tasks to judge on, in place of the split's.", values)
    flags.DEFINE_string("output", f"results/{name}", "Folder for what is written.", values)
    flags.DEFINE_string("runs", f"runs/{name}", "Folder of the trainings and trials.", values)
    flags.DEFINE_bool("quick", False, "In miniature, to see it run: in runs/quick unless --output is given.", values)
    flags.DEFINE_string(
        "data_dir", None, "Folder of TensorFlow Datasets; by default L2L_DATA_DIR, then TFDS's own.", values
    )
    flags.DEFINE_bool("download", False, "Fetch data that is missing.", values)
    flags.DEFINE_bool("debug", False, "Show the traceback of every error.", values)
    return values


def run(values: flags.FlagValues, variants: Mapping[str, Variant], title: str, what: str) -> None:
    """Trains and judges all variants, and writes the page.

    Args:
      values: the flags, of `define_flags`.
      variants: by name, as the table has them.
      title: of the page.
      what: a sentence: in what the variants differ.
    """
    names = values.only or list(variants)
    if unknown := [name for name in names if name not in variants]:
        raise ValueError(f"--only is of {', '.join(variants)}. Received: {', '.join(unknown)!r}.")
    if values.quick:
        names = names[:1]
    tasks = [name for name in values.tasks or published.tasks("choose") if published.normaliser(name)]
    tasks = tasks[:1] if values.quick else tasks
    if not tasks:
        raise ValueError(f"None of these tasks has a normaliser. Received: --tasks={','.join(values.tasks)}.")
    if not values.download:
        for dataset in _DATASETS:
            datasets.check_present(dataset, values.data_dir)
    output = beside_adam.output_folder(values)
    files.check_folder(values.runs)
    tf = command_line.import_tensorflow(1)
    tf.get_logger().setLevel("FATAL")  # Of every task it warns that it is a function of its own.
    logging.getLogger("l2l_tf.fast.vectorization").setLevel("ERROR")
    cells = Cells(output)
    found = {}
    for name in names:
        variant = variants[name]
        if values.quick:
            variant = variant._replace(members=variant.members[:1], slots=1)
        found[name] = _trained(values, cells, name, variant, tasks)
        print(f"{name}: {found[name].outer_steps} outer steps, mean {found[name].losses.mean():.4f}", flush=True)
    budget = f"{values.outer_steps:,} outer steps" if values.outer_steps else f"{values.minutes:g} minutes of one core"
    how = (
        f"{what} Each was trained for {budget} (seed {values.seed}; settings of the preset general, runs of 100 to "
        f"{SETTINGS['num_steps']:,} steps), and judged as it stood at the end on {len(tasks)} of TaskSet's tasks for "
        "choosing, which none was trained on: normalised test losses after 1,000 steps, 1 is the start and 0 the best "
        "of Adam at 14 rates."
    )
    title += " (in miniature)" if values.quick else ""
    results = {
        "minutes": values.minutes,
        "outer_steps": values.outer_steps,
        "tasks": tasks,
        "rules": {name: {**variants[name]._asdict(), **as_json(own)} for name, own in found.items()},
    }
    beside_adam.write(output, f"{title}\n\n{table(found)}\n\n{how}", figure(found), results)


def _trained(values, cells: Cells, name: str, variant: Variant, tasks: Sequence[str]) -> Trained:
    """From `cells`, or trained and judged and written there."""
    about = {"name": name, **variant._asdict(), "settings": _settings(values), "seed": values.seed}
    folder = Path(values.runs) / f"{name.replace(' ', '-')}-{values.seed}"
    budget = {"outer_steps": values.outer_steps} if values.outer_steps else {"minutes": values.minutes}
    key = {**about, "budget": budget}
    if not cells.has({**key, "part": "length"}):
        short = _QUICK_STEPS if values.quick and not values["minutes"].present else None
        steps = values.outer_steps or short or _fitting(values, variant, folder / "timing")
        cells.add({**key, "part": "length"}, {"outer_steps": steps})
    steps = cells.get({**key, "part": "length"})["outer_steps"]
    if not cells.has({**key, "part": "training"}):
        seconds, validations = _train(values, variant, folder, steps)
        cells.add({**key, "part": "training"}, {"minutes": seconds / 60, "validations": validations})
    training = cells.get({**key, "part": "training"})
    if not cells.has({**key, "part": "losses", "tasks": tasks}):
        losses = _judged(values, folder, f"{folder.name}-{steps}", tasks)
        cells.add({**key, "part": "losses", "tasks": tasks}, {"losses": losses})
    losses = cells.get({**key, "part": "losses", "tasks": tasks})["losses"]
    validations = [(step, math.inf if x is None else x) for step, x in training["validations"]]
    return Trained(steps, training["minutes"], validations, np.array(losses))


def _settings(values) -> dict[str, Any]:
    short = {"num_steps": 20, "shortest_run": 10, "unroll_length": 10, "perturbations": 1}
    return {**SETTINGS, **(short if values.quick else {})}


def _config(values, variant: Variant, outer_steps: int) -> Any:
    from l2l_tf.training.tasks_config import TasksConfig

    settings = {
        **_settings(values),
        "networks": {"rule": {"net": variant.network, "net_options": variant.options}},
        "problem": "mixture",
        "problem_options": small.mixture(variant.members),
        "tasks_per_step": variant.slots,
        "validation_tasks": len(variant.members),
        "outer_steps": outer_steps,
        "evaluation_period": max(outer_steps // _VALIDATIONS, 1),
        "seed": values.seed,
    }
    return TasksConfig(**settings)


class _EnoughError(Exception):
    """Enough outer steps were timed."""


def _fitting(values, variant: Variant, folder: Path) -> int:
    """How many outer steps fit the minutes, by the median time of some."""
    from l2l_tf.training.tasks import TasksTraining

    seconds: list[float] = []

    def watch(event):
        seconds.append(event.seconds)
        if len(seconds) == _COMPILED + _TIMED:
            raise _EnoughError

    data = {"data_dir": values.data_dir, "download": values.download}
    training = TasksTraining(_config(values, variant, 10_000), folder, overwrite=True, data=data)
    with contextlib.suppress(_EnoughError):
        training.run(watch)
    return max(round(values.minutes * 60 / float(np.median(seconds[_COMPILED:]))), 1)


def _train(values, variant: Variant, folder: Path, outer_steps: int) -> tuple[float, list[list[Any]]]:
    """Trains to the end: the seconds of outer steps, and validations.

    Raises:
      KeyboardInterrupt: it was interrupted; the same command goes on.
    """
    from l2l_tf.saving.json_lines import JsonLines
    from l2l_tf.training import checkpoint
    from l2l_tf.training.events import OuterStep
    from l2l_tf.training.tasks import TasksTraining

    resume = (folder / checkpoint.FILE).exists()
    lines = folder / "events.jsonl"
    if not resume:
        lines.unlink(missing_ok=True)
    written = JsonLines(lines, "step")
    data = {"data_dir": values.data_dir, "download": values.download}
    training = TasksTraining(
        _config(values, variant, outer_steps), folder, resume=resume, overwrite=not resume, data=data
    )

    def watch(event):
        if isinstance(event, OuterStep):
            written.add({"step": event.step, "seconds": event.seconds})
        else:
            loss = event.final_loss if math.isfinite(event.final_loss) else None
            written.add({"step": event.epoch, "validation": loss})
            print(f"outer step {event.epoch}: validation {event.final_loss:.4f}", flush=True)

    if training.run(watch).reason == "interrupted":
        raise KeyboardInterrupt(f"{folder} is saved; the same command goes on.")
    # What came after the last checkpoint was done again.
    seconds = {line["step"]: line["seconds"] for line in written.records if "seconds" in line}
    validations = {line["step"]: line["validation"] for line in written.records if "validation" in line}
    return sum(seconds.values()), [[step, loss] for step, loss in validations.items()]


def _judged(values, folder: Path, contender: str, tasks: Sequence[str]) -> list[float]:
    """Normalised test losses of what stands in `folder/last`."""
    from experiments.talk import taskset_trials
    from problems import taskset

    num_steps = 10 if values.quick else 1_000
    kept = taskset_trials.Kept(Path(values.runs) / "trials", num_steps)
    losses = []
    for name in tasks:
        trials = kept.read(name, contender)
        if not trials:
            problem = taskset.build(published.task(name).config, values.data_dir, values.download)
            trials = taskset_trials.of_learned(problem, folder / "last", num_steps)
            kept.write(name, contender, trials)
        scale: Callable[[float], float] | None = published.normaliser(name)
        assert scale is not None
        losses.append(float(scale(trials[0].test)))
    return losses


def table(found: Mapping[str, Trained]) -> str:
    """A row a variant, in Markdown."""
    rows = [["rule", "outer steps", "minutes", "mean", "median", "validation at the end"]]
    for name, own in found.items():
        last = f"{own.validations[-1][1]:.3f}" if own.validations else "-"
        numbers = [f"{own.losses.mean():.4f}", f"{np.median(own.losses):.4f}", last]
        rows.append([name, f"{own.outer_steps:,}", f"{own.minutes:.1f}", *numbers])
    return report.aligned(rows)


def as_json(own: Trained) -> dict[str, Any]:
    """What `results.json` says of a variant."""
    return {
        "outer_steps": own.outer_steps,
        "minutes": own.minutes,
        "mean": float(own.losses.mean()),
        "median": float(np.median(own.losses)),
        "losses": own.losses.tolist(),
        "validations": [[step, x if math.isfinite(x) else None] for step, x in own.validations],
    }


def figure(found: Mapping[str, Trained]) -> Any:
    """Validation losses along the trainings, by their minutes; and losses on new tasks, sorted."""
    from matplotlib.figure import Figure

    plot = Figure(figsize=(11, 4.5), layout="constrained")
    left, right = plot.subplots(1, 2)
    for (name, own), color in zip(found.items(), figures.colors(len(found))):
        along = [own.minutes * step / own.outer_steps for step, _ in own.validations]
        left.plot(along, [loss for _, loss in own.validations], "o-", color=color, label=name)
        right.plot(np.linspace(0, 1, len(own.losses)), np.sort(own.losses), color=color, label=name)
    left.set(xlabel="minutes of training", ylabel="validation loss, tasks of the training")
    right.set(xlabel="share of the new tasks", ylabel="normalised test loss, sorted")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=8)
    return plot
