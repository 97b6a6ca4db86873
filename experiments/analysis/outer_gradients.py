"""How alike outer gradients are: from run to run, and from an early to a late unroll of the same run."""

import dataclasses
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from absl import flags

from experiments.shared import contenders, study
from l2l_tf.commands import command_line
from l2l_tf.evaluation import report
from l2l_tf.saving import files, saved_optimizer
from l2l_tf.saving.provenance import provenance
from problems import option_values, trust

if TYPE_CHECKING:
    from l2l_tf.training.config import TrainingConfig
    from l2l_tf.unrolling.coordinates import AssignedNetworks
    from problems.problem import Problem

DESCRIPTION = """Norms and cosines of a saved optimizer's outer gradients, by back-propagation, on the problem and with
the objective that it was trained for: between fresh runs, and between unrolls along them. Where runs agree, there is a
way to go; where unrolls point away from one another, what early steps ask for is at the cost of late ones.

  python -m experiments outer_gradients --optimizer=results/optimizers/cifar-learned_momentum-0 --unrolls=0,1,4,9"""

_LAST_UNROLL = 1_000_000

FLAGS = flags.FlagValues()
flags.DEFINE_string("optimizer", "mnist_momentum", "Folder of a saved optimizer, or name of a pretrained one.", FLAGS)
flags.DEFINE_list("unrolls", ["0", "1"], "Unrolls of a run that are looked at, from 0.", FLAGS)
flags.DEFINE_bool("trust", False, "Import the problem it was trained on where that is code: docs/safety.md.", FLAGS)
flags.DEFINE_integer("num_runs", 3, "Fresh runs.", 2, option_values.LARGEST_COUNT, flag_values=FLAGS)
flags.DEFINE_string("output", "results/outer-gradients", "Folder for what is written.", FLAGS)
flags.DEFINE_string("data_dir", None, "Folder of TensorFlow Datasets; by default L2L_DATA_DIR, then TFDS's own.", FLAGS)
flags.DEFINE_bool("download", False, "Fetch data that is missing.", FLAGS)
flags.DEFINE_enum("threads", "auto", ["auto", "default"], "Of TensorFlow, as train.py has them.", FLAGS)
flags.DEFINE_bool("debug", False, "Show the traceback of every error.", FLAGS)


def main():
    unrolls = _unrolls(FLAGS.unrolls)
    ((name, folder),) = contenders.optimizers([FLAGS.optimizer]).items()
    config = _config(folder, FLAGS.trust)
    _, data = command_line.check_problem(config.problem, config.problem_options, FLAGS.data_dir, FLAGS.download)
    output = Path(FLAGS.output)
    for suffix in ("md", "json"):
        files.check(output / f"{name}.{suffix}")
    command_line.import_tensorflow(command_line.threads_for(FLAGS.threads, config.problem, config.problem_options))
    import problems

    problem = problems.get(config.problem, **config.problem_options, **data)
    network = saved_optimizer.load(folder, function_axis=problem.function_axis)
    found = gradients(problem, network, config, unrolls, FLAGS.num_runs, study.EVALUATION_SEED)
    about = provenance(study.EVALUATION_SEED)
    text = table(found)
    how = (
        f"{name} on {config.problem}, unrolls of {config.unroll_length} steps, {FLAGS.num_runs} runs: the mean norm of "
        "the outer gradients, their mean cosine from run to run, and the cosines of the means of unrolls. "
        f"`{about['command']}`"
    )
    for file, content in (
        (f"{name}.md", f"{text}\n\n{how}\n"),
        (f"{name}.json", json.dumps({**about, "rows": _rows(found)}, indent=1) + "\n"),
    ):
        files.write(output / file, content)
    print(f"\n{text}\nWritten: {output / name}.md")


