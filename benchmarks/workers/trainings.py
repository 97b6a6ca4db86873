"""The trainings on a few small tasks that workers are measured on."""

import contextlib
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from l2l_tf.training.tasks_config import TasksConfig
from l2l_tf.training.workers import Workers

STEPS = 30


def quadratics(sizes: Iterable[int], batch_size: int) -> dict[str, Any]:
    """The options of a mixture of quadratics of these sizes."""
    options = [{"batch_size": batch_size, "num_dims": n} for n in sizes]
    return {
        "problems": [
            {"problem": "quadratic", "problem_options": own, "family": f"quadratic {own['num_dims']}"}
            for own in options
        ]
    }


def config(**changes: Any) -> TasksConfig:
    """A mix of four small tasks."""
    settings = {
        "problem": "mixture",
        "problem_options": quadratics(range(2, 6), 2),
        "networks": {"cw": {"net": "CoordinateWiseDeepLSTM", "net_options": {"layers": [], "scale": 0.1}}},
        "estimator": "pes",
        "perturbations": 4,
        "outer_steps": STEPS,
        "tasks_per_step": 4,
        "task_lifetime": 12,
        "num_steps": 40,
        "shortest_run": 4,
        "unroll_length": 4,
        "reparameterize": "whole:0.001:1000",
        "loss_weights": "mean",
        "evaluation_period": STEPS,
        "validation_tasks": 1,
    }
    return TasksConfig(**{**settings, **changes})


def digits_config(**changes: Any) -> TasksConfig:
    """Perceptrons for images of 8x8 noise, and AdafactorMLP: what a step of a real training costs."""
    return config(
        outer_steps=10**6,
        evaluation_period=10**6,
        task_lifetime=10**6,
        unroll_length=50,
        num_steps=2000,
        shortest_run=100,
        perturbations=8,
        networks={"network": {"net": "AdafactorMLP"}},
        problem_options={
            "problems": [{"problem": "taskset", "problem_options": {"config": _digits(32)}, "family": "mlp"}]
        },
        **changes,
    )


def _digits(hidden: int) -> dict[str, Any]:
    data = {"kind": "images", "dataset": "synthetic", "size": 8, "grey": True, "classes": None, "batch_size": 64}
    return {
        "family": "mlp",
        "hidden": [hidden],
        "activation": "relu",
        "initializer": {"name": "he_normal"},
        "center": False,
        "data": {**data, "num_train": None, "just_train": False, "augmentation": None},
    }


def train(
    folder: str,
    processes: int,
    seconds: float = 600.0,
    report=lambda training, event: None,
    resume=False,
    **changes: Any,
):
    """Trains, and gives a digest of phi, the outer optimizer's state and the slots."""
    from l2l_tf.training import checkpoint
    from l2l_tf.training.tasks import TasksTraining

    workers = Workers(processes, changes.pop("cluster", None), seconds, changes.pop("staleness", None))
    settings = config(**changes)
    training = TasksTraining(settings, folder, resume, not resume, workers=workers if processes else None)
    try:
        training.run(lambda event: report(training, event))
    finally:
        training.close()
    arrays, _ = checkpoint.read(folder)
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(name.encode() + arrays[name].tobytes())
    return digest.hexdigest()[:16]


def processes_of(training) -> list[int]:
    """The processes of the workers that are up; those that were killed and not missed yet are not."""
    ray = training._slots._pool._ray
    found = []
    for worker in training._slots._pool.up:
        with contextlib.suppress(ray.exceptions.RayActorError):
            found.append(ray.get(worker.ready.remote()))
    return found


def cpu_seconds(ids: list[int]) -> float:
    """CPU time of processes so far."""
    total = 0
    for pid in ids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")
