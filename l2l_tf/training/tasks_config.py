"""All that determines a meta-training run on many tasks, as plain data. Needs no TensorFlow."""

import dataclasses

from l2l_tf.training.config import TrainingConfig
from problems import option_values

_VALUES = {
    "outer_steps": option_values.whole(1),
    "tasks_per_step": option_values.whole(1, 1_000_000),
    "task_lifetime": option_values.whole(1),
    "length_power": option_values.number(0, 10),
    "shortest_run": option_values.or_none(option_values.whole(1, 1_000_000_000)),
    "clip_task_norm": option_values.or_none(option_values.above(0)),
    "own_draws": option_values.flag(),
    "told_share": option_values.share(),
    "told_power": option_values.number(0, 10),
    "trained_weights": option_values.or_none(option_values.list_of(option_values.text(), fewest=1)),
    "weight_decay": option_values.number(0, 1e3),
    "validation_tasks": option_values.whole(1),
}
# Of the training on one problem, what has no meaning here, at its default.
_NOT_TAKEN = ("num_epochs", "num_steps_curriculum", "imitation_share", "random_scaling", "optimizees_per_step")


@dataclasses.dataclass(frozen=True)
class TasksConfig(TrainingConfig):
    """What is trained on which distribution of tasks, and how.

    The fields of `TrainingConfig` mean the same, with these differences: `problem` and `problem_options` are those of a
    distribution (`problems.distribution.get`); `num_steps` are the steps of the longest run, and of a validation's; an
    `evaluation_period` is of outer steps.

    Attributes:
      outer_steps: updates of phi.
      tasks_per_step: slots, each with a task, whose gradients are averaged in every outer step.
      task_lifetime: outer steps for which a slot holds a task.
      shortest_run: steps of the shortest run; None for `num_steps`.
      length_power: lengths are drawn from the shortest to `num_steps` with the density length^-length_power. 1 is
        log-uniform: long runs take most of the outer steps. 2 gives every octave of a run's time as many of them.
      clip_task_norm: the largest norm of a task's gradient before tasks are averaged, so that none drowns the others;
        None does not clip.
      told_share: share of the runs whose network is told how long they are, where it observes that. Above 0, so is
        that of validations.
      told_power: the loss of an unroll of those, which ends at the share p of the run, counts (1 + told_power)
        p^told_power times: a rule that knows when the run ends is asked for what it comes to at the end. 0 counts all
        alike.
      own_draws: whether each pair of PES or NRES has a function, with its scales, and a theta_0 of its own.
      trained_weights: names or shell patterns of the weights that are learned, "network/layer/w"; the others stay those
        that the networks start with. None learns all. Few of them have a gradient that is less noisy.
      weight_decay: of AdamW on phi: how much of phi each step takes off, over the learning rate.
      validation_tasks: held-out tasks that a validation averages, the same ones each time.
    """

    outer_steps: int = 10_000
    tasks_per_step: int = 8
    task_lifetime: int = 1_000
    shortest_run: int | None = None
    length_power: float = 1.0
    clip_task_norm: float | None = None
    own_draws: bool = True
    told_share: float = 0.0
    told_power: float = 0.0
    trained_weights: list[str] | None = None
    weight_decay: float = 0.0
    validation_tasks: int = 8

    def __post_init__(self):
        fields = vars(self)
        option_values.enter("", _VALUES, fields)
        for name in _VALUES:
            object.__setattr__(self, name, option_values.plain(fields[name]))
        super().__post_init__()
        defaults = {field.name: field.default for field in dataclasses.fields(TrainingConfig)}
        for name in _NOT_TAKEN:
            if getattr(self, name) != defaults[name]:
                raise ValueError(
                    f"Training on a distribution of tasks does not take {name}. Received: {getattr(self, name)!r}."
                )
        if self.unroll_schedule != "fixed":
            raise ValueError(
                "Training on a distribution of tasks takes unrolls of one length, unroll_schedule='fixed'. "
                f"Received: {self.unroll_schedule!r}."
            )
        if not self.unroll_length <= self.least_run <= self.num_steps:
            raise ValueError(
                "shortest_run lies between unroll_length and num_steps. Received: "
                f"shortest_run={self.shortest_run}, unroll_length={self.unroll_length}, num_steps={self.num_steps}."
            )

    @property
    def least_run(self) -> int:
        """Steps of the shortest run."""
        return self.num_steps if self.shortest_run is None else self.shortest_run

    @property
    def members(self) -> int:
        """Runs side by side in an estimate: that of phi, and of both of each pair where weights are perturbed."""
        return 1 if self.estimator == "backpropagation" else 1 + 2 * self.perturbations
