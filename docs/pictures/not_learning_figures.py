"""Draws docs/pictures/not_learning_*.svg from docs/pictures/not_learning.json, which `not_learning` measures.

python docs/pictures/not_learning_figures.py
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

FOLDER = Path(__file__).parent
NUMBERS = FOLDER / "not_learning.json"
RESULTS = FOLDER.parents[1] / "results" / "mnist-100" / "results.json"
BAD, GOOD = "#c0392b", "#1f6fb4"  # What fails, and the same mended.


def panels(*titles: str) -> tuple[Figure, list[Any]]:
    plot = Figure(figsize=(3.1 * len(titles), 2.7), layout="constrained")
    axes = list(np.ravel(plot.subplots(1, len(titles))))
    for axis, title in zip(axes, titles):
        axis.set_title(title, fontsize=9.5)
        axis.grid(alpha=0.3)
    return plot, axes


def line(axis: Any, pairs: Sequence[Sequence[float]], colour: str, label: str = "", **style: Any) -> None:
    """Pairs of epoch and value."""
    epochs, values = np.transpose(pairs)
    axis.plot(epochs, values, color=colour, label=label or None, **{"linewidth": 1.4, **style})


def blind(numbers: Mapping[str, Any]) -> Figure:
    """1: what a preprocessing hides, what the rule makes of it, and that it does not learn."""
    plot, (sizes, updates, losses) = panels("gradients on MNIST", "the rule's update, step 5", "final_loss")
    gradients = numbers["gradients"]
    edges = np.array(gradients["edges"])
    sizes.bar(10 ** edges[:-1], gradients["counts"], np.diff(10**edges), align="edge", color="0.6")
    sizes.set(xlabel="|g|, where it is not 0", ylabel="coordinates", xscale="log")
    for k, colour in ((5, BAD), (10, GOOD)):
        sizes.axvline(np.exp(-k), color=colour, label=f"hidden by k = {k}: {gradients['hidden'][str(k)]:.0%}")
        response = numbers["responses"][f"k = {k}"]
        updates.loglog(response["gradients"], response["updates"], color=colour, label=f"k = {k}")
        line(losses, numbers["events"][f"k = {k}"]["final_loss"], colour, f"k = {k}")
    updates.set(xlabel="|g|", ylabel="|update|")
    losses.set(xlabel="epoch", ylabel="loss after 100 steps")
    sizes.margins(y=0.45)  # Room for the legend.
    sizes.legend(fontsize=7, loc="upper left")
    updates.legend(fontsize=7)
    losses.legend(fontsize=7)
    return plot


def drift(numbers: Mapping[str, Any]) -> Figure:
    """2: a run of the rule from within."""
    plot, axes = panels("loss of a run", "sigmoids at 0 or 1", "part common to all coordinates")
    for name, colour in zip(numbers["inside"], (BAD, GOOD)):
        for axis, what in zip(axes, ("loss", "saturated", "common")):
            axis.plot(numbers["inside"][name][what], color=colour, label=name, linewidth=1.4)
            axis.set(xlabel="step")
    axes[0].axhline(np.log(10), color="0.5", linestyle=":", linewidth=1)
    axes[0].annotate("a guess", (100, np.log(10)), fontsize=7, ha="right", va="bottom", color="0.4")
    axes[1].set(ylabel="share of hidden units", ylim=(-0.03, 1.03))
    axes[2].set(ylabel="|mean| / rms of the update", ylim=(-0.03, 1.03))
    axes[2].legend(fontsize=7)
    return plot


def second_derivatives(numbers: Mapping[str, Any]) -> Figure:
    """3: what TensorBoard shows with and without them."""
    plot, axes = panels("gradient_norm", "update_norm", "validation_loss")
    for name, found in numbers["events"].items():
        if "with" in name:
            for axis, tag in zip(axes, ("gradient_norm", "update_norm", "validation_loss")):
                line(axis, found[tag], BAD if name == "without" else GOOD, name, linewidth=1)
                axis.set(xlabel="epoch", yscale="log")
    axes[0].legend(fontsize=7)
    return plot


def seeds(numbers: Mapping[str, Any]) -> Figure:
    """How much a training's epochs differ, and how much trainings do: MNIST, of results/mnist-100."""
    plot, (epochs, trainings) = panels("one training, epoch by epoch", "one command, three seeds")
    found = numbers["events"]["with second derivatives"]
    line(epochs, found["final_loss"], "0.6", "final_loss: other draws", linewidth=0.9)
    line(epochs, found["validation_loss"], GOOD, "validation_loss: the same", marker=".")
    for result in json.loads(RESULTS.read_text())["results"]:
        if result["learned"] or result["name"] == "NAG":
            name = result["name"].rpartition(", ")[2] if result["learned"] else "NAG, tuned"
            style = {"linewidth": 1.2} if result["learned"] else {"color": "0.4", "linestyle": "--"}
            trainings.plot(result["mean_curve"], label=name, **style)
    epochs.set(xlabel="epoch", ylabel="loss after 100 steps", yscale="log")
    trainings.set(xlabel="step", ylabel="loss on MNIST", yscale="log")
    for axis in (epochs, trainings):
        axis.legend(fontsize=7)
    plot.set_size_inches(7.2, 2.7)
    return plot


def short_unrolls(numbers: Mapping[str, Any]) -> Figure:
    """4: what training changes along a run, by the length of the unrolls."""
    plot, (validations, ratios) = panels("validation_loss", "loss, over that before training")
    before = np.array(numbers["along"]["before"])
    for name, colour in (("unrolls of 5", BAD), ("unrolls of 50", GOOD)):
        line(validations, numbers["events"][name]["validation_loss"], colour, name, marker=".")
        ratios.plot(np.array(numbers["along"][name]) / before, color=colour, label=name)
    ratios.axhline(1, color="0.4", linewidth=1, linestyle=":")
    validations.set(xlabel="epoch", ylabel="loss after 100 steps")
    ratios.set(xlabel="step", ylabel="below 1: better")
    validations.legend(fontsize=7)
    plot.set_size_inches(7.2, 2.7)
    return plot


PICTURES = {
    "blind": blind,
    "drift": drift,
    "second_derivatives": second_derivatives,
    "short_unrolls": short_unrolls,
    "seeds": seeds,
}


def main() -> None:
    numbers = json.loads(NUMBERS.read_text())
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "l2l_tf", "font.size": 8.5}):
        for name, draw in PICTURES.items():
            file = FOLDER / f"not_learning_{name}.svg"
            draw(numbers).savefig(file, metadata={"Date": None})
            print(f"Written: {file}")


if __name__ == "__main__":
    main()
