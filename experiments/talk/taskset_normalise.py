"""What normalises the losses of TaskSet's published tasks: where Adam starts on each, and how low it gets.

Adam runs at 14 rates (half decades from 1e-6) and 2 seeds for 1,000 steps. On the losses of "outer_validation"
minibatches, `initial` is the mean at theta_0, and `best` the lowest of the curves of all rates: means over seeds and
over 50 consecutive steps (Metz et al. 2020, arXiv 2009.11243; TaskSet). A task gets a file of its own, where it is
whole or not there, and tasks that have one are not run again: killed, the command goes on where it was. A task without
a scale is kept, and says why.
"""

import json
import logging
import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from experiments.talk.taskset_progress import Progress
from l2l_tf.commands import command_line
from l2l_tf.networks import search_spaces
from l2l_tf.saving import files, provenance
from problems.taskset import published

DESCRIPTION = __doc__ or ""
FLAGS = flags.FlagValues()
flags.DEFINE_string(
    "output", str(published.FOLDER / "normalisers"), "Folder of the results, one file a task.", flag_values=FLAGS
)
flags.DEFINE_list("tasks", None, "Names of tasks; by default all of the published list.", flag_values=FLAGS)
flags.DEFINE_integer("num_steps", 1_000, "Of each run.", 1, 100_000, flag_values=FLAGS)
flags.DEFINE_integer("jobs", 0, "Tasks at a time, each on one core; 0 is one a core.", 0, 1_000, flag_values=FLAGS)
flags.DEFINE_string(
    "data_dir",
    None,
    "Folder of the TensorFlow Datasets data; by default the environment variable L2L_DATA_DIR, then TFDS's own.",
    flag_values=FLAGS,
)
flags.DEFINE_bool("debug", False, "Show the traceback of every error.", flag_values=FLAGS)

SPACE, SEEDS = "adam_lr", (0, 1)
ORDER = ("choose", "held_out", "train")
# Standard errors of the initial loss by which the lowest has to be below it: of 14 curves, chance alone gives three.
_LEAST_GAIN = 6
_MILLISECONDS_OF_TRACING = 200  # For each of a task's runs.


def main() -> None:
    """The command."""
    names = FLAGS.tasks or [name for split in ORDER for name in published.tasks(split)]
    tasks = [published.task(name) for name in names]
    output = Path(FLAGS.output)
    files.make_folder(output)
    for task in tasks:
        command_line.check_problem("taskset", {"config": task.config}, FLAGS.data_dir, False)
    tf = command_line.import_tensorflow(1)
    # Of every task TensorFlow warns that it is a function of its own, and of some that they cannot be vectorised.
    tf.get_logger().setLevel("FATAL")
    logging.getLogger("l2l_tf.fast.vectorization").setLevel("ERROR")
    run_all(tasks, output, FLAGS.num_steps, FLAGS.jobs or provenance.machine()["cpus"] or 1, FLAGS.data_dir)


def run_all(
    tasks: Sequence[published.Published], output: Path, num_steps: int, jobs: int, data_dir: str | None = None
) -> None:
    """Writes the file of each task that has none in `output`, `jobs` at a time, with a line for each."""

    def size(task):
        return task.milliseconds * num_steps + _MILLISECONDS_OF_TRACING

    def run(task):
        path = output / f"{task.name}.json"
        if path.exists():
            progress.done(task.name, "is there", 0.0, 0.0)
            return
        began = time.perf_counter()
        record = normalise(task.name, task.config, num_steps, data_dir)
        seconds = time.perf_counter() - began
        origin = {"command": provenance.command(), "date": provenance.date(), "versions": provenance.versions()}
        files.write(path, json.dumps({**record, "seconds": round(seconds, 1), **origin}) + "\n")
        told = record["fault"] or f"initial {record['initial']:.4g}, best {record['best']:.4g}"
        progress.done(task.name, told, seconds, size(task))

    progress = Progress(len(tasks))
    progress.expect(size(task) for task in tasks if not (output / f"{task.name}.json").exists())
    with ThreadPoolExecutor(jobs) as pool:
        try:
            list(pool.map(run, tasks))
        except BaseException:  # Ctrl-C waits for the tasks at work, not for all.
            pool.shutdown(cancel_futures=True)
            raise


