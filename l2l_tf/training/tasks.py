"""Meta-training on a distribution of tasks: outer steps, validation on held-out tasks, checkpoints."""

import json
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from l2l_tf import pretrained
from l2l_tf.saving import provenance, saved_optimizer
from l2l_tf.training import checkpoint, computed_by, interruption, schedules, slots
from l2l_tf.training.estimate import Estimate, Given
from l2l_tf.training.events import Outcome, OuterStep, Validation
from l2l_tf.training.local_slots import LocalSlots, Slots
from l2l_tf.training.loop import TrainingDivergedError
from l2l_tf.training.outer_optimizer import OuterOptimizer
from l2l_tf.training.run_folder import RunFolder
from l2l_tf.training.slot_computer import SlotComputer, joined, network_of
from l2l_tf.training.swapped import Swapped
from l2l_tf.training.tasks_config import TasksConfig
from l2l_tf.training.tasks_validation import TasksValidation
from l2l_tf.training.workers import Workers, computer_factory
from l2l_tf.unrolling import seeds
from problems import distribution as distributions
from problems.distribution import Distribution

logger = logging.getLogger(__name__)

_CHECKPOINT_SECONDS = 60.0
_DROPPED_IN_A_ROW = 25


class TasksTraining:
    """A meta-training run on a distribution of tasks that lives in a folder and can be taken up again.

    The folder is as that of `loop.Training`. Every gradient is a function of phi, the seed, the outer step and the
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
        self.config = config
        self.folder = Path(folder)
        self._folder = RunFolder(folder)
        stored = checkpoint.read(folder) if resume else None
        if stored is not None:
            checkpoint.check_same_run(config, stored[1], folder)
        elif not overwrite:
            self._folder.check_free()
        self._metadata = metadata or {}
        distribution = distributions.get(config.problem, config.problem_options, data)
        self._distribution = distribution
        self._validation = TasksValidation(config, distribution.validation())
        self._problem = self._validation.problems[0]
        self.network = network_of(config)
        if not self.network.trainable_variables:
            raise ValueError(f"None of the networks {list(config.networks)} has weights to learn.")
        if config.start_from and stored is None:
            saved_optimizer.assign_weights(self.network, pretrained.folder(config.start_from))
        self._variables = list(self.network.trainable_variables)
        self._outer_optimizer = OuterOptimizer(
            self._variables,
            config.learning_rate,
            config.clip_norm,
            config.clip_value,
            config.average_decay,
            config.weight_decay,
            config.outer_optimizer,
        )
        self._apply = tf.function(self._apply_flat, autograph=False)
        self._slots = self._made_slots(distribution, data or {}, workers)
        self._root = seeds.root(config.seed)
        self.step = 0
        self.best: Validation | None = None
        self._best_weights = self._deployed()
        self._validations_since_best = 0
        self._dropped_in_a_row = 0
        self._dropped_members = 0
        self._dropped_estimates = 0
        self.failed_tasks = 0
        self.stale = 0
        self._status: dict[str, Any] = {}
        self._saved_at = time.monotonic()
        if stored is not None:
            if not accept_changes:
                checkpoint.check_same_means(
                    computed_by.differences(self._problem, stored[1].get("computed_by", {})), folder
                )
            try:
                self._restore(*stored)
            except (KeyError, TypeError, ValueError) as error:
                raise checkpoint.CheckpointError(
                    f"The checkpoint in {str(self.folder)!r} is not of this run: {error}. Restore it from a copy, or "
                    "train with --overwrite to begin anew."
                ) from error

    def run(self, report: Callable[[OuterStep | Validation], None] = lambda event: None) -> Outcome:
        """Trains to the last outer step, `report`ing every one and every validation; saves on the way and at the end.

        Ctrl-C, SIGTERM and SIGHUP end it after the outer step in progress and the validation that may follow it, with
        everything saved.

        Raises:
          TrainingDivergedError: 25 outer steps in a row had no finite gradient. What was saved is kept.
          LockedError: another process trains in this folder.
          ValueError: another one did since this run was made.
        """
        reason = None
        with interruption.deferred() as interrupted, self._folder.alone():
            self._folder.sweep()
            for event in self._events():
                report(event)
                if interrupted() and not (isinstance(event, OuterStep) and self._validation_is_due()):
                    reason = "interrupted"
                    break
            self._save()
        reason = reason or ("stopped early" if self._out_of_patience() else "finished")
        return Outcome(reason, self.step, self.best)

    def close(self) -> None:
        """Ends the workers."""
        self._slots.close()

    def _made_slots(self, distribution: Distribution, data: dict[str, Any], workers: Workers | None) -> Slots:
        if workers is None:
            return LocalSlots(self.config, SlotComputer(self.config, distribution, self.network))
        from l2l_tf.training.remote_slots import RemoteSlots

        return RemoteSlots(self.config, computer_factory(self.config, data), workers)

    def save(self) -> None:
        """Writes the checkpoint and both optimizers.

        Raises:
          OSError: a file cannot be written; what was saved before is still whole.
          ValueError: see `run`: another process trains here, or did.
        """
        with self._folder.alone():
            self._save()

    def _events(self) -> Iterator[OuterStep | Validation]:
        while self.step < self.config.outer_steps and not self._out_of_patience():
            yield self._take_step()
            if self._validation_is_due():
                validation = self._validate()
                self._save()
                yield validation
            elif time.monotonic() - self._saved_at > _CHECKPOINT_SECONDS:
                self._save()

    def _validation_is_due(self) -> bool:
        return self.step % self.config.evaluation_period == 0 or self.step == self.config.outer_steps

    def _take_step(self) -> OuterStep:
        config = self.config
        began = time.perf_counter()
        rate = schedules.cosine(self.step / config.outer_steps, config.learning_rate, config.learning_rate_decay)
        self._outer_optimizer.set_learning_rate(rate)
        given = self._slots.step(joined(self._variables))
        self._tell_failures(given)
        estimates = [each.estimate for each in given]
        outer = self._apply(mean_of_finite(estimates, config.clip_task_norm))
        self.step += 1
        lost = sum(not estimate.finite for estimate in estimates)
        self._dropped_members += sum(estimate.dropped for estimate in estimates)
        self._dropped_estimates += lost
        self._count_dropped(lost < len(estimates))
        self.stale = getattr(self._slots, "stale", 0)
        seconds = time.perf_counter() - began
        inner_steps = len(estimates) * config.unroll_length * config.members
        self._status = {"outer_steps_a_second": 1 / seconds, "inner_steps_a_second": inner_steps / seconds}
        return OuterStep(
            self.step,
            _mean([estimate.meta_loss for estimate in estimates if estimate.finite]),
            self._by_family(given),
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

    def _by_family(self, given: Sequence[Given]) -> dict[str, float]:
        """The mean meta-loss of each family's finite estimates."""
        losses = defaultdict(list)
        for each in given:
            if each.estimate.finite:
                family = slots.task(self.config, self._distribution, each.place).family
                losses[family].append(each.estimate.meta_loss)
        return {family: _mean(of) for family, of in sorted(losses.items())}

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
        if self._dropped_in_a_row >= _DROPPED_IN_A_ROW:
            raise TrainingDivergedError(
                f"The last {_DROPPED_IN_A_ROW} outer steps had no finite gradient (outer step {self.step}). What was "
                f"saved in {str(self.folder)!r} is kept. Lower --learning_rate or the network's scale, or set "
                "--clip_norm."
            )

    def _validate(self) -> Validation:
        weights = self._deployed()
        with Swapped(self._variables, weights):
            loss, left_out = self._validation(self.network, seeds.fold(self._root, seeds.Purpose.VALIDATION))
        if np.isfinite(loss) and (self.best is None or loss < self.best.final_loss):
            self.best = Validation(self.step, loss, True, left_out=left_out)
            self._best_weights, self._validations_since_best = weights, 0
            return self.best
        self._validations_since_best += 1
        return Validation(self.step, loss, False, left_out=left_out)

    def _out_of_patience(self) -> bool:
        return self.config.patience is not None and self._validations_since_best >= self.config.patience

    def _deployed(self) -> list[np.ndarray]:
        """phi as it is used after training: its average where one is kept."""
        return [variable.numpy() for variable in self._outer_optimizer.averages or self._variables]

    def _save(self) -> None:
        arrays = {f"phi/{i}": variable.numpy() for i, variable in enumerate(self._variables)}
        arrays |= {f"outer/{name}": np.asarray(value) for name, value in self._outer_optimizer.state.items()}
        arrays |= {f"best/{i}": weights for i, weights in enumerate(self._best_weights)}
        state = self._slots.state()
        for i, (_, of_run) in enumerate(state):
            arrays |= {f"slot/{i}/{j}": x for j, x in enumerate(of_run)}
        facts = {
            "config": self.config.to_json(),
            "epoch": self.step,
            "best": self.best,
            "validations_since_best": self._validations_since_best,
            "dropped_members": self._dropped_members,
            "dropped_estimates": self._dropped_estimates,
            "dropped_in_a_row": self._dropped_in_a_row,
            "computed_by": computed_by.described(self._problem),
            "failed_tasks": self.failed_tasks,
            "stale": self.stale,
            "slots": [place for place, _ in state],
            "status": {**self._status, "date": provenance.date(), "workers": self._slots.workers},
        }
        self._folder.write(arrays, facts)
        task = self._validation.tasks[0]
        metadata = {
            "problem": task.problem,
            "problem_options": task.problem_options,
            "training": self.config.to_json(),
            "epochs": self.step,
            "best": self.best._asdict() if self.best else None,
            **self._metadata,
        }
        self._folder.save_optimizers(self.network, self._variables, self._best_weights, self._deployed(), metadata)
        self._saved_at = time.monotonic()

    def _restore(self, arrays: dict[str, np.ndarray], facts: dict[str, Any]) -> None:
        expected = {f"{kind}/{i}": v for kind in ("phi", "best") for i, v in enumerate(self._variables)}
        expected |= {f"outer/{name}": variable for name, variable in self._outer_optimizer.state.items()}
        checkpoint.check_fits(arrays, facts, {name: (v.shape, v.dtype.as_numpy_dtype) for name, v in expected.items()})
        for name, variable in expected.items():
            if not name.startswith("best/"):
                variable.assign(arrays[name])
        self._best_weights = [arrays[f"best/{i}"] for i in range(len(self._variables))]
        self.step = facts["epoch"]
        self.best = Validation(*facts["best"]) if facts["best"] else None
        self._validations_since_best = facts["validations_since_best"]
        self._dropped_members = facts["dropped_members"]
        self._dropped_estimates = facts["dropped_estimates"]
        self._dropped_in_a_row = facts["dropped_in_a_row"]
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
    norm = float(np.linalg.norm(gradient.astype(np.float64)))
    if largest_norm is None or norm <= largest_norm:
        return gradient
    return gradient * gradient.dtype.type(largest_norm / norm)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
