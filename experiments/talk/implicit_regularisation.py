"""Which of the minima of (x - y)^2 / 2 rules go to: trajectories from a grid of starts, Adam's beside them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.shared import beside_adam, contenders
from l2l_tf.commands import command_line
from l2l_tf.evaluation import report

DESCRIPTION = """The minima of (x - y)^2 / 2 are the line x = y. Gradient descent keeps x + y as it is. So does Adam, as
both coordinates have gradients of one size. They go to the nearest minimum. A rule that looks at more than that may go
elsewhere along the line: towards 0, which regularises, or away. From a grid of starts, each a run of its own.

  python -m experiments implicit_regularisation --optimizer=mnist_adafactor"""

FLAGS = beside_adam.define_flags("implicit_regularisation", ["mnist_adafactor"], num_steps=500, num_draws=1)
_SIDE = 1.5
_GRID = 9  # starts a side
ADAM_RATES = (0.001, 0.01, 0.1)


def main():
    folders = contenders.optimizers(FLAGS.optimizer or ())
    if not folders:
        raise ValueError("--optimizer is needed: names of pretrained rules, or folders of saved optimizers.")
    output = beside_adam.output_folder(FLAGS)
    command_line.import_tensorflow(1)
    import keras

    from l2l_tf import LearnedOptimizer

    starts, num_steps = (grid(3), 10) if FLAGS.quick else (grid(_GRID), FLAGS.num_steps)
    optimizers = {name: LearnedOptimizer(str(folder)) for name, folder in folders.items()}
    optimizers |= {f"Adam, {rate:g}": keras.optimizers.Adam(rate) for rate in ADAM_RATES}
    paths = {}
    for name, optimizer in optimizers.items():
        paths[name] = follow(optimizer, starts, num_steps)
        print(f"{name}: followed", flush=True)
    how = (
        f"From {len(starts)} starts in [-{_SIDE:g}, {_SIDE:g}]², {num_steps} steps. Shrinkage: 1 - |x + y| at the end "
        "over |x + y| at the start, the mean over starts where that is at least 0.5 and that are no minima themselves: "
        "0 keeps to the nearest minimum, 1 goes to the origin, below 0 goes away from it. Norm: of the end over that "
        "of the nearest minimum, the median over the same starts."
    )
    results = {
        "num_steps": num_steps,
        "starts": starts.tolist(),
        "ends": {name: path[-1].tolist() for name, path in paths.items()},
        "figures": {name: figures_of(path) for name, path in paths.items()},
    }
    beside_adam.write(output, f"Implicit regularisation\n\n{table(paths)}\n\n{how}", figure(paths), results)


def grid(side: int) -> np.ndarray:
    """`[side^2, 2]`: starts, evenly over the square."""
    axis = np.linspace(-_SIDE, _SIDE, side)
    return np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2).astype(np.float32)


def follow(optimizer: Any, starts: np.ndarray, num_steps: int) -> np.ndarray:
    """`[num_steps + 1, starts, 2]`: the runs of a Keras optimizer, one after the other, each from a fresh state."""
    import tensorflow as tf

    point = tf.Variable(starts[0])
    optimizer.build([point])
    fresh = [variable.numpy() for variable in optimizer.variables]

    @tf.function(autograph=False)
    def run():
        def body(t, path):
            with tf.GradientTape() as tape:
                loss = tf.square(point[0] - point[1]) / 2
            gradient = tape.gradient(loss, point)
            optimizer.apply([gradient], [point])
            return t + 1, path.write(t, point.read_value())

        path = tf.TensorArray(tf.float32, num_steps)
        _, path = tf.while_loop(lambda t, _: t < num_steps, body, (0, path), parallel_iterations=1)
        return path.stack()

    paths = []
    for start in starts:
        point.assign(start)
        for variable, value in zip(optimizer.variables, fresh):
            variable.assign(value)
        paths.append(np.concatenate([start[None], run().numpy()]))
    return np.stack(paths, 1)


def figures_of(path: np.ndarray) -> dict[str, float]:
    """Of `[steps + 1, starts, 2]`: the final loss, the shrinkage, and the norm over the nearest minimum's."""
    first, last = path[0].astype(np.float64), path[-1].astype(np.float64)
    sums, ends = np.abs(first.sum(1)), np.abs(last.sum(1))
    counted = (sums >= 0.5) & (first[:, 0] != first[:, 1])
    return {
        "loss": float(np.median((last[:, 0] - last[:, 1]) ** 2 / 2)),
        "shrinkage": float(np.mean(1 - ends[counted] / sums[counted])),
        "norm": float(np.median(np.linalg.norm(last[counted], axis=1) / (sums[counted] / 2**0.5))),
    }


def table(paths: Mapping[str, np.ndarray]) -> str:
    """A row an optimizer, in Markdown."""
    rows = [["optimizer", "final loss, median", "shrinkage", "norm / nearest minimum's"]]
    for name, path in paths.items():
        found = figures_of(path)
        rows.append([name, f"{found['loss']:.2g}", f"{found['shrinkage']:.3f}", f"{found['norm']:.3f}"])
    return report.aligned(rows)


def figure(paths: Mapping[str, np.ndarray]) -> Any:
    """A panel an optimizer: trajectories, starts hollow and ends filled, over the valley x = y."""
    from matplotlib.figure import Figure

    columns = min(len(paths), 4)
    rows = -(-len(paths) // columns)
    plot = Figure(figsize=(3.2 * columns, 3.4 * rows), layout="constrained")
    panels = list(plot.subplots(rows, columns, squeeze=False).flat)
    for axes, (name, path) in zip(panels, paths.items()):
        side = 1.25 * _SIDE
        axes.plot([-side, side], [-side, side], color="0.7", lw=4, zorder=0)
        axes.plot(path[..., 0], path[..., 1], color="tab:blue", lw=0.6)
        axes.scatter(*path[0].T, s=8, facecolors="none", edgecolors="0.4")
        axes.scatter(*path[-1].T, s=10, color="tab:red", zorder=3)
        axes.set(title=name, xlabel="x", ylabel="y", xlim=(-side, side), ylim=(-side, side), aspect="equal")
    for axes in panels[len(paths) :]:
        axes.set_axis_off()
    return plot
