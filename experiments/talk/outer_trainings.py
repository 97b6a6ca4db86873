"""Trainings of new learned optimizers under an outer optimizer: what is trained, by what, and how it went."""

import math
from pathlib import Path
from typing import Any, NamedTuple

from l2l_tf import presets
from problems.taskset import small

POINTS = 20  # validations of a training, evenly spaced


class Case(NamedTuple):
    """What is trained.

    Attributes:
      title: as the page says it.
      loss: what its outer loss is.
      settings: fields of `TrainingConfig`, or of `TasksConfig` where there are `members`.
      updates: outer steps of an epoch; 1 for tasks.
      members: names of `taskset.small`'s tasks that it learns from, or none.
    """

    title: str
    loss: str
    settings: dict[str, Any]
    updates: int = 1
    members: tuple[str, ...] = ()


def _quadratics() -> dict[str, Any]:
    recommended = presets.get("recommended", "quadratic")
    constant = {"learning_rate_decay": 1.0, "num_steps": 100, "unroll_length": 20, "evaluation_epochs": 20}
    return {"problem": "quadratic", **recommended, **constant}


CASES = {
    "lstm": Case(
        "the paper's LSTM on the paper's quadratics, by back-propagation through unrolls of 20",
        "mean loss after 100 steps, 20 quadratics",
        _quadratics(),
        updates=5,
    ),
    "mlp": Case(
        "AdafactorMLP on 8 x 8 images of MNIST, by PES with 4 pairs in unrolls of 20",
        "mean logarithm of the validation loss after 200 steps, 8 draws",
        {
            "problem": "mixture",
            "networks": {"network": {"net": "AdafactorMLP"}},
            "estimator": "pes",
            "perturbations": 4,
            "tasks_per_step": 2,
            "task_lifetime": 1_000_000,
            "num_steps": 200,
            "unroll_length": 20,
            "loss_weights": "mean",
            "loss_transform": "log",
            "clip_norm": 1.0,
            "average_decay": 0.98,
            "validation_tasks": 8,
        },
        members=("mnist",),
    ),
}


class Outer(NamedTuple):
    """An outer optimizer.

    Attributes:
      name: in the table.
      kind: "adam", or the folder of a saved optimizer.
      learning_rate: Adam's, or what multiplies the rule's updates.
      clip_value: the largest entry of the outer gradient, or None.
      version: of a saved optimizer's weights, so that a rule that was trained further is run anew.
    """

    name: str
    kind: str
    learning_rate: float
    clip_value: float | None = None
    version: str | None = None

    @property
    def learned(self) -> bool:
        return self.version is not None


class Outcome(NamedTuple):
    """Of one training: outer losses at `POINTS` moments, infinite from where it diverged, and its seconds."""

    losses: list[float]
    seconds: float


def train(
    case: Case,
    outer: Outer,
    outer_steps: int,
    seed: int,
    folder: Path,
    data_dir: str | None = None,
    download: bool = False,
) -> Outcome:
    """Trains a new learned optimizer in `folder`, from nothing.

    Raises:
      KeyboardInterrupt: it was interrupted.
    """
    from l2l_tf.training import config, loop, tasks, tasks_config
    from l2l_tf.training.events import Validation
    from l2l_tf.training.meta_training import TrainingDivergedError

    advances = max(outer_steps // case.updates, 1)
    settings = {
        **case.settings,
        "outer_optimizer": outer.kind,
        "learning_rate": outer.learning_rate,
        "clip_value": outer.clip_value,
        "seed": seed,
        "evaluation_period": max(advances // POINTS, 1),
    }
    training: Any
    if case.members:
        options = small.mixture(case.members)
        made = tasks_config.TasksConfig(**settings, problem_options=options, outer_steps=advances)
        data = {"data_dir": data_dir, "download": download}
        training = tasks.TasksTraining(made, folder, overwrite=True, data=data)
    else:
        training = loop.Training(config.TrainingConfig(**{**settings, "num_epochs": advances}), folder, overwrite=True)
    losses, seconds = [], 0.0

    def watch(event):
        nonlocal seconds
        if isinstance(event, Validation):
            losses.append(event.final_loss)
        else:
            seconds += event.seconds

    try:
        outcome = training.run(watch)
    except TrainingDivergedError as error:
        print(f"{outer.name}: {error}", flush=True)
    else:
        if outcome.reason == "interrupted":
            raise KeyboardInterrupt("The same command goes on with the trainings that are left.")
    missing = min(advances, POINTS) - len(losses)
    return Outcome([*losses, *[math.inf] * missing], round(seconds, 1))


def moments(outer_steps: int, count: int = POINTS) -> list[int]:
    """The outer steps at which outer losses were measured."""
    return [outer_steps * (i + 1) // count for i in range(count)]
