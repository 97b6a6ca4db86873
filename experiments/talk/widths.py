"""Widths of a network and batch sizes, far below and above those of the training: rules beside Adam at 8 rates."""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.shared import beside_adam, contenders
from experiments.shared.beside_adam import Measured
from experiments.shared.cells import Cells
from l2l_tf.commands import command_line
from l2l_tf.evaluation import figures, report
from l2l_tf.saving import saved_optimizer
from problems import option_values

DESCRIPTION = """A perceptron on MNIST (sigmoid, one hidden layer) of widths from 1 to 1,000, and with batches of 1 to
10,000: rules beside Adam at 8 learning rates. The widths and batch sizes of the first rule's training are shaded, where
it was trained on MNIST or where --trained_widths and --trained_batch_sizes say so.

  python -m experiments widths --optimizer=mnist_adafactor
  python -m experiments widths --optimizer=runs/mine --trained_widths=32,32 --trained_batch_sizes=64,64"""

WIDTHS = (1, 3, 10, 30, 100, 300, 1_000)
BATCH_SIZES = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000)
WIDTH, BATCH_SIZE = 20, 128  # where the other one varies
_QUICK = (3, 10)

FLAGS = beside_adam.define_flags("widths", ["mnist_adafactor"], num_steps=200, num_draws=2)
for _name in ("trained_widths", "trained_batch_sizes"):
    beside_adam.flags.DEFINE_list(_name, None, "Lowest and highest of the training, to be shaded.", FLAGS)


def main():
    folders = contenders.optimizers(FLAGS.optimizer or ())
    if not folders:
        raise ValueError("--optimizer is needed: names of pretrained rules, or folders of saved optimizers.")
    trained = {name: _range(name) for name in ("trained_widths", "trained_batch_sizes")}
    widths, batch_sizes = _trained_on(next(iter(folders.values())))
    shaded = {"width": trained["trained_widths"] or widths, "batch size": trained["trained_batch_sizes"] or batch_sizes}
    _, data = command_line.check_problem("mnist", _options(WIDTH, BATCH_SIZE), FLAGS.data_dir, FLAGS.download)
    output = beside_adam.output_folder(FLAGS)
    tf = command_line.import_tensorflow(command_line.threads_for(FLAGS.threads, "mnist"))
    tf.get_logger().setLevel("ERROR")  # Every problem has functions of its own to compile, as it must.
    import problems

    cells = Cells(output)
    num_steps, num_draws = (10, 1) if FLAGS.quick else (FLAGS.num_steps, FLAGS.num_draws)
    varied = {
        "width": {w: _options(w, BATCH_SIZE) for w in (_QUICK if FLAGS.quick else WIDTHS)},
        "batch size": {b: _options(WIDTH, b) for b in (_QUICK if FLAGS.quick else BATCH_SIZES)},
    }
    measured: dict[str, dict[int, Measured]] = {}
    for what, cases in varied.items():
        for size, options in cases.items():
            make = functools.partial(problems.get, "mnist", **options, **data)
            found = beside_adam.measure(make, folders, num_steps, num_draws, cells, ["mnist", options])
            measured.setdefault(what, {})[size] = found
            ratios = ", ".join(f"{rule} {beside_adam.ratio(found.ratio(rule))}" for rule in folders)
            print(f"{what} {size}: of tuned Adam's loss: {ratios}", flush=True)
    how = (
        f"784-width-10, sigmoid, MNIST; mean loss of the last tenth of {num_steps} steps, {num_draws} draws. Width "
        f"{WIDTH} where batch sizes vary, batches of {BATCH_SIZE} where widths do. Adam has the best of 8 rates on the "
        f"same draws. Trained on (shaded): {_said(shaded)}."
    )
    results = {
        "num_steps": num_steps,
        "num_draws": num_draws,
        "trained": shaded,
        "measured": {
            what: {str(size): found.as_json() for size, found in sizes.items()} for what, sizes in measured.items()
        },
    }
    text = "\n\n".join(table(what, sizes) for what, sizes in measured.items())
    beside_adam.write(output, f"Widths and batch sizes\n\n{text}\n\n{how}", figure(measured, shaded), results)


