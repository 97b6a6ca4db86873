"""How a training on a distribution of tasks is shown: a progress bar, log lines, and TensorBoard."""

import math

import numpy as np

from l2l_tf.training.events import Outcome, OuterStep, Validation
from l2l_tf.training.progress import Display
from l2l_tf.training.tasks import TasksTraining


def follow(training: TasksTraining, log_period: int, summary_dir: str | None = None) -> Outcome:
    """Runs `training` to its end and shows how it goes."""
    progress = TasksProgress(training.config.outer_steps, log_period, training.step, summary_dir)
    try:
        return training.run(progress)
    finally:
        progress.close()


class TasksProgress(Display):
    """Reports events of a training on tasks on the terminal and, with `summary_dir`, to TensorBoard.

    Args:
      outer_steps: of the whole training.
      log_period: outer steps between lines.
      begun, summary_dir: see `Display`.
    """

    def __init__(self, outer_steps: int, log_period: int, begun: int = 0, summary_dir: str | None = None):
        super().__init__(outer_steps, "step", begun, summary_dir)
        self._log_period = log_period
        self._steps: list[OuterStep] = []

    def __call__(self, event: OuterStep | Validation) -> None:
        if isinstance(event, OuterStep):
            self._steps.append(event)
            self._count(event.meta_loss)
            if event.step % self._log_period == 0:
                self._log(event)
        else:
            remark = " (best so far)" if event.best else ""
            self._write(f"Outer step {event.epoch} validation: {event.final_loss:.4f}{remark}")
            self._summarise(event.epoch, {"validation_loss": event.final_loss})

    def _log(self, event: OuterStep) -> None:
        steps, self._steps = self._steps, []
        seconds = sum(step.seconds for step in steps)
        families = sorted({family for step in steps for family in step.by_family})
        losses = {
            family: _mean([step.by_family[family] for step in steps if family in step.by_family]) for family in families
        }
        norm = _mean([step.gradient_norm for step in steps if math.isfinite(step.gradient_norm)])
        shown = ", ".join(f"{family} {loss:.4g}" for family, loss in losses.items())
        dropped = f", {event.dropped} gradients dropped" if event.dropped else ""
        dropped += f", {event.dropped_members} members dropped" if event.dropped_members else ""
        dropped += f", {event.failed_tasks} tasks failed" if event.failed_tasks else ""
        dropped += f", {event.stale} gradients too old" if event.stale else ""
        compiled = sum(step.compiled for step in steps)
        dropped += f", {compiled} tasks compiled" if compiled else ""
        dropped += f", {event.workers} workers" if event.workers else ""
        self._write(
            f"Outer step {event.step}: loss {_mean([step.meta_loss for step in steps]):.4g} ({shown}), gradient norm "
            f"{norm:.3g}, {len(steps) / seconds:.2f} outer and {sum(step.inner_steps for step in steps) / seconds:.0f} "
            f"inner steps a second{dropped}"
        )
        self._summarise(
            event.step,
            {f"loss/{family}": loss for family, loss in losses.items()}
            | {
                "gradient_norm": norm,
                "update_norm": _mean([step.update_norm for step in steps]),
                "dropped": event.dropped,
                "dropped_members": event.dropped_members,
                "failed_tasks": event.failed_tasks,
                "stale": event.stale,
                "staleness": _mean([step.staleness for step in steps]),
                "workers": event.workers,
                "outer_steps_a_second": len(steps) / seconds,
            },
        )


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else math.nan
