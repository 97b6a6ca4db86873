"""Learning curves drawn, and figures written. Needs no TensorFlow and no display."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from l2l_tf.evaluation import report
from l2l_tf.saving import files

SUFFIXES = (".pdf", ".png", ".svg")
# Of more optimizers than this the bands would hide the lines, and the legend would hide both.
_FEW = 6


def learning_curves(
    results: Sequence[report.Result], title: str = "", split: str | None = None, by_time: bool = False
) -> Any:
    """Learning curves as in the paper's figures 4 and 5, a `matplotlib.figure.Figure`.

    Means over draws with their 95 % intervals, on a logarithmic scale: learned optimizers solid, hand-designed ones
    dashed. Where a loss is 0 or below, the scale is linear. The loss is that on the held-out `split`, or as the
    optimizee saw it; `by_time` shows it over the mean seconds of a run up to each step. More than six optimizers are
    shown without intervals, and named beside the curves.
    """
    from matplotlib.figure import Figure

    few = len(results) <= _FEW
    plot = Figure(figsize=(6 if few else 9, 4.5), layout="constrained")
    axes = plot.add_subplot()
    with np.errstate(invalid="ignore", over="ignore"):
        means, lows, highs = zip(
            *(
                band((curves.held_out[split] if split else curves.losses)[curves.counted])
                for curves in (r.curves for r in results)
            )
        )
    positive = all(np.all(mean[np.isfinite(mean)] > 0) for mean in means)
    for result, mean, low, high, color in zip(results, means, lows, highs, colors(len(results))):
        curves = result.curves
        along = np.asarray(curves.held_out_steps if split else np.arange(len(mean)))
        if by_time:
            along = along * (curves.mean_epoch_time / (curves.losses.shape[1] - 1))
        style: dict[str, Any] = {"color": color, "zorder": 3 if result.learned else 2}
        axes.plot(
            along,
            mean,
            linestyle="-" if result.learned else "--",
            linewidth=2 if result.learned else 1.4,
            label=result.name,
            **style,
        )
        if few:
            axes.fill_between(along, low, high, alpha=0.2, linewidth=0, **style)
    if positive:
        axes.set_yscale("log")
    _limit_height(axes, means, positive)
    axes.set(
        xlabel="seconds" if by_time else "step", ylabel=f"{split} loss" if split else "loss", title=title, xmargin=0
    )
    if by_time:
        axes.set_xscale("log")
    axes.grid(alpha=0.3)
    if few:
        axes.legend(frameon=False)
    else:
        plot.legend(frameon=False, loc="outside right upper")
    return plot


def write(plot: Any, path: str | Path) -> None:
    """Writes a figure to `path`, in the format that the suffix names, one of `SUFFIXES`.

    Raises:
      ValueError: another suffix.
      OSError: it cannot be written.
    """
    check_path(path)
    with files.replacing(path) as stream:
        plot.savefig(stream, format=Path(path).suffix.lower()[1:], dpi=150)


def check_path(path: str | Path) -> None:
    """Raises a ValueError where the suffix is none of `SUFFIXES`."""
    if Path(path).suffix.lower() not in SUFFIXES:
        raise ValueError(f"A figure's file name ends in one of {list(SUFFIXES)}. Received: {str(path)!r}.")


def colors(count: int) -> list[str]:
    """A colour for each of so many optimizers, `#rrggbb`; beyond twenty they come again."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    palette = colormaps["tab10" if count <= 10 else "tab20"]
    return [to_hex(palette(i % palette.N)) for i in range(count)]


def band(losses: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and interval at each step of `[draws, steps]`; NaN where a draw is not finite."""
    losses = np.where(np.isfinite(losses).all(axis=0), losses, np.nan).astype(np.float64)
    mean = losses.mean(axis=0)
    if len(losses) < 2:
        return mean, mean, mean
    half = report.t_quantile(len(losses) - 1) * losses.std(axis=0, ddof=1) / math.sqrt(len(losses))
    # No mean lies below the least draw; and a logarithmic axis has no room for what is below 0.
    return mean, np.maximum(mean - half, losses.min(axis=0)), mean + half


def _limit_height(axes: Any, means: Sequence[np.ndarray], logarithmic: bool) -> None:
    """Keeps an optimizer that diverges from squeezing the others into a line."""
    starts = [mean[0] for mean in means if np.isfinite(mean[0])]
    if not starts:
        return
    bottom = min(np.nanmin(mean) for mean in means if np.isfinite(mean[0]))
    top = max(np.nanmax(mean) for mean in means if np.isfinite(mean[0]))
    room = (max(starts) - bottom) or 1.0
    limit = max(starts) * 10 if logarithmic else max(starts) + 2 * room
    if top > limit:
        axes.set_ylim(top=limit)