def normalise(name: str, config: dict[str, Any], num_steps: int, data_dir: str | None = None) -> dict[str, Any]:
    """A task's scale, from all of Adam's runs on it: a JSON-able record without its provenance.

    Raises:
      DatasetNotPreparedError: the task's data is not there.
    """
    import tensorflow as tf

    from experiments.talk import taskset_runs
    from l2l_tf import networks
    from l2l_tf.unrolling import seeds
    from problems import taskset

    network = networks.get(search_spaces.SPACES[SPACE].network, total_steps=num_steps)
    rates = {"learning_rate": search_spaces.ADAM_RATES}
    runs = taskset_runs.Runs(taskset.build(config, data_dir), network, num_steps, rates)
    about = {
        "name": name,
        "config": config,
        "split": "outer_validation",
        "optimizer": "Adam8p",
        "space": SPACE,
        "rates": list(map(_rounded, search_spaces.ADAM_RATES)),
        "num_steps": num_steps,
        "seeds": list(SEEDS),
        "window": taskset_runs.WINDOW,
    }
    try:
        draws = [seeds.fold(seeds.root(seed), seeds.Purpose.TUNING) for seed in SEEDS]
        curves = [runs(draw) for draw in draws]
    except tf.errors.OpError as error:
        return {**about, **_without_scale(f"TensorFlow cannot run it: {str(error).splitlines()[0]}")}
    return {**about, **scale(np.stack([c.initial for c in curves]), np.stack([c.outer for c in curves]))}


def scale(initial: np.ndarray, curves: np.ndarray) -> dict[str, Any]:
    """Initial and best loss, and how the curves ran.

    Args:
      initial: `[seeds, minibatches]`, losses at theta_0.
      curves: `[seeds, rates, T + 1]`.

    Returns:
      `initial`, `best`, `best_rate` and `best_step`, the number of the rate and the last step of the window; `fault`,
      why there is no scale, or None; by rate the `lowest` and the `final` smoothed loss; the `curve` of the best rate
      at eleven steps from first to last. None stands for what is not finite.
    """
    from experiments.talk.taskset_runs import smoothed

    with np.errstate(over="ignore", invalid="ignore"):
        means = smoothed(np.mean(curves, 0))
        start = float(np.mean(initial))
        error = math.sqrt(np.mean(np.var(initial, 1)) / initial.size) if np.all(np.isfinite(initial)) else math.inf
    lowest = means.min(-1)
    rate = int(np.argmin(lowest))
    step = int(np.argmin(means[rate]))
    best = float(lowest[rate])
    fault = None
    if not math.isfinite(start):
        fault = "Its initial loss is not finite."
    elif not math.isfinite(best):
        fault = "Adam has no finite loss at any rate."
    elif not start - best > max(_LEAST_GAIN * error, 1e-6 * abs(start)):
        fault = "Adam does not bring its loss down at any rate."
    places = np.linspace(0, means.shape[1] - 1, min(11, means.shape[1])).round().astype(int)
    return {
        "initial": start if math.isfinite(start) else None,
        "best": best if math.isfinite(best) else None,
        "best_rate": rate,
        "best_step": step + curves.shape[-1] - means.shape[-1],
        "fault": fault,
        "lowest": list(map(_rounded, lowest)),
        "final": list(map(_rounded, means[:, -1])),
        "curve": list(map(_rounded, means[rate, places])),
    }


def _without_scale(fault: str) -> dict[str, Any]:
    names = ("initial", "best", "best_rate", "best_step", "lowest", "final", "curve")
    return {**dict.fromkeys(names), "fault": fault}


def _rounded(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None
