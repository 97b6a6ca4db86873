"""Sizes and directions of a learned optimizer's updates on MNIST, beside those of tuned NAG and Adam."""

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from experiments.paper import mnist
from experiments.shared import contenders, study
from l2l_tf.commands import command_line
from l2l_tf.evaluation import baselines, figures, report
from l2l_tf.evaluation.tuning_cache import TuningCache
from l2l_tf.saving import files
from l2l_tf.saving.provenance import provenance
from problems import option_values

DESCRIPTION = """Sizes and directions of a learned optimizer's updates on MNIST along its run, and of the updates that
NAG and Adam, at their tuned learning rates, would make at the same theta from the same gradients. Their own runs are
shown too.

  python -m experiments updates --optimizer=runs/mnist-rnnprop-0,mnist"""

REFERENCES = ("NAG", "Adam")
FILES = (*report.FILES, "figure.png")
STEPS = (0, 4, 9, 19, 49, 99, 149, 199)

FLAGS = flags.FlagValues()
flags.DEFINE_list("optimizer", ["mnist"], "Folders of saved optimizers, or names of pretrained ones.", FLAGS)
flags.DEFINE_enum("num_steps", "200", ["100", "200"], "Steps of each run, as in the experiment mnist.", FLAGS)
flags.DEFINE_integer("num_draws", 5, "Fresh draws.", 1, option_values.LARGEST_COUNT, flag_values=FLAGS)
flags.DEFINE_string("results", "results", "Folder of the experiment mnist's results, for the tuned rates.", FLAGS)
flags.DEFINE_string("output", None, "Folder for what is written; by default `updates` in --results.", FLAGS)
flags.DEFINE_bool("quick", False, "In miniature, to see it run.", FLAGS)
flags.DEFINE_string("data_dir", None, "Folder of TensorFlow Datasets; by default L2L_DATA_DIR, then TFDS's own.", FLAGS)
flags.DEFINE_bool("download", False, "Fetch data that is missing.", FLAGS)
flags.DEFINE_enum("threads", "auto", ["auto", "default"], "Of TensorFlow, as train.py has them.", FLAGS)
flags.DEFINE_bool("debug", False, "Show the traceback of every error.", FLAGS)


def main():
    if not FLAGS.optimizer:
        raise ValueError("--optimizer is needed: folders of saved optimizers, or names of pretrained ones.")
    folders = contenders.optimizers(FLAGS.optimizer)
    experiment = study.shortened(mnist.STUDY) if FLAGS.quick else mnist.STUDY
    part = experiment.parts[("100", "200").index(FLAGS.num_steps)]
    _, data = command_line.check_problem(part.problem, part.options, FLAGS.data_dir, FLAGS.download)
    results = Path("runs/quick/results" if FLAGS.quick and not FLAGS["results"].present else FLAGS.results)
    output = Path(FLAGS.output) if FLAGS.output else results / "updates"
    for file in FILES:
        files.check(output / file)
    files.check(results / part.name / study.TUNING)
    TuningCache(results / part.name / study.TUNING)
    command_line.import_tensorflow(command_line.threads_for(FLAGS.threads, part.problem, part.options))
    measure(folders, experiment, part, results, output, data)


