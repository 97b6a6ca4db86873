"""Final losses by architecture (figure 6): hidden units in one and in two layers, learned against tuned optimizers.

The optimizer is that of the experiment mnist. The learning rate of each hand-designed one is searched anew for every
architecture, on a reduced grid to keep it cheap: five rates around the best on the base perceptron, a quarter of a
decade apart, with the extensions at its edges, the refinements and the safety test of every search, on 2 draws each.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from experiments.paper.mnist import LEARNED, TRAINING
from experiments.shared.study import Part, Study
from l2l_tf.evaluation import figures, report
from l2l_tf.saving import files

UNITS = (5, 10, 20, 40, 80, 200)
LAYERS = (1, 2)
TRAINED_ON = (20, 1)
NUM_STEPS = 100


def finish(folder: Path) -> None:
    """Writes `sweep/table.md` and `sweep/figure.png` from the results of the architectures that were run."""
    folder = folder / "sweep"
    losses = read(folder)
    files.write(folder / "table.md", table(losses))
    figures.write(figure(losses), folder / "figure.png")
    print(f"\n{table(losses)}\nWritten: {folder}")


def read(folder: Path) -> dict[tuple[int, int], dict[str, np.ndarray]]:
    """Units and layers to optimizer to the test losses `[draws]`, those of the learned one averaged over its seeds."""
    found = {}
    for layers in LAYERS:
        for units in UNITS:
            path = folder / f"{units}x{layers}" / "results.json"
            if path.exists():
                found[units, layers] = _losses(json.loads(path.read_text()))
    return found


def table(losses: dict[tuple[int, int], dict[str, np.ndarray]]) -> str:
    """A row an architecture, with mean and 95 % interval of each optimizer."""
    names = list(next(iter(losses.values())))
    rows = [["layers x units", *names, "learned / best"]]
    for (units, layers), found in losses.items():
        best = min(float(found[name].mean()) for name in names[1:])
        mark = " (trained on)" if (units, layers) == TRAINED_ON else ""
        cells = [report.plus_minus(report.interval(found[name])) for name in names]
        rows.append([f"{layers} x {units}{mark}", *cells, f"{float(found[names[0]].mean()) / best:.3f}"])
    return (
        f"MNIST by architecture: test loss after {NUM_STEPS} steps\n\n{report.aligned(rows)}\n\nMeans with 95 % "
        "intervals over draws. Learning rates were searched for every architecture on a reduced grid; the folders "
        "beside this file have the searches and the tables of each. `python -m experiments sweep`\n"
    )


def figure(losses: dict[tuple[int, int], dict[str, np.ndarray]]) -> Any:
    """A panel for each number of layers; the training architecture is marked."""
    from matplotlib.figure import Figure

    plot = Figure(figsize=(10, 4.5), layout="constrained")
    panels = plot.subplots(1, len(LAYERS), sharey=True)
    names = list(next(iter(losses.values())))
    for axes, layers in zip(panels, LAYERS):
        units = [units for units, found_layers in losses if found_layers == layers]
        for i, name in enumerate(names if units else ()):
            bounds = [report.interval(losses[number, layers][name]) for number in units]
            means, halves = [bound.mean for bound in bounds], [bound.high - bound.mean for bound in bounds]
            style = {"linestyle": "--" if i else "-", "linewidth": 1.4 if i else 2, "marker": "."}
            axes.errorbar(units, means, halves, color=f"C{i}", label=name, capsize=2, **style)
        if layers == TRAINED_ON[1]:
            axes.axvline(TRAINED_ON[0], color="grey", linewidth=1, linestyle=":", label="trained on")
        axes.set(title=f"{layers} layer{'s' * (layers > 1)}", xlabel="hidden units", xscale="log", yscale="log")
        axes.set_xticks(UNITS, [str(number) for number in UNITS], minor=False)
        axes.xaxis.minorticks_off()
        axes.grid(alpha=0.3)
    panels[0].set_ylabel(f"test loss after {NUM_STEPS} steps")
    panels[0].legend(frameon=False)
    return plot


def _losses(content: dict[str, Any]) -> dict[str, np.ndarray]:
    losses: dict[str, list[np.ndarray]] = {}
    for result in content["results"]:
        name = result["details"]["group"] if result["learned"] else result["name"]
        final = [np.inf if loss is None else loss for loss in result["held_out_final_losses"]["test"]]
        losses.setdefault(name, []).append(np.array(final, np.float64))
    return {name: np.mean(seeds, axis=0) for name, seeds in losses.items()}


STUDY = Study(
    trainings=(TRAINING,),
    parts=tuple(
        Part(
            name=f"sweep/{units}x{layers}",
            title=f"MNIST, {layers} x {units} units, {NUM_STEPS} steps",
            problem="mnist",
            options={"stddev": 0.1, "layers": [units] * layers},
            num_steps=NUM_STEPS,
            learned=LEARNED,
            split="test",
        )
        for layers in LAYERS
        for units in UNITS
    ),
    num_draws=20,
    tuning_draws=2,
    grids={"SGD": (0, 4), "RMSprop": (-9, -5), "Adam": (-8, -4), "NAG": (-3, 1)},
    finish=finish,
)
