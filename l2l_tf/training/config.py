"""All that determines a meta-training run, as plain data. Needs no TensorFlow."""

import dataclasses
import json
from typing import Any

from l2l_tf.training import unroll_schedule
from l2l_tf.unrolling import arguments, assignments, trajectory_weights
from problems import option_values

ESTIMATORS = ("backpropagation", "es", "pes", "nres", "reparameterization", "mix")  # As `estimators.ESTIMATORS`.
OBJECTIVES = ("training", "validation")  # As `objectives.LOSSES`.

_VALUES = arguments.VALUES | {
    "problem": option_values.text(),
    "networks": option_values.dictionary("of networks by name"),
    "estimator": option_values.one_of(*ESTIMATORS),
    "objective": option_values.one_of(*OBJECTIVES),
    "loss_transform": arguments.VALUES["transform"],
    "outer_optimizer": option_values.text(),
    "unroll_schedule": option_values.one_of(*unroll_schedule.SCHEDULES),
}


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """What is trained on what, and how. Equal configurations give equal weights on the same machine.

    Attributes:
      problem: a name that `problems.get` knows, or `package.module:attribute`.
      problem_options: its JSON-able keyword arguments.
      networks: name to `{"net": ..., "net_options": {...}}`.
      net_assignments: pairs of a network's name and its parameters' names or patterns; None with one network.
      start_from: folder of a saved optimizer, or name of a pretrained one, whose weights the networks start with; None
        draws them.
      seed: root of all that is drawn.
      num_epochs: optimization runs that phi learns from.
      num_steps: steps of a run, at which validation measures the final loss too.
      num_steps_curriculum: steps of the runs that phi learns from, in place of num_steps, in equal shares of the epochs
        one after the other; multiples of unroll_length. None for none.
      unroll_length: steps between two updates of phi, the most of them; divides num_steps.
      unroll_schedule: "fixed", "increasing" or "log_uniform": see `unroll_schedule.unrolls`.
      estimator: of the outer gradient, one of `estimators.ESTIMATORS`.
      perturbation_std: of phi, in estimators that perturb it.
      perturbations: how many they draw in each estimate, each used with both signs.
      imitation_share: share of the runs, drawn at random, in which phi learns Adam's updates (`estimators.imitation`).
      imitation_learning_rate: Adam's.
      random_scaling: phi learns from problems whose coordinates are scaled by exp(U[-r, r]), with this r
        (`problems.scaling`); None for none. Validation is on the problem as it is.
      reparameterize: phi learns from problems whose parameters are scaled, "how:low:high", e.g. "whole:0.001:1000"
        (`problems.scaling.Reparameterized`); None for none. Validation is on the problem as it is.
      optimizees_per_step: runs side by side, whose outer gradients are averaged.
      second_derivatives: whether the optimizee's gradients depend on theta in the outer gradient.
      objective: of which losses the outer objective is, "training" or "validation".
      loss_weights: "all", "mean", "final", "best", "last:N", or (with a fixed schedule) unroll_length + 1 numbers.
      loss_transform: "identity" or "log", applied to each loss before weighting.
      outer_optimizer: of phi: "adam", or a learned optimizer: a pretrained name, or the folder of a saved one.
      learning_rate: of Adam on phi at the start; of a learned outer optimizer, what multiplies its updates.
      learning_rate_decay: the learning rate at the end over that at the start; cosine in between.
      clip_norm, clip_value: limits of the outer gradient; None for none.
      average_decay: of the moving average of phi, which is then what is validated and saved; None for none.
      evaluation_period: epochs between validations.
      evaluation_epochs: fresh runs that a validation averages.
      rewind: where a validation's loss is more than this times the lowest (where that is negative, as far above it),
        training goes on from the weights of the lowest; None never goes back.
      in_blocks: take the fast path of `l2l_tf.fast` where it has something to gain.
      patience: validations without improvement before training stops; None never stops early.
    """

    problem: str = "simple"
    problem_options: dict[str, Any] = dataclasses.field(default_factory=dict)
    networks: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    net_assignments: list[Any] | None = None
    start_from: str | None = None
    seed: int = 0
    num_epochs: int = 10000
    num_steps: int = 100
    num_steps_curriculum: list[int] | None = None
    unroll_length: int = 20
    unroll_schedule: str = "fixed"
    estimator: str = "backpropagation"
    perturbation_std: float = 0.01
    perturbations: int = 8
    imitation_share: float = 0.0
    imitation_learning_rate: float = 0.01
    random_scaling: float | None = None
    reparameterize: str | None = None
    optimizees_per_step: int = 1
    second_derivatives: bool = False
    objective: str = "training"
    loss_weights: str | list[float] = "all"
    loss_transform: str = "identity"
    outer_optimizer: str = "adam"
    learning_rate: float = 0.001
    learning_rate_decay: float = 1.0
    clip_norm: float | None = None
    clip_value: float | None = None
    average_decay: float | None = None
    evaluation_period: int = 1000
    evaluation_epochs: int = 20
    patience: int | None = None
    rewind: float | None = None
    in_blocks: bool = True

    def __post_init__(self):
        fields = vars(self)
        option_values.enter("", _VALUES, fields)
        for name in _VALUES.keys() & fields.keys():
            object.__setattr__(self, name, option_values.plain(fields[name]))
        if self.num_steps % self.unroll_length:
            raise ValueError(
                "num_steps is a multiple of unroll_length. "
                f"Received: num_steps={self.num_steps}, unroll_length={self.unroll_length}."
            )
        if self.estimator == "mix" and self.perturbations < 2:
            raise ValueError("The mix needs at least 2 perturbations, for their variance. Received: perturbations=1.")
        self._check_lengths()
        if not self.networks:
            raise ValueError("networks is empty: name at least one. Received: {}.")
        assignments.check_networks(self.networks)
        if self.net_assignments is not None:
            assignments.check(self.net_assignments, self.networks)
        elif len(self.networks) > 1:
            raise ValueError(
                f"net_assignments is needed with several networks. Received: networks {list(self.networks)}."
            )

    def _check_lengths(self) -> None:
        lengths = unroll_schedule.lengths(self.unroll_schedule, self.unroll_length)
        if len(lengths) > 1 and not isinstance(self.loss_weights, str):
            raise ValueError(
                "loss_weights as numbers fit one length of unrolls, and so the fixed schedule only. "
                f"Received: unroll_schedule={self.unroll_schedule!r}."
            )
        trajectory_weights.check(self.unroll_length, self.loss_weights)
        for num_steps in self.num_steps_curriculum or ():
            if num_steps % self.unroll_length:
                raise ValueError(
                    "num_steps_curriculum holds multiples of unroll_length. Received: "
                    f"num_steps_curriculum={self.num_steps_curriculum}, unroll_length={self.unroll_length}."
                )

    @property
    def longest_run(self) -> int:
        """Steps of the longest run that phi learns from."""
        return max(self.num_steps_curriculum or (self.num_steps,))

    def to_json(self) -> dict[str, Any]:
        """The configuration as JSON reads it back: tuples as lists."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    def differences(self, other: dict[str, Any]) -> list[str]:
        """`field: theirs, ours` for each field in which `other`, from `to_json`, is another run than this.

        A field that `other` lacks, as it is newer than `other`, is at its default there.
        """
        ours = self.to_json()
        theirs = type(self)(networks=self.networks).to_json() | other
        return [f"{name}: {theirs[name]!r} there, {ours[name]!r} here" for name in ours if ours[name] != theirs[name]]