def measure(folders: Mapping[str, Path], experiment: study.Study, part: study.Part, results: Path, output: Path, data):
    """Follows every optimizer, and writes table, curves, figure and JSON to `output`."""
    import problems
    from experiments.analysis import update_sizes
    from l2l_tf.evaluation import comparison

    problem = problems.get(part.problem, **part.options, **data)
    cache = TuningCache(results / part.name / study.TUNING)
    references = {
        name: comparison.tuned(
            name,
            baselines.NETWORKS[name],
            problem,
            part.num_steps,
            experiment.tuning_draws,
            study.TUNING_SEED,
            cache,
        )
        for name in REFERENCES
    }
    networks = {name: comparison.saved(name, path, problem).network for name, path in folders.items()}
    networks |= {f"{name}, {contender.learning_rate:g}": contender.network for name, contender in references.items()}
    measured = {}
    for name, network in networks.items():
        measured[name] = update_sizes.follow(
            problem,
            network,
            {reference: contender.network for reference, contender in references.items()},
            part.num_steps,
            1 if FLAGS.quick else FLAGS.num_draws,
            study.EVALUATION_SEED,
        )
        print(f"{name}: followed", flush=True)
    text = table(measured)
    about = provenance(study.EVALUATION_SEED)
    how = (
        f"{part.title.partition(',')[0]}, means over {len(next(iter(measured.values())).loss)} draws. `relative` and "
        "`along` are to the update that the other would make at the same theta, from this run's gradients, at the "
        f"learning rate tuned for step {part.num_steps}; `rate` is -<u, g> / <g, g>. `{about['command']}`"
    )
    contents = (
        f"{text}\n\n{how}\n",
        curves_csv(measured),
        json.dumps({**about, "means": means(measured)}, indent=1) + "\n",
    )
    for name, content in zip(FILES, contents):
        files.write(output / name, content)
    figures.write(figure(measured), output / FILES[-1])
    print(f"\n{text}\nWritten: {output}")


def means(measured: Mapping[str, Any]) -> dict[str, dict[str, list[float]]]:
    """Optimizer to column to the mean over draws at each step."""
    return {
        name: {column: np.mean(values, axis=0).tolist() for column, values in _columns(updates)}
        for name, updates in measured.items()
    }


def table(measured: Mapping[str, Any]) -> str:
    """Means over draws at some steps, in Markdown."""
    mean = means(measured)
    rows = [["optimizer", "step", *next(iter(mean.values()))]]
    for name, columns in mean.items():
        num_steps = len(columns["loss"])
        for step in [step for step in STEPS if step < num_steps]:
            rows.append([name, str(step + 1), *(f"{values[step]:.3g}" for values in columns.values())])
    return report.aligned(rows)


def curves_csv(measured: Mapping[str, Any]) -> str:
    """One line for each optimizer, draw and step."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    names = [column for column, _ in _columns(next(iter(measured.values())))]
    writer.writerow(["optimizer", "draw", "step", *names])
    for name, updates in measured.items():
        values = np.stack([column for _, column in _columns(updates)], axis=-1)
        for draw, rows in enumerate(values):
            for step, row in enumerate(rows):
                writer.writerow([name, draw, step + 1, *(str(value) for value in row)])
    return stream.getvalue()


def figure(measured: Mapping[str, Any]) -> Any:
    """A panel each for loss, size and directions."""
    from matplotlib.figure import Figure

    panels = {
        "loss": "loss",
        "rms": "rms of the update",
        "rate": "learning rate of SGD that goes as far",
        **{f"relative to {name}": f"size, over {name}'s at the same theta" for name in REFERENCES},
        **{f"along {name}": f"cosine with {name}'s" for name in REFERENCES},
        "along the last": "cosine with the last update",
    }
    plot = Figure(figsize=(14, 6.5), layout="constrained")
    mean = means(measured)
    for axes, (column, title) in zip(plot.subplots(2, 4).flat, panels.items()):
        for i, (name, columns) in enumerate(mean.items()):
            style = "-" if i < len(mean) - len(REFERENCES) else "--"
            values = columns[column]
            axes.plot(np.arange(1, len(values) + 1), values, style, color=f"C{i}", label=name, linewidth=1.2)
        axes.set(title=title, xlabel="step", xmargin=0)
        axes.grid(alpha=0.3)
        if not column.startswith("along") and all(min(c[column]) > 0 for c in mean.values()):
            axes.set_yscale("log")
    plot.axes[0].legend(frameon=False, fontsize=8)
    return plot


def _columns(updates: Any) -> list[tuple[str, np.ndarray]]:
    columns = [("loss", updates.loss), ("rms", updates.rms), ("mean", updates.mean), ("rate", updates.rate)]
    columns += [("along -gradient", updates.along_gradient), ("along the last", updates.along_last)]
    for name in updates.along:
        columns += [(f"relative to {name}", updates.relative[name]), (f"along {name}", updates.along[name])]
    return columns
