"""Settings for training on a distribution of tasks. Needs no TensorFlow."""

from typing import Any

from problems.taskset import small

# The tasks, lengths and scales of Celo2 (2026), as far as they are known, by PES.
TASKS: dict[str, Any] = {
    "networks": {"network": {"net": "AdafactorMLP"}},
    "estimator": "pes",
    "perturbation_std": 0.01,
    "perturbations": 8,
    "tasks_per_step": 3,
    "task_lifetime": 1_000,
    "outer_steps": 10_000,
    "num_steps": 2_000,
    "shortest_run": 100,
    "unroll_length": 50,
    "reparameterize": "whole:0.001:1000",
    "loss_weights": "mean",
    "learning_rate": 0.0003,
    "evaluation_period": 500,
    "validation_tasks": 6,
}
# What `general`, the rule for tasks that it has never seen, learns from: see results/notes/general.md.
GENERAL: dict[str, Any] = {
    **TASKS,
    "networks": {"general": {"net": "ControlledMLP", "net_options": {"scale": 0.002}}},
    "tasks_per_step": len(small.TASKS),
    "task_lifetime": 1_000_000,
    "outer_steps": 1_200,
    "num_steps": 3_000,
    "reparameterize": "whole:0.03:30",
    "loss_transform": "log",
    "clip_task_norm": 3.0,
    "learning_rate": 0.0015,
    "learning_rate_decay": 0.1,
    "average_decay": 0.99,
    "evaluation_period": 200,
    "validation_tasks": len(small.TASKS),
}
# A second stage, from the weights of the first: more kinds of tasks, and longer runs.
GENERAL_LONG: dict[str, Any] = {
    **GENERAL,
    "tasks_per_step": len(small.TASKS) + len(small.FURTHER),
    "outer_steps": 720,
    "num_steps": 10_000,
    "shortest_run": 200,
    "length_power": 2.0,
    "learning_rate": 0.0005,
    "validation_tasks": len(small.TASKS) + len(small.FURTHER),
    "evaluation_period": 300,
}
# Another second stage, for a rule that can be told how long runs are, which `experiments told` makes of the first
# stage's. All runs are told, what they come to at the end counts most, and only the layer that hears of it learns:
# untold, the rule stays what it was.
GENERAL_TOLD: dict[str, Any] = {
    **GENERAL_LONG,
    "networks": {"general": {"net": "ControlledMLP", "net_options": {"scale": 0.002, "told": True}}},
    "trained_weights": ["general/control_told/*"],
    "perturbation_std": 0.03,
    "num_steps": 6_000,
    "length_power": 1.5,
    "told_share": 1.0,
    "told_power": 2.0,
    "outer_steps": 900,
    "learning_rate": 0.003,
}
# And one with convolutions, which long first steps kill, and twice the pairs.
GENERAL_CONVOLUTIONAL: dict[str, Any] = {
    **GENERAL,
    "networks": {"general": {"net": "ControlledMLP", "net_options": {"scale": 0.002, "memory": 2.0}}},
    "perturbations": 16,
    "tasks_per_step": len(small.TASKS) + len(small.CONVOLUTIONAL),
    "outer_steps": 500,
    "learning_rate": 0.0005,
    "validation_tasks": len(small.TASKS) + len(small.CONVOLUTIONAL),
    "evaluation_period": 250,
}
FOR_TASKS = {
    "original": TASKS,
    "recommended": TASKS,
    "general": GENERAL,
    "general_convolutional": GENERAL_CONVOLUTIONAL,
    "general_long": GENERAL_LONG,
    "general_told": GENERAL_TOLD,
}
_MEMBERS = {
    "general": tuple(small.TASKS),
    "general_convolutional": (*small.TASKS, *small.CONVOLUTIONAL),
    "general_long": (*small.TASKS, *small.FURTHER),
    "general_told": (*small.TASKS, *small.FURTHER),
}


def for_tasks(preset: str, problem: str) -> dict[str, Any]:
    """The fields of `TasksConfig` that `preset` sets for a distribution of tasks.

    A mixture without problems is of perceptrons on three sets of small images, as Celo2's; of the preset "general", of
    `taskset.small.TASKS`, of "general_long" and "general_told", of `FURTHER` too, and of "general_convolutional", of
    `CONVOLUTIONAL`.

    Raises:
      ValueError: an unknown preset.
    """
    if preset not in FOR_TASKS:
        raise ValueError(f"Presets are {sorted(FOR_TASKS)}. Received: {preset!r}.")
    if problem != "mixture":
        return dict(FOR_TASKS[preset])
    return {**FOR_TASKS[preset], "problem_options": small.mixture(_MEMBERS.get(preset, small.IMAGES))}
