"""Meta-training on a distribution of tasks: outer steps, validation on held-out tasks, checkpoints."""

import json
import logging
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from l2l_tf.saving import provenance
from l2l_tf.training import computed_by, slots
from l2l_tf.training.estimate import Estimate, Given
from l2l_tf.training.events import OuterStep, Validation
from l2l_tf.training.local_slots import LocalSlots, Slots
from l2l_tf.training.meta_training import DROPPED_IN_A_ROW, Arrays, MetaTraining, TrainingDivergedError
from l2l_tf.training.slot_computer import SlotComputer, joined, network_of
from l2l_tf.training.swapped import Swapped
from l2l_tf.training.tasks_config import TasksConfig
from l2l_tf.training.tasks_validation import TasksValidation
from l2l_tf.training.workers import Workers, computer_factory
from l2l_tf.unrolling import seeds
from problems import distribution as distributions
from problems.distribution import Distribution

logger = logging.getLogger(__name__)


class TasksTraining(MetaTraining):
    """A meta-training run on a distribution of tasks that lives in a folder and can be taken up again.

    For the folder see `MetaTraining`. Every gradient is a function of phi, the seed, the outer step and the
    slot's number, and sums run in order of these numbers.

    Args:
      config: what is trained, and how.
      folder: where it is kept.
      resume: go on from the folder's checkpoint.
      overwrite: begin anew in a folder that holds an earlier run.
      data: keyword arguments for problems that are not part of their identity (`data_dir`, `download`).
      metadata: JSON-able facts to keep with the saved optimizers, e.g. the command.
      accept_changes: resume although what computes it is not what did before (`computed_by`).
      workers: processes that compute the estimates; None for this one. They change nothing of what comes out.

    Raises:
      ValueError: a configuration that does not fit, a folder that holds an earlier run (without `resume` or
        `overwrite`), the checkpoint of another run, or of one that something else computed.
      CheckpointError: `resume` without a whole checkpoint.
    """

    def __init__(
        self,
        config: TasksConfig,
        folder: str | Path,
        resume: bool = False,
        overwrite: bool = False,
        data: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
        accept_changes: bool = False,
        workers: Workers | None = None,
    ):
        super().__init__(config, folder, resume, overwrite, metadata)
        self._config = config
        distribution = distributions.get(config.problem, config.problem_options, data)
        self._distribution = distribution
        self._validation = TasksValidation(config, distribution.validation())
        self._problem = self._validation.problems[0]
        self._learn(config, network_of(config), config.weight_decay)
        self._apply = tf.function(self._apply_flat, autograph=False)
        self._slots = self._made_slots(distribution, data or {}, workers)
        self._root = seeds.root(config.seed)
        self._dropped_members = 0
        self._dropped_estimates = 0
        self.failed_tasks = 0
        self.stale = 0
        self._status: dict[str, Any] = {}
        self._families: dict[int, tuple[int, str]] = {}  # Of the tasks that slots hold, with their generations.
        self._take_up(self._problem, accept_changes)

    @property
    def config(self) -> TasksConfig:
        return self._config

    @property
    def step(self) -> int:
        """How many outer steps are done."""
        return self._done

    @property
    def _total(self) -> int:
        return self._config.outer_steps

    def close(self) -> None:
        """Ends the workers."""
        self._slots.close()

    def _made_slots(self, distribution: Distribution, data: dict[str, Any], workers: Workers | None) -> Slots:
        if workers is None:
            return LocalSlots(self.config, SlotComputer(self.config, distribution, self.network))
        from l2l_tf.training.remote_slots import RemoteSlots

        return RemoteSlots(self.config, computer_factory(self.config, data), workers)

    def _advance(self) -> OuterStep:
        config = self.config
        began = time.perf_counter()
        self._set_learning_rate()
        given = self._slots.step(joined(self._variables))
        self._tell_failures(given)
        estimates = [each.estimate for each in given]
        finite = [each for each in given if each.estimate.finite]
        outer = self._apply(mean_of_finite(estimates, config.clip_task_norm))
        self._done += 1
        lost = len(given) - len(finite)
        self._dropped_members += sum(estimate.dropped for estimate in estimates)
        self._dropped_estimates += lost
        self._count_dropped(lost < len(estimates))
        self.stale = getattr(self._slots, "stale", 0)
        seconds = time.perf_counter() - began
        inner_steps = len(estimates) * config.unroll_length * config.members
        self._status = {"outer_steps_a_second": 1 / seconds, "inner_steps_a_second": inner_steps / seconds}
        return OuterStep(
            self.step,
            _mean([each.estimate.meta_loss for each in finite]),
            self._by_family(finite),
            float(outer.gradient_norm),
            float(outer.update_norm),
            self._dropped_estimates,
            self._dropped_members,
            inner_steps,
            seconds,
            self._slots.workers,
            sum(estimate.traced for estimate in estimates),
            self.failed_tasks,
            self.stale,
            _mean([each.age for each in given]),
        )

    def _tell_failures(self, given: Sequence[Given]) -> None:
        """Says once of each task that failed what it is, and counts it.

        Raises:
          ValueError: all failed.
        """
        failed = [each for each in given if each.estimate.error]
        for each in failed:
            task = slots.task(self.config, self._distribution, each.place)
            self.failed_tasks += 1
            logger.warning(
                "The task %s failed, and training goes on without it: %s",
                json.dumps([task.problem, task.problem_options]),
                each.estimate.error,
            )
        if len(failed) == len(given):
            raise ValueError(f"All tasks of outer step {self.step + 1} failed. The first: {failed[0].estimate.error}")

    def _by_family(self, finite: Sequence[Given]) -> dict[str, float]:
        """The mean meta-loss of each family."""
        losses = defaultdict(list)
        for each in finite:
            losses[self._family(each.place)].append(each.estimate.meta_loss)
        return {family: _mean(of) for family, of in sorted(losses.items())}

    def _family(self, place: slots.Place) -> str:
        generation, family = self._families.get(place.slot, (-1, ""))
        if generation != place.generation:
            family = slots.task(self.config, self._distribution, place).family
            self._families[place.slot] = place.generation, family
        return family

    def _apply_flat(self, flat: tf.Tensor):
        gradients, begin = [], 0
        for variable in self._variables:
            size = variable.shape.num_elements()
            piece = tf.reshape(flat[begin : begin + size], variable.shape)
            gradients.append(tf.cast(piece, variable.dtype))
            begin += size
        return self._outer_optimizer.apply(gradients)

    def _count_dropped(self, finite: bool) -> None:
        self._dropped_in_a_row = 0 if finite else self._dropped_in_a_row + 1
        if self._dropped_in_a_row >= DROPPED_IN_A_ROW:
            raise TrainingDivergedError(
                f"The last {DROPPED_IN_A_ROW} outer steps had no finite gradient (outer step {self.step}). What was "
                f"saved in {str(self.folder)!r} is kept. Lower --learning_rate or the network's scale, or set "
                "--clip_norm."
            )

    def _validate(self) -> Validation:
        weights = self._deployed()
        with Swapped(self._variables, weights):
            loss, left_out = self._validation(self.network, seeds.fold(self._root, seeds.Purpose.VALIDATION))
        if self._improves(loss, weights, left_out):
            assert self.best is not None
            return self.best
        return Validation(self.step, loss, False, left_out=left_out)

    def _state(self) -> tuple[Arrays, dict[str, Any]]:
        state = self._slots.state()
        arrays = {f"slot/{i}/{j}": x for i, (_, of_run) in enumerate(state) for j, x in enumerate(of_run)}
        return arrays, {
            "dropped_members": self._dropped_members,
            "dropped_estimates": self._dropped_estimates,
            "computed_by": computed_by.described(self._problem),
            "failed_tasks": self.failed_tasks,
            "stale": self.stale,
            "slots": [place for place, _ in state],
            "status": {**self._status, "date": provenance.date(), "workers": self._slots.workers},
        }

    def _problem_said(self) -> dict[str, Any]:
        task = self._validation.tasks[0]
        return {"problem": task.problem, "problem_options": task.problem_options}

    def _restore_state(self, arrays: Arrays, facts: dict[str, Any]) -> None:
        self._dropped_members = facts["dropped_members"]
        self._dropped_estimates = facts["dropped_estimates"]
        self.failed_tasks = facts["failed_tasks"]
        self.stale = facts["stale"]
        of_slots: dict[int, dict[int, np.ndarray]] = defaultdict(dict)
        for name, array in arrays.items():
            if name.startswith("slot/"):
                _, i, j = name.split("/")
                of_slots[int(i)][int(j)] = array
        self._slots.restore(
            [
                (slots.Place(*place), [x for _, x in sorted(of_slots[i].items())])
                for i, place in enumerate(facts["slots"])
            ]
        )


def mean_of_finite(estimates: Sequence[Estimate], largest_norm: float | None = None) -> np.ndarray:
    """The mean of the gradients that are finite, summed in their order; NaN where none is.

    Args:
      estimates: of the tasks.
      largest_norm: longer gradients are shortened to it.
    """
    finite = [_clipped(estimate.gradient, largest_norm) for estimate in estimates if estimate.finite]
    if not finite:
        return np.full_like(estimates[0].gradient, np.nan)
    total = np.zeros_like(finite[0])
    for gradient in finite:
        total += gradient
    return total / total.dtype.type(len(finite))


def _clipped(gradient: np.ndarray, largest_norm: float | None) -> np.ndarray:
    if largest_norm is None:
        return gradient
    norm = float(np.linalg.norm(gradient.astype(np.float64)))
    if norm <= largest_norm:
        return gradient
    return gradient * gradient.dtype.type(largest_norm / norm)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
