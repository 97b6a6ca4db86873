"""Every pretrained rule on every kind of problem: final losses over tuned Adam's, as a table and a heat map."""

import functools
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.shared import beside_adam, contenders
from experiments.shared.beside_adam import Measured
from experiments.shared.cells import Cells
from l2l_tf import pretrained
from l2l_tf.commands import command_line
from l2l_tf.evaluation import report
from l2l_tf.saving import saved_optimizer

DESCRIPTION = """Every pretrained rule on every kind of problem: its loss over that of Adam at the best of 8 rates.

  python -m experiments zoo
  python -m experiments zoo --optimizer=mnist_adafactor,runs/mine"""

RULES = sorted(pretrained.names(), key=lambda name: (name != pretrained.GENERAL, name))  # The default comes first.
FLAGS = beside_adam.define_flags("zoo", RULES, num_steps=200, num_draws=2)
_QUICK = 2  # problems


class Case(NamedTuple):
    """A problem, by its name in the table."""

    problem: str
    options: dict[str, Any]


_ART = {
    "content": "$L2L_IMAGES/content",
    "style": "$L2L_IMAGES/style/02_hokusai_great_wave_1831.jpg",
    "vgg_weights": "$L2L_VGG_WEIGHTS",
}


def _taskset(family: str, seed: int) -> Case:
    """A task of the published list's split `held_out`, so that none has learned from it, and none takes long."""
    return Case("taskset", {"family": family, "seed": seed})


CASES = {
    "x², one number": Case("simple", {}),
    "quadratics": Case("quadratic", {}),
    "quadratics, ill-conditioned": Case("quadratic", {"draw": "ill_conditioned"}),
    "MNIST, sigmoid": Case("mnist", {"stddev": 0.1}),
    "MNIST, ReLU": Case("mnist", {"stddev": 0.1, "activation": "relu"}),
    "MNIST, 4 layers": Case("mnist", {"stddev": 0.1, "activation": "tanh", "layers": [20] * 4}),
    "MNIST, rescaled": Case("scaled", {"problem": {"name": "mnist", "options": {"stddev": 0.1}}, "log_range": 3.0}),
    "CIFAR-10, convnet": Case(
        "cifar", {"stddev": 0.1, "conv_channels": [8, 8], "linear_layers": [], "batch_norm": False}
    ),
    "CIFAR-10, batch norm": Case("cifar", {"stddev": 0.1}),
    "TaskSet, autoencoder": _taskset("mlp_ae", 31),
    "TaskSet, VAE": _taskset("mlp_vae", 81),
    "TaskSet, flow": _taskset("nvp", 34),
    "TaskSet, characters": _taskset("char_rnn_language_model", 1182),
    "neural art": Case("neural_art", _ART),
}
ONE_DRAW = {"CIFAR-10, convnet", "CIFAR-10, batch norm", "neural art"}  # A step takes ten times that of the others.


def main():
    folders = contenders.optimizers(FLAGS.optimizer or RULES)
    cases = {name: case for name, case in CASES.items() if _has_files(case)}
    if FLAGS.quick:
        cases = dict(list(cases.items())[:_QUICK])
    data = {name: command_line.check_problem(*case, FLAGS.data_dir, FLAGS.download)[1] for name, case in cases.items()}
    output = beside_adam.output_folder(FLAGS)
    tf = command_line.import_tensorflow(1)
    tf.get_logger().setLevel("ERROR")  # Every rule has functions of its own to compile, as it must.
    import problems

    cells = Cells(output)
    num_steps, num_draws = (10, 1) if FLAGS.quick else (FLAGS.num_steps, FLAGS.num_draws)
    measured = {}
    for name, case in cases.items():
        make = functools.partial(problems.get, case.problem, **case.options, **data[name])
        draws = 1 if name in ONE_DRAW else num_draws
        measured[name] = beside_adam.measure(make, folders, num_steps, draws, cells, case)
        ratios = ", ".join(f"{rule} {beside_adam.ratio(measured[name].ratio(rule))}" for rule in folders)
        print(f"{name}: {ratios}", flush=True)
    how = (
        f"The mean loss of the last tenth of {num_steps} steps, over that of Adam at the best of 8 learning rates from "
        f"0.0001 to 0.316 (chosen on the same draws, {num_draws}; on CIFAR-10 and neural art 1). Of the flow, whose "
        "losses go below 0: how far Adam came down over how far the rule did. Bold: at or below "
        "Adam. -: the rule has networks for parameters of other names. The last column is Adam's at Keras's default, "
        f"{beside_adam.DEFAULT_RATE:g}. Framed in the picture: what a rule was trained on."
    )
    results = {
        "num_steps": num_steps,
        "num_draws": {name: 1 if name in ONE_DRAW else num_draws for name in cases},
        "problems": {name: {**cases[name]._asdict(), **found.as_json()} for name, found in measured.items()},
    }
    title = f"Pretrained rules: loss over tuned Adam's after {num_steps} steps"
    home = {
        (name, rule) for name, case in cases.items() for rule, folder in folders.items() if _trained_on(folder, case)
    }
    beside_adam.write(output, f"{title}\n\n{table(measured)}\n\n{how}", heat_map(measured, title, home), results)


