"""What a meta-training run reports: its epochs, its validations, and how it ended. Needs no TensorFlow."""

from typing import NamedTuple


class Epoch(NamedTuple):
    """One optimization run that phi learned from, averaged over its unrolls (and over its optimizees).

    Attributes:
      epoch: counts from 1.
      final_loss: f at the last theta.
      meta_loss, gradient_norm, update_norm: means over the unrolls.
      dropped: outer gradients dropped so far, as they were not finite.
      seconds: wall-clock time.
      dropped_members: of estimates, left out so far as they were not finite.
      left_out: draws left out so far, as they were not finite at theta_0.
      counts: whether a run of this epoch was finite at theta_0, so that there was something to learn from.
    """

    epoch: int
    final_loss: float
    meta_loss: float
    gradient_norm: float
    update_norm: float
    dropped: int
    seconds: float
    dropped_members: int = 0
    left_out: int = 0
    counts: bool = True


class OuterStep(NamedTuple):
    """One outer step on several tasks.

    Attributes:
      step: counts from 1.
      meta_loss: the mean over the tasks whose gradients were finite.
      by_family: of the tasks of each family.
      gradient_norm, update_norm: of phi's mean gradient and step.
      dropped: tasks' gradients left out so far, as they were not finite.
      dropped_members: members of estimates left out so far.
      inner_steps: steps of optimizees that it took, of all members.
      seconds: wall-clock time.
      workers: processes at work beside this one.
      compiled: tasks that were compiled in it.
      failed_tasks: tasks left out so far, as they raised or ran out of memory.
      stale: gradients dropped so far, as they were older than `--staleness`.
      staleness: updates of phi since the phi that a gradient is of, in the mean; 0 unless asynchronous.
    """

    step: int
    meta_loss: float
    by_family: dict[str, float]
    gradient_norm: float
    update_norm: float
    dropped: int
    dropped_members: int
    inner_steps: int
    seconds: float
    workers: int = 0
    compiled: int = 0
    failed_tasks: int = 0
    stale: int = 0
    staleness: float = 0.0


class Validation(NamedTuple):
    """A validation on fixed draws.

    Attributes:
      epoch: after which it was made.
      final_loss: the mean loss after the last step.
      best: whether it is the lowest yet.
      rewound: whether training goes on from the weights of the lowest.
      left_out: draws left out of the mean, as they are not finite at theta_0.
    """

    epoch: int
    final_loss: float
    best: bool
    rewound: bool = False
    left_out: int = 0


class Outcome(NamedTuple):
    """How training ended: "finished", "stopped early" or "interrupted", after how many epochs, and the best."""

    reason: str
    epochs: int
    best: Validation | None
