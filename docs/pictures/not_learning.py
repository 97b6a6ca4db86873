"""The pictures of docs/train/not_learning.md: small meta-trainings that fail, and the same with one thing changed.

    python docs/pictures/not_learning.py [--runs=runs/not_learning]

Needs MNIST (`L2L_DATA_DIR`), and takes some ten minutes of one core. What is in --runs already is not trained again.
What the trainings wrote for TensorBoard, and what their rules do in a run, goes to docs/pictures/not_learning.json;
`not_learning_figures` draws from that.
"""

import argparse
import datetime
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
FILE = Path(__file__).with_suffix(".json")
TAGS = ("final_loss", "gradient_norm", "update_norm", "validation_loss")
DRAWS = 2  # Runs of a rule that a curve is the mean of.

# What the commands have in common.
_LSTM = (
    *("--problem=mnist", "--preset=original", "--second_derivatives", "--learning_rate=0.001"),
    *("--num_epochs=40", "--evaluation_period=5", "--evaluation_epochs=2"),
)
_QUADRATIC = ("--problem=quadratic", "--num_epochs=100", "--evaluation_period=10", "--evaluation_epochs=5")
_FURTHER = (*_QUADRATIC, "--start_from=quadratic", "--learning_rate=0.001")


def _log_and_sign(k: int) -> str:
    return "--network_options=" + json.dumps({"preprocess_options": {"k": k}, "scale": 0.1})


# Name to the flags of train.py.
TRAININGS: dict[str, tuple[str, ...]] = {
    "k = 5": (*_LSTM, _log_and_sign(5)),
    "k = 10": (*_LSTM, _log_and_sign(10)),
    "k = 5, 10 epochs": (*_LSTM, _log_and_sign(5), "--num_epochs=10"),
    "unrolls of 5": (*_FURTHER, "--unroll_length=5"),
    "unrolls of 50": (*_FURTHER, "--unroll_length=50"),
    "with second derivatives": _QUADRATIC,
    "without": (*_QUADRATIC, "--nosecond_derivatives"),
}


def folder_of(runs: Path, name: str) -> Path:
    return runs / "".join(letter if letter.isalnum() else "_" for letter in name)


def train(runs: Path, names: Sequence[str]) -> None:
    """Runs the commands that have not ended yet; a run that was stopped goes on."""
    for name in names:
        folder = folder_of(runs, name)
        if (folder / "ended").exists():
            continue
        folder.mkdir(parents=True, exist_ok=True)  # --resume begins anew in a folder that is empty.
        command = [sys.executable, "train.py", *TRAININGS[name], f"--save_path={folder}", "--resume"]
        print(" ".join(command), flush=True)
        subprocess.run([*command, f"--summary_dir={folder}/events", "--log_period=5"], cwd=ROOT, check=True)
        (folder / "ended").touch()


def events(folder: Path) -> dict[str, list[list[float]]]:
    """Tag to pairs of epoch and value, of what a training wrote for TensorBoard."""
    from tensorboard.backend.event_processing.event_accumulator import TENSORS, EventAccumulator
    from tensorflow import make_ndarray

    found: dict[str, dict[int, float]] = {tag: {} for tag in TAGS}
    for file in sorted(folder.glob("events/events.*")):
        read = EventAccumulator(str(file), {TENSORS: 0}).Reload()
        for tag in set(TAGS) & set(read.Tags()["tensors"]):
            found[tag].update((e.step, float(make_ndarray(e.tensor_proto))) for e in read.Tensors(tag))
    return {tag: [list(pair) for pair in sorted(values.items())] for tag, values in found.items()}


def gradient_sizes() -> dict[str, Any]:
    """log10 |g| on MNIST at theta_0, of the gradients that are not 0, as a histogram; and how many are hidden."""
    import tensorflow as tf

    import problems
    from l2l_tf.unrolling import seeds

    problem = problems.get("mnist")
    parameters = problem.initial_parameters((), seeds.root(0))
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        loss = problem.loss(parameters, (), seeds.root(1))
    gradients = np.abs(np.concatenate([np.ravel(g) for g in tape.gradient(loss, list(parameters.values()))]))
    other = gradients[gradients > 0]
    counts, edges = np.histogram(np.log10(other), 40, (-8, 0))
    return {
        "counts": counts.tolist(),
        "edges": edges.tolist(),
        "zero": float(np.mean(gradients == 0)),
        "hidden": {str(k): float(np.mean(other < np.exp(-k))) for k in (5, 10)},
    }