def table(what: str, measured: Mapping[int, Measured]) -> str:
    """A row a size, in Markdown."""
    rules = list(next(iter(measured.values())).rules)
    ours = [cell for rule in rules for cell in (rule, "of tuned Adam's")]
    rows = [[what, *ours, "Adam, tuned (rate)", "Adam, 0.001"]]
    for size, found in measured.items():
        cells = []
        for rule in rules:
            losses = found.rules[rule]
            mean = "-" if losses is None else f"{losses.mean():.3f}"
            cells += [mean, beside_adam.ratio(found.ratio(rule))]
        best = found.best_rate
        adam = [f"{found.adam[best].mean():.3f} ({best:g})", f"{found.adam[beside_adam.DEFAULT_RATE].mean():.3f}"]
        rows.append([f"{size:,}", *cells, *adam])
    return report.aligned(rows)


def figure(measured: Mapping[str, Mapping[int, Measured]], shaded: Mapping[str, Sequence[int] | None]) -> Any:
    """Losses over widths and over batch sizes; Adam's rates are thin lines, light to dark; the training is shaded."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    plot = Figure(figsize=(11, 4.5), layout="constrained")
    for axes, (what, sizes) in zip(plot.subplots(1, 2), measured.items()):
        first = next(iter(sizes.values()))
        for rate, shade in zip(first.adam, np.linspace(0.25, 0.95, len(first.adam))):
            losses = [found.adam[rate].mean() for found in sizes.values()]
            axes.plot(list(sizes), losses, "--", lw=1, color=colormaps["Greys"](shade), label=f"Adam, {rate:g}")
        for rule, color in zip(first.rules, figures.colors(len(first.rules))):
            own = {size: found.rules[rule] for size, found in sizes.items()}
            shown = {size: losses.mean() for size, losses in own.items() if losses is not None}
            axes.plot(list(shown), list(shown.values()), "o-", lw=2, color=color, label=rule)
        if (trained := shaded.get(what)) is not None:
            axes.axvspan(trained[0] / 1.15, trained[1] * 1.15, color="tab:green", alpha=0.2, label="trained")
        axes.set(xscale="log", yscale="log", xlabel=what, ylabel="loss of the last tenth of the steps")
        axes.set_ylim(top=min(axes.get_ylim()[1], 2 * first.start))
        axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=7)
    return plot


def _options(width: int, batch_size: int) -> dict[str, Any]:
    return {"stddev": 0.1, "layers": [width], "batch_size": batch_size}


def _range(name: str) -> list[int] | None:
    given = FLAGS[name].value
    if given is None:
        return None
    try:
        low, high = map(int, given)
    except ValueError:
        low, high = 0, 0
    if not 1 <= low <= high or not option_values.is_whole(high):
        raise ValueError(f"--{name} is the lowest and the highest, e.g. 20,20. Received: {','.join(given)!r}.")
    return [low, high]


def _trained_on(folder: Path) -> tuple[list[int] | None, list[int] | None]:
    """The widths and batch sizes that a rule's folder says it was trained on, where that was on MNIST."""
    config, _ = saved_optimizer.read(folder)
    metadata = config.get("metadata", {})
    if metadata.get("problem") != "mnist":
        return None, None
    options = metadata.get("problem_options", {})
    widths, batch_size = options.get("layers", [20]), options.get("batch_size", 128)
    return [min(widths), max(widths)], [batch_size, batch_size]


def _said(shaded: Mapping[str, Sequence[int] | None]) -> str:
    ranges = [f"{what} {low:,}" + (f" to {high:,}" if high > low else "") for what, (low, high) in _known(shaded)]
    return ", ".join(ranges) or "not known"


def _known(shaded):
    return [(what, trained) for what, trained in shaded.items() if trained is not None]