def gradients(
    problem: "Problem",
    network: "AssignedNetworks",
    config: "TrainingConfig",
    unrolls: Sequence[int],
    num_runs: int,
    seed: int,
) -> dict[int, np.ndarray]:
    """Unroll to the outer gradients of all weights, `[num_runs, weights]`; the objective is the training's.

    Args:
      problem, network: what is minimised, and by what.
      config: of the training: unrolls, objective and second derivatives.
      unrolls: which of a run's, from 0.
      num_runs, seed: fresh runs, and the seed they are drawn from.
    """
    import tensorflow as tf

    from l2l_tf.estimators.backpropagation import truncated_backpropagation
    from l2l_tf.unrolling import seeds, unroll
    from l2l_tf.unrolling.objectives import trajectory_objective

    length = config.unroll_length
    objective = trajectory_objective(length, config.loss_weights, config.loss_transform, config.objective)
    estimator = truncated_backpropagation(problem, network, length, objective, config.second_derivatives)

    @tf.function(autograph=False)
    def differentiate(run):
        estimate = estimator.estimate(run, seeds.root(0))
        return tf.concat([tf.reshape(gradient, [-1]) for gradient in estimate.gradients], 0), estimate.run

    @tf.function(autograph=False)
    def advance(run):
        return unroll.losses_along(problem, network, run, length)[1]

    found: dict[int, list[np.ndarray]] = {index: [] for index in unrolls}
    draws = seeds.fold(seeds.root(seed), seeds.Purpose.EVALUATION)
    for draw in range(num_runs):
        run = unroll.start(problem, network, seeds.fold(draws, draw))
        for index in range(max(unrolls) + 1):
            if index in found:
                gradient, run = differentiate(run)
                found[index].append(gradient.numpy())
            else:
                run = advance(run)
        print(f"Run {draw + 1} of {num_runs}", flush=True)
    return {index: np.stack(rows) for index, rows in found.items()}


def table(found: dict[int, np.ndarray]) -> str:
    """What `gradients` found, in Markdown."""
    header = ["unroll", "norm", "cosine of runs", *(f"with unroll {index}" for index in found)]
    rows = [
        [
            str(row["unroll"]),
            f"{row['norm']:.3g}",
            f"{row['runs']:.2f}",
            *(f"{cosine:.2f}" for cosine in row["unrolls"]),
        ]
        for row in _rows(found)
    ]
    return report.aligned([header, *rows])


def _rows(found: dict[int, np.ndarray]) -> list[dict[str, Any]]:
    means = {index: of_runs.mean(0) for index, of_runs in found.items()}
    return [
        {
            "unroll": index,
            "norm": float(np.mean(np.linalg.norm(of_runs, axis=1))),
            "runs": float(np.mean([_cosine(a, b) for a, b in itertools.combinations(of_runs, 2)])),
            "unrolls": [_cosine(means[index], means[other]) for other in found],
        }
        for index, of_runs in found.items()
    ]


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def _unrolls(words: Sequence[str]) -> list[int]:
    try:
        unrolls = [int(word) for word in words]
    except ValueError:
        unrolls = []
    if not unrolls or min(unrolls) < 0 or max(unrolls) > _LAST_UNROLL or len(set(unrolls)) < len(unrolls):
        raise ValueError(
            f"--unrolls is different whole numbers of 0 to {_LAST_UNROLL}, e.g. 0,4,9. Received: {','.join(words)!r}."
        )
    return sorted(unrolls)


def _config(folder: Path, trusted: bool = False) -> "TrainingConfig":
    from l2l_tf.training.config import TrainingConfig

    trained = saved_optimizer.read(folder)[0]["metadata"].get("training")
    if trained is None:
        raise ValueError(f"{str(folder)!r} does not say how it was trained. Give an optimizer that train.py saved.")
    try:
        config = TrainingConfig(**trained)
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{str(folder)!r} says of its training what none of this l2l_tf's can be ({error}). Give an optimizer that "
            "train.py saved."
        ) from error
    problem, options = trust.from_file(config.problem, config.problem_options, str(folder), trusted, "--trust")
    return dataclasses.replace(config, problem=problem, problem_options=options)
