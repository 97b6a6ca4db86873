"""Meta-training on a distribution of tasks: outer steps, validation on held-out tasks, checkpoints."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from l2l_tf import networks, pretrained
from l2l_tf.saving import saved_optimizer
from l2l_tf.training import checkpoint, computed_by, interruption, schedules, slots
from l2l_tf.training.events import Outcome, OuterStep, Validation
from l2l_tf.training.local_slots import LocalSlots, Slot
from l2l_tf.training.loop import TrainingDivergedError
from l2l_tf.training.outer_optimizer import OuterOptimizer
from l2l_tf.training.programs import Estimate, Programs
from l2l_tf.training.run_folder import RunFolder
from l2l_tf.training.swapped import Swapped
from l2l_tf.training.tasks_config import TasksConfig
from l2l_tf.training.tasks_validation import TasksValidation
from l2l_tf.unrolling import fitting, seeds
from l2l_tf.unrolling.coordinates import AssignedNetworks
from problems import distribution as distributions

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
        self.network = AssignedNetworks(
            {name: _build(net, self._problem, config.num_steps) for name, net in config.networks.items()},
            config.net_assignments,
        )
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
        )
        self._apply = tf.function(self._apply_flat, autograph=False)
        self._computer = LocalSlots(config, distribution, Programs(distribution, self.network, config))
        self._slots = [Slot(slots.first(config, i)) for i in range(config.tasks_per_step)]
        self._root = seeds.root(config.seed)
        self.step = 0
        self.best: Validation | None = None
        self._best_weights = self._deployed()
        self._validations_since_best = 0
        self._dropped_in_a_row = 0
        self._dropped_members = 0
        self._dropped_estimates = 0
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
        families = [slots.task(config, self._distribution, slot.place).family for slot in self._slots]
        estimates, self._slots = zip(*self._computer.estimate_all(self._slots), strict=True)
        outer = self._apply(mean_of_finite(estimates, config.clip_task_norm))
        self.step += 1
        lost = sum(not estimate.finite for estimate in estimates)
        self._dropped_members += sum(estimate.dropped for estimate in estimates)
        self._dropped_estimates += lost
        self._count_dropped(lost < len(estimates))
        return OuterStep(
            self.step,
            _mean([estimate.meta_loss for estimate in estimates if estimate.finite]),
            _by_family(families, estimates),
            float(outer.gradient_norm),
            float(outer.update_norm),
            self._dropped_estimates,
            self._dropped_members,
            len(estimates) * config.unroll_length * config.members,
            time.perf_counter() - began,
        )

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
        for i, slot in enumerate(self._slots):
            arrays |= {f"slot/{i}/{j}": x for j, x in enumerate(self._computer.arrays_of(slot))}
        facts = {
            "config": self.config.to_json(),
            "epoch": self.step,
            "best": self.best,
            "validations_since_best": self._validations_since_best,
            "dropped_members": self._dropped_members,
            "dropped_estimates": self._dropped_estimates,
            "dropped_in_a_row": self._dropped_in_a_row,
            "computed_by": computed_by.described(self._problem),
            "slots": [slot.place for slot in self._slots],
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
        places = [slots.Place(*place) for place in facts["slots"]]
        if [place.slot for place in places] != list(range(self.config.tasks_per_step)):
            raise ValueError("it has other slots")
        of_slots: dict[int, dict[int, np.ndarray]] = defaultdict(dict)
        for name, array in arrays.items():
            if name.startswith("slot/"):
                _, i, j = name.split("/")
                of_slots[int(i)][int(j)] = array
        self._slots = [
            self._computer.slot_of(place, [x for _, x in sorted(of_slots[place.slot].items())]) for place in places
        ]


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


def _by_family(families: Sequence[str], estimates: Sequence[Estimate]) -> dict[str, float]:
    """The mean meta-loss of each family's finite estimates."""
    losses = defaultdict(list)
    for family, estimate in zip(families, estimates, strict=True):
        if estimate.finite:
            losses[family].append(estimate.meta_loss)
    return {family: _mean(of) for family, of in sorted(losses.items())}


def _clipped(gradient: np.ndarray, largest_norm: float | None) -> np.ndarray:
    norm = float(np.linalg.norm(gradient.astype(np.float64)))
    if largest_norm is None or norm <= largest_norm:
        return gradient
    return gradient * gradient.dtype.type(largest_norm / norm)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _build(net: dict[str, Any], problem: Any, longest_run: int) -> networks.Network:
    options = fitting.options_for(net["net"], net.get("net_options", {}), problem, longest_run)
    return networks.get(net["net"], **options)
