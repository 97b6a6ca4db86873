"""What an optimizer paints: its last theta, and pictures side by side."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from l2l_tf.evaluation import figures
from l2l_tf.networks import Network
from l2l_tf.unrolling import seeds, unroll
from problems import pictures
from problems.neural_art import NeuralArt, to_pixels

_PIECE = 16  # steps between two reports


class Painting(NamedTuple):
    """A finished run: content and result, uint8 `[height, width, 3]`, and the losses of theta_0 to theta_T."""

    content: np.ndarray
    image: np.ndarray
    losses: np.ndarray


class Painter:
    """Runs `network` on draws of `problem`; compiled once."""

    def __init__(self, problem: NeuralArt, network: Network):
        self._start = tf.function(lambda seed: unroll.start(problem, network, seed), autograph=False)
        self._advance = tf.function(
            lambda run, num_steps: unroll.losses_along(problem, network, run, num_steps), autograph=False
        )

    def __call__(
        self, num_steps: int, seed: int, draw: int = 0, on_piece: Callable[[int, float], None] = lambda step, loss: None
    ) -> Painting:
        """The draw that an evaluation of that seed takes; reports steps and losses on the way."""
        run = self._start(seeds.fold(seeds.root(seed), seeds.Purpose.EVALUATION, draw))
        losses: list[np.ndarray] = []
        for begin in range(0, num_steps, _PIECE):
            piece, run = self._advance(run, min(_PIECE, num_steps - begin))
            losses += [piece.numpy() if not losses else piece.numpy()[1:]]
            on_piece(int(run.step), float(losses[-1][-1]))
        return Painting(to_pixels(run.instance.image), to_pixels(run.parameters["image"]), np.concatenate(losses))


def grid(columns: Sequence[str], rows: Sequence[Sequence[np.ndarray]], captions: Sequence[Sequence[str]]) -> Any:
    """Pictures in rows under the names of their columns, each with a caption, as a `matplotlib.figure.Figure`."""
    from matplotlib.figure import Figure

    height, width = rows[0][0].shape[:2]
    plot = Figure(figsize=(1.8 * len(columns), (1.8 * height / width + 0.2) * len(rows) + 0.2), layout="constrained")
    axes = plot.subplots(len(rows), len(columns), squeeze=False)
    for row, cells in enumerate(rows):
        for column, picture in enumerate(cells):
            cell = axes[row, column]
            cell.imshow(picture, interpolation="nearest")
            cell.set(xticks=[], yticks=[])
            cell.spines[:].set_visible(False)
            cell.set_xlabel(captions[row][column], fontsize=8)
    for cell, name in zip(axes[0], columns):
        cell.set_title(name, fontsize=9)
    return plot


def write_grid(style: str, rows: Sequence[tuple[Painting, Painting]], path: str | Path) -> None:
    """Writes pictures side by side to `path`: content, style, ours, Adam's, for pairs of ours and Adam's."""
    (file,) = pictures.find("style", style, "all")
    painting = pictures.read(file, *rows[0][0].content.shape[:2])
    cells = [[ours.content, painting, ours.image, adam.image] for ours, adam in rows]
    captions = [["", "", *(f"loss {run.losses[-1]:.4f}" for run in pair)] for pair in rows]
    steps = len(rows[0][0].losses) - 1
    columns = ["content", "style", f"learned, {steps} steps", f"Adam, {steps} steps"]
    figures.write(grid(columns, cells, captions), path)
    print(f"Pictures: {path}")