def table(measured: Mapping[str, Measured]) -> str:
    """A row a problem, a column a rule, in Markdown."""
    rules = list(next(iter(measured.values())).rules)
    rows = [["problem", *rules, "Adam, 0.001"]]
    rows += [[name, *map(beside_adam.ratio, _ratios(found, rules))] for name, found in measured.items()]
    return report.aligned(rows)


def heat_map(measured: Mapping[str, Measured], title: str, home: Collection[tuple[str, str]] = ()) -> Any:
    """Ratios on a logarithmic scale, 1 in white: blue below Adam, red above; dark grey where a rule diverged.

    Light grey is where a rule has networks for parameters of other names. `home` has what is framed, (problem, rule) of
    what the rule was trained on.
    """
    from matplotlib import colormaps
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    rules = list(next(iter(measured.values())).rules)
    ratios = [_ratios(found, rules) for found in measured.values()]
    plot = Figure(figsize=(2.6 + 0.72 * (len(rules) + 1), 1.7 + 0.38 * len(measured)), layout="constrained")
    axes = plot.add_subplot()
    values = np.array([[np.nan if r is None else np.log10(r) if r > 0 else -np.inf for r in row] for row in ratios])
    colours = colormaps["RdBu_r"].with_extremes(bad="0.85")
    image = axes.imshow(np.ma.masked_invalid(values), cmap=colours, vmin=-1, vmax=1, aspect="auto")
    axes.set_xticks(range(len(rules) + 1), [*rules, "Adam, 0.001"], rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(measured)), list(measured))
    axes.tick_params(length=0)
    for (row, column), value in np.ndenumerate(values):
        if value == np.inf:
            axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor="0.35"))
        text = beside_adam.ratio(ratios[row][column]).strip("*")
        dark = abs(value) > 0.6
        size = 6.5 if text == "diverged" else 8.5
        axes.text(column, row, text, ha="center", va="center", fontsize=size, color="white" if dark else "black")
    for row, name in enumerate(measured):
        for column, rule in enumerate(rules):
            if (name, rule) in home:
                axes.add_patch(Rectangle((column - 0.47, row - 0.46), 0.94, 0.92, fill=False, linewidth=1.6))
    bar = plot.colorbar(image, ticks=[-1, -0.301, 0, 0.301, 1], label="loss / tuned Adam's", aspect=30)
    bar.ax.set_yticklabels(["0.1", "0.5", "1", "2", "10"])
    axes.set_title(title.replace(": ", "\n"), fontsize=10)
    return plot


def _ratios(found: Measured, rules: Sequence[str]) -> list[float | None]:
    return [*(found.ratio(rule) for rule in rules), found.over_adam(found.adam[beside_adam.DEFAULT_RATE])]


def _trained_on(folder: Path, case: Case) -> bool:
    """Whether a saved optimizer says that it was trained on just this; `cifar-multi` is `cifar` under two networks."""
    metadata = saved_optimizer.read(folder)[0]["metadata"]
    problem = str(metadata.get("problem")).removesuffix("-multi")
    return (problem, metadata.get("problem_options")) == (case.problem, case.options)


def _has_files(case: Case) -> bool:
    """Neural art needs pictures and a network's weights, which are where two environment variables say."""
    return case.problem != "neural_art" or {"L2L_IMAGES", "L2L_VGG_WEIGHTS"} <= set(os.environ)