def responses(folder: Path, step: int = 5) -> dict[str, list[float]]:
    """The size of the update that a coordinate gets in a later step, where its gradient is the same in all."""
    import tensorflow as tf

    from l2l_tf.networks import Observation
    from l2l_tf.saving import saved_optimizer

    network = saved_optimizer.load(folder / "last")
    sizes = np.geomspace(1e-6, 1, 49)
    gradients = {"x": tf.constant(sizes, tf.float32)}
    state = network.initial_state(gradients)
    for _ in range(step):
        updates, state = network(Observation(gradients), state)
    return {"gradients": sizes.tolist(), "updates": np.abs(updates["x"]).astype(float).tolist()}


def inside(folder: Path, num_steps: int) -> dict[str, list[float]]:
    """Along runs on MNIST: the loss, the share of saturated sigmoids, the part of the update that is common to all."""
    import tensorflow as tf

    import problems
    from l2l_tf.saving import saved_optimizer
    from l2l_tf.unrolling import seeds, unroll
    from problems import datasets

    problem, network = problems.get("mnist"), saved_optimizer.load(folder)
    images = tf.reshape(tf.cast(datasets.load("mnist", "train")[0][:500], tf.float32) / 255, [500, 784])

    @tf.function(autograph=False)
    def step(run):
        observation = unroll.observe(problem, network, run)
        after = unroll.advance(network, run, observation)
        updates = tf.concat([tf.reshape(after.parameters[n] - p, [-1]) for n, p in run.parameters.items()], 0)
        w, b = run.parameters["mlp/linear_0/w"], run.parameters["mlp/linear_0/b"]
        hidden = tf.sigmoid(images @ w + b)
        saturated = tf.reduce_mean(tf.cast(tf.abs(hidden - 0.5) > 0.48, tf.float32))
        common = tf.abs(tf.reduce_mean(updates)) / tf.sqrt(tf.reduce_mean(updates**2))
        return after, tf.stack([observation.loss, saturated, common])

    rows = []
    for draw in range(DRAWS):
        run = unroll.start(problem, network, seeds.fold(seeds.root(0), seeds.Purpose.EVALUATION, draw))
        for _ in range(num_steps):
            run, row = step(run)
            rows.append(row)
    means = np.array(rows, np.float64).reshape([DRAWS, num_steps, 3]).mean(0)
    return dict(zip(("loss", "saturated", "common"), means.T.tolist()))


def along(folder: Path, num_steps: int = 100) -> list[float]:
    """The mean loss at each step of runs on quadratics."""
    import problems
    from l2l_tf.evaluation.evaluator import Evaluator
    from l2l_tf.saving import saved_optimizer
    from l2l_tf.unrolling import seeds

    evaluator = Evaluator(problems.get("quadratic"), saved_optimizer.load(folder), num_steps)
    return evaluator(seeds.root(5), 10 * DRAWS).losses.mean(0).tolist()


def measure(runs: Path) -> dict[str, Any]:
    """All that the pictures show."""
    from l2l_tf import pretrained
    from l2l_tf.version import __version__

    return {
        "command": "python docs/pictures/not_learning.py",
        "date": datetime.date.today().isoformat(),
        "version": __version__,
        "trainings": {name: " ".join(flags) for name, flags in TRAININGS.items()},
        "events": {name: events(folder_of(runs, name)) for name in TRAININGS},
        "gradients": gradient_sizes(),
        "responses": {name: responses(folder_of(runs, name)) for name in ("k = 5", "k = 10")},
        "inside": {
            "LSTM after 10 epochs": inside(folder_of(runs, "k = 5, 10 epochs") / "last", 100),
            "pretrained mnist": inside(pretrained.path("mnist"), 100),
        },
        "along": {
            "before": along(pretrained.path("quadratic")),
            **{name: along(folder_of(runs, name) / "last") for name in ("unrolls of 5", "unrolls of 50")},
        },
    }


def rounded(value: Any) -> Any:
    """Numbers to four digits, in whatever they lie."""
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [rounded(each) for each in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "not_learning", help="folder for the trainings")
    parser.add_argument("--only", nargs="*", help="trains these alone, and draws nothing")
    arguments = parser.parse_args()
    train(arguments.runs, arguments.only or list(TRAININGS))
    if not arguments.only:
        import not_learning_figures

        FILE.write_text(json.dumps(rounded(measure(arguments.runs)), separators=(",", ":")) + "\n")
        not_learning_figures.main()


if __name__ == "__main__":
    main()
