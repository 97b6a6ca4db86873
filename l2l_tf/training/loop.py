"""The meta-training loop: epochs, validation, early stopping, checkpoints, logs."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import problems
from l2l_tf import networks, pretrained
from l2l_tf.evaluation.evaluator import Curves, Evaluator
from l2l_tf.saving import saved_optimizer
from l2l_tf.training import checkpoint, computed_by, interruption, schedules
from l2l_tf.training.config import TrainingConfig
from l2l_tf.training.curriculum import Curriculum
from l2l_tf.training.events import Epoch, Outcome, Validation
from l2l_tf.training.left_out import LeftOut, not_finite
from l2l_tf.training.meta import MetaMinimize, Step
from l2l_tf.training.outer_optimizer import OuterOptimizer
from l2l_tf.training.run_folder import RunFolder
from l2l_tf.training.swapped import Swapped
from l2l_tf.unrolling import fitting, optimizee, seeds
from l2l_tf.unrolling.coordinates import AssignedNetworks
from problems import calling, reparameterization
from problems.problem import Problem
from problems.scaling import RandomScaling, Reparameterized

_CHECKPOINT_SECONDS = 60.0
_DROPPED_IN_A_ROW = 25


class TrainingDivergedError(ValueError):
    """Outer gradients stayed infinite or NaN, on draws that are finite where they start."""


class Training:
    """A meta-training run that lives in a folder and can be taken up again.

    The folder holds the best optimizer by validation (`config.json` and weights, see `saved_optimizer`), the last
    one in `last/`, and `checkpoint.npz`.

    Args:
      config: what is trained, and how.
      folder: where it is kept.
      resume: go on from the folder's checkpoint.
      overwrite: begin anew in a folder that holds an earlier run.
      data: keyword arguments for the problem that are not part of its identity (`data_dir`, `download`).
      metadata: JSON-able facts to keep with the saved optimizers, e.g. the command.
      accept_changes: resume although what computes it is not what did before (`computed_by`): the weights at the end
        are then not those of an undisturbed run.

    Raises:
      ValueError: a configuration that does not fit, a folder that holds an earlier run (without `resume` or
        `overwrite`), the checkpoint of another run, or of one that something else computed.
      CheckpointError: `resume` without a whole checkpoint.
    """

    def __init__(
        self,
        config: TrainingConfig,
        folder: str | Path,
        resume: bool = False,
        overwrite: bool = False,
        data: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
        accept_changes: bool = False,
    ):
        self.config = config
        self.folder = Path(folder)
        self._run_folder = RunFolder(folder)
        stored = checkpoint.read(self.folder) if resume else None
        if stored is not None:
            checkpoint.check_same_run(config, stored[1], self.folder)
        elif not overwrite:
            self._run_folder.check_free()
        self._metadata = metadata or {}
        self.problem = problems.get(config.problem, **config.problem_options, **(data or {}))
        self.network = AssignedNetworks(
            {name: _build(net, self.problem, config.longest_run) for name, net in config.networks.items()},
            config.net_assignments,
        )
        if not self.network.trainable_variables:
            raise ValueError(f"None of the networks {list(config.networks)} has weights to learn.")
        owned = self.network.owned(fitting.shapes_of(self.problem))
        if idle := [
            name for name, net in self.network.networks.items() if net.trainable_variables and name not in owned
        ]:
            raise ValueError(f"net_assignments leave nothing to update to the networks {idle}, so they cannot learn.")
        if config.start_from and stored is None:
            saved_optimizer.assign_weights(self.network, pretrained.folder(config.start_from))
        self._variables = list(self.network.trainable_variables)
        self._outer_optimizer = OuterOptimizer(
            self._variables,
            config.learning_rate,
            config.clip_norm,
            config.clip_value,
            config.average_decay,
            kind=config.outer_optimizer,
        )
        if config.objective == "validation":
            _check_validation_loss(self.problem, "objective='validation' needs")
        if "validation_loss" in self.network.observes:
            _check_validation_loss(self.problem, "A network that observes the validation loss needs")
        # What phi learns from; it is validated on the problem as it is.
        lessons: Problem = self.problem
        if config.random_scaling:
            lessons = RandomScaling(lessons, config.random_scaling)
        if config.reparameterize:
            lessons = Reparameterized(lessons, *reparameterization.parsed(config.reparameterize))
        self._curriculum = Curriculum(config, lessons, self.network)
        self._minimize = MetaMinimize(
            lessons,
            self.network,
            self._curriculum.unrolls(0)[0],
            self._outer_optimizer,
            config.optimizees_per_step,
        )
        self._split = "validation" if "validation" in self.problem.held_out_splits else None
        self._evaluator = Evaluator(self.problem, self.network, config.num_steps, [self._split] if self._split else [])
        self._root = seeds.root(config.seed)
        self._left_out = LeftOut(lessons, self._root, config.optimizees_per_step)
        self._dropped_in_a_row = 0
        self.epoch = 0
        self.best: Validation | None = None
        self._best_weights = self._deployed()
        self._validations_since_best = 0
        self._saved_at = time.monotonic()
        if stored is not None:
            if not accept_changes:
                checkpoint.check_same_means(
                    computed_by.differences(self.problem, stored[1].get("computed_by", {})), self.folder
                )
            try:
                self._restore(*stored)
            except (KeyError, TypeError, ValueError) as error:
                raise checkpoint.CheckpointError(
                    f"The checkpoint in {str(self.folder)!r} is not of this run: {error}. Restore it from a copy, or "
                    "train with --overwrite to begin anew."
                ) from error

    def run(self, report: Callable[[Epoch | Validation], None] = lambda event: None) -> Outcome:
        """Trains to the last epoch, `report`ing every epoch and validation; saves on the way and at the end.

        Ctrl-C, SIGTERM and SIGHUP end it after the epoch in progress and the validation that may follow it, with
        everything saved.

        Raises:
          TrainingDivergedError: 25 outer gradients in a row were not finite. What was saved is kept.
          LockedError: another process trains in this folder.
          ValueError: another one did since this run was made.
          ProblemNotFiniteError: so was theta_0 of 25 epochs in a row, or of all validations' draws.
        """
        reason = None
        with interruption.deferred() as interrupted, self._run_folder.alone():
            self._run_folder.sweep()
            for event in self._events():
                report(event)
                # A resumed run begins with the next epoch: a validation that is due is not left out.
                if interrupted() and not (isinstance(event, Epoch) and self._validation_is_due()):
                    reason = "interrupted"
                    break
            self.save()
        reason = reason or ("stopped early" if self._out_of_patience() else "finished")
        return Outcome(reason, self.epoch, self.best)

    def evaluate(self, num_draws: int) -> Curves:
        """The best phi on the draws that `evaluate.py --seed` (the config's) takes, which training never saw."""
        with self._weights(self._best_weights):
            return self._evaluator(seeds.fold(self._root, seeds.Purpose.EVALUATION), num_draws)

    def save(self) -> None:
        """Writes the checkpoint and both optimizers.

        Raises:
          OSError: a file cannot be written; what was saved before is still whole.
          ValueError: see `run`: another process trains here, or did.
        """
        with self._run_folder.alone():
            self._save()

    def _save(self) -> None:
        arrays = {f"phi/{i}": variable.numpy() for i, variable in enumerate(self._variables)}
        arrays |= {f"outer/{name}": np.asarray(value) for name, value in self._outer_optimizer.state.items()}
        arrays |= {f"best/{i}": weights for i, weights in enumerate(self._best_weights)}
        facts = {
            "config": self.config.to_json(),
            "epoch": self.epoch,
            "best": self.best,
            "validations_since_best": self._validations_since_best,
            "dropped_members": self._minimize.dropped_members,
            "dropped_in_a_row": self._dropped_in_a_row,
            "computed_by": computed_by.described(self.problem),
            "left_out": self._left_out.count,
        }
        self._run_folder.write(arrays, facts)
        metadata = {
            "problem": self.config.problem,
            "problem_options": self.config.problem_options,
            "training": self.config.to_json(),
            "epochs": self.epoch,
            "best": self.best._asdict() if self.best else None,
            **self._metadata,
        }
        deployed = self._deployed()
        self._run_folder.save_optimizers(self.network, self._variables, self._best_weights, deployed, metadata)
        self._saved_at = time.monotonic()

    def _events(self) -> Iterator[Epoch | Validation]:
        while self.epoch < self.config.num_epochs and not self._out_of_patience():
            yield self._train_epoch()
            if self._validation_is_due():
                validation = self._validate()
                self.save()
                yield validation
            elif time.monotonic() - self._saved_at > _CHECKPOINT_SECONDS:
                self.save()

    def _validation_is_due(self) -> bool:
        return self.epoch % self.config.evaluation_period == 0 or self.epoch == self.config.num_epochs

    def _train_epoch(self) -> Epoch:
        config = self.config
        began = time.perf_counter()
        rate = schedules.cosine(self.epoch / config.num_epochs, config.learning_rate, config.learning_rate_decay)
        self._outer_optimizer.set_learning_rate(rate)
        unrolls = self._curriculum.unrolls(self.epoch)
        self._minimize.reset(seeds.fold(self._root, seeds.Purpose.TRAINING, self.epoch), unrolls[0])
        rows = []
        counts, looked, members = True, False, self._minimize.dropped_members
        for estimator in unrolls:
            step, outer = self._minimize.detailed_step(estimator)
            rows.append([float(x) for x in (step.loss, outer.gradient_norm, outer.update_norm)])
            if not looked and (not outer.finite or self._minimize.dropped_members > members):
                looked, counts = True, self._left_out.look(self.epoch)
            if not counts:
                break
            self._count_dropped(bool(outer.finite), step)
        self.epoch += 1
        dropped = int(self._outer_optimizer.dropped)
        meta_loss, gradient_norm, update_norm = (float(mean) for mean in np.mean(rows, 0))
        seconds = time.perf_counter() - began
        return Epoch(
            self.epoch,
            float(step.fx),
            meta_loss,
            gradient_norm,
            update_norm,
            dropped,
            seconds,
            self._minimize.dropped_members,
            self._left_out.count,
            counts,
        )

    def _count_dropped(self, finite: bool, step: Step | None = None) -> None:
        self._dropped_in_a_row = 0 if finite else self._dropped_in_a_row + 1
        if self._dropped_in_a_row >= _DROPPED_IN_A_ROW:
            advice = "Lower --learning_rate or the network's scale, or set --clip_norm."
            if self.config.loss_transform == "log" and step and np.isnan(step.loss) and np.isfinite(step.fx):
                advice = f"Losses below 0 have no logarithm, here {float(step.fx):.4g}: --loss_transform=identity."
            raise TrainingDivergedError(
                f"The last {_DROPPED_IN_A_ROW} outer gradients were infinite or NaN (epoch {self.epoch + 1}). What "
                f"was saved in {str(self.folder)!r} is kept. {advice}"
            )

    def _validate(self) -> Validation:
        weights = self._deployed()
        with self._weights(weights):
            seed = seeds.fold(self._root, seeds.Purpose.VALIDATION)
            curves = self._evaluator.untimed(seed, self.config.evaluation_epochs)
        if len(curves.faults) == len(curves.losses):
            raise not_finite(self.problem, f"all {len(curves.losses)} draws of the validation", curves.faults[0])
        loss, left_out = float(np.mean(curves.final(self._split)[curves.counted])), len(curves.faults)
        improved = np.isfinite(loss) and (self.best is None or loss < self.best.final_loss)
        if improved:
            self.best = Validation(self.epoch, loss, True, left_out=left_out)
            self._best_weights, self._validations_since_best = weights, 0
            return self.best
        self._validations_since_best += 1
        rewound = self._is_much_worse(loss)
        if rewound:
            self._outer_optimizer.go_back(self._best_weights)
            self._dropped_in_a_row = 0
        return Validation(self.epoch, loss, False, rewound, left_out)

    def _is_much_worse(self, loss: float) -> bool:
        if self.config.rewind is None or self.best is None:
            return False
        lowest = self.best.final_loss
        return not loss <= lowest + (self.config.rewind - 1) * abs(lowest)  # NaN is worse.

    def _out_of_patience(self) -> bool:
        return self.config.patience is not None and self._validations_since_best >= self.config.patience

    def _deployed(self) -> list[np.ndarray]:
        """phi as it is used after training: its average where one is kept."""
        return [variable.numpy() for variable in self._outer_optimizer.averages or self._variables]

    def _weights(self, weights: list[np.ndarray]) -> Swapped:
        return Swapped(self._variables, weights)

    def _restore(self, arrays: dict[str, np.ndarray], facts: dict[str, Any]) -> None:
        expected = {f"{kind}/{i}": v for kind in ("phi", "best") for i, v in enumerate(self._variables)}
        expected |= {f"outer/{name}": variable for name, variable in self._outer_optimizer.state.items()}
        checkpoint.check_fits(arrays, facts, {name: (v.shape, v.dtype.as_numpy_dtype) for name, v in expected.items()})
        for name, variable in expected.items():
            if not name.startswith("best/"):
                variable.assign(arrays[name])
        self._best_weights = [arrays[f"best/{i}"] for i in range(len(self._variables))]
        self.epoch = facts["epoch"]
        self.best = Validation(*facts["best"]) if facts["best"] else None
        self._validations_since_best = facts["validations_since_best"]
        self._minimize.dropped_members = facts.get("dropped_members", 0)  # Newer than the first checkpoints.
        self._dropped_in_a_row = facts.get("dropped_in_a_row", 0)
        self._left_out.count = facts.get("left_out", 0)


def _check_validation_loss(problem: Problem, what_needs: str) -> None:
    """Raises a ValueError where a validation loss is needed and there is none."""
    seed = seeds.root(0)
    instance = optimizee.drawn(problem, seed)
    try:
        parameters = optimizee.first_parameters(problem, instance, seed)
        calling.call(problem.validation_loss, parameters, instance, seed)
    except NotImplementedError as error:
        raise ValueError(f"{what_needs} a problem with validation data. {error}") from error


def _build(net: dict[str, Any], problem: Problem, longest_run: int) -> networks.Network:
    options = fitting.options_for(net["net"], net.get("net_options", {}), problem, longest_run)
    return networks.get(net["net"], **options)
