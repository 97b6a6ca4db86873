"""All that determines a meta-training run, as plain data. Needs no TensorFlow."""

import dataclasses
import json
from typing import Any

from l2l_tf.trajectory_weights import trajectory_weights


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """What is trained on what, and how. Equal configurations give equal weights on the same machine.

    Attributes:
      problem: a name that `problems.get` knows, or `package.module:attribute`.
      problem_options: its JSON-able keyword arguments.
      networks: name to `{"net": ..., "net_options": {...}}`.
      net_assignments: pairs of a network's name and its parameters' names or patterns; None with one network.
      seed: root of all that is drawn.
      num_epochs: optimization runs that phi learns from.
      num_steps: steps of a run, at which validation measures the final loss too.
      unroll_length: steps between two updates of phi; divides num_steps.
      optimizees_per_step: runs side by side, whose outer gradients are averaged.
      second_derivatives: whether the optimizee's gradients depend on theta in the outer gradient.
      loss_weights: "all", "final", or unroll_length + 1 numbers.
      loss_transform: "identity" or "log", applied to each loss before weighting.
      learning_rate: of Adam on phi at the start.
      learning_rate_decay: the learning rate at the end over that at the start; cosine in between.
      clip_norm, clip_value: limits of the outer gradient; None for none.
      average_decay: of the moving average of phi, which is then what is validated and saved; None for none.
      evaluation_period: epochs between validations.
      evaluation_epochs: fresh runs that a validation averages.
      in_blocks: take the fast path of `l2l_tf.fast` where it has something to gain.
      patience: validations without improvement before training stops; None never stops early.
    """

    problem: str = "simple"
    problem_options: dict[str, Any] = dataclasses.field(default_factory=dict)
    networks: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    net_assignments: list[Any] | None = None
    seed: int = 0
    num_epochs: int = 10000
    num_steps: int = 100
    unroll_length: int = 20
    optimizees_per_step: int = 1
    second_derivatives: bool = False
    loss_weights: str | list[float] = "all"
    loss_transform: str = "identity"
    learning_rate: float = 0.001
    learning_rate_decay: float = 1.0
    clip_norm: float | None = None
    clip_value: float | None = None
    average_decay: float | None = None
    evaluation_period: int = 1000
    evaluation_epochs: int = 20
    patience: int | None = None
    in_blocks: bool = True

    def __post_init__(self):
        positive = ("num_epochs", "num_steps", "unroll_length", "optimizees_per_step", "evaluation_period")
        for name in (*positive, "evaluation_epochs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is at least 1. Received: {getattr(self, name)}.")
        if self.num_steps % self.unroll_length:
            raise ValueError(
                "num_steps is a multiple of unroll_length. "
                f"Received: num_steps={self.num_steps}, unroll_length={self.unroll_length}."
            )
        for name in ("learning_rate", "learning_rate_decay"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is above 0. Received: {getattr(self, name)}.")
        if self.patience is not None and self.patience < 1:
            raise ValueError(f"patience is at least 1, or None. Received: {self.patience}.")
        trajectory_weights(self.unroll_length, self.loss_weights)
        if not self.networks:
            raise ValueError("networks is empty: name at least one.")

    def to_json(self) -> dict[str, Any]:
        """The configuration as JSON reads it back: tuples as lists."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    def differences(self, other: dict[str, Any]) -> list[str]:
        """`field: theirs, ours` for each field in which `other`, from `to_json`, is another run than this."""
        ours = self.to_json()
        return [
            f"{name}: {other.get(name)!r} there, {ours[name]!r} here" for name in ours if ours[name] != other.get(name)
        ]
