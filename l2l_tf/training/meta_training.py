"""What meta-training on one problem and on many have in common: the folder, the loop, patience, and the checkpoint."""

import abc
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from l2l_tf import pretrained
from l2l_tf.saving import saved_optimizer
from l2l_tf.training import checkpoint, computed_by, interruption, schedules
from l2l_tf.training.config import TrainingConfig
from l2l_tf.training.events import Epoch, Outcome, OuterStep, Validation
from l2l_tf.training.outer_optimizer import OuterOptimizer
from l2l_tf.training.run_folder import RunFolder
from l2l_tf.unrolling.coordinates import AssignedNetworks
from problems.problem import Problem

_CHECKPOINT_SECONDS = 60.0
DROPPED_IN_A_ROW = 25

Arrays = dict[str, np.ndarray]


class TrainingDivergedError(ValueError):
    """Outer gradients stayed infinite or NaN, on draws that are finite where they start."""


class MetaTraining(abc.ABC):
    """A meta-training run that lives in a folder and can be taken up again.

    The folder holds the best optimizer by validation (`config.json` and weights, see `saved_optimizer`), the last
    one in `last/`, and `checkpoint.npz`. A kind of training says what one advance is (an epoch, an outer step).

    Its constructor calls `_learn` with the network, sets up what is its own, and ends with `_take_up`.

    Args:
      config: what is trained, and how.
      folder: where it is kept.
      resume: go on from the folder's checkpoint.
      overwrite: begin anew in a folder that holds an earlier run.
      metadata: JSON-able facts to keep with the saved optimizers, e.g. the command.

    Attributes:
      best: the best validation so far, or None.
      network: what is trained, once `_learn` was called.

    Raises:
      ValueError: a folder that holds an earlier run (without `resume` or `overwrite`), or the checkpoint of another.
      CheckpointError: `resume` without a whole checkpoint.
    """

    def __init__(
        self, config: TrainingConfig, folder: str | Path, resume: bool, overwrite: bool, metadata: dict[str, Any] | None
    ):
        self.folder = Path(folder)
        self._run_folder = RunFolder(folder)
        self._stored = checkpoint.read(self.folder) if resume else None
        if self._stored is not None:
            checkpoint.check_same_run(config, self._stored[1], self.folder)
        elif not overwrite:
            self._run_folder.check_free()
        self._metadata = metadata or {}
        self._done = 0
        self.best: Validation | None = None
        self._validations_since_best = 0
        self._dropped_in_a_row = 0
        self._saved_at = time.monotonic()

    def _learn(self, config: TrainingConfig, network: AssignedNetworks, weight_decay: float = 0.0) -> None:
        """Takes up `network`, and makes the optimizer of its weights.

        Raises:
          ValueError: it has none to learn.
        """
        if not network.trainable_variables:
            raise ValueError(f"None of the networks {list(config.networks)} has weights to learn.")
        if config.start_from and self._stored is None:
            saved_optimizer.assign_weights(network, pretrained.folder(config.start_from))
        self.network = network
        self._variables = list(network.trainable_variables)
        self._outer_optimizer = OuterOptimizer(
            self._variables,
            config.learning_rate,
            config.clip_norm,
            config.clip_value,
            config.average_decay,
            weight_decay,
            config.outer_optimizer,
        )
        self._best_weights = self._deployed()

    def _take_up(self, problem: Problem, accept_changes: bool) -> None:
        """Goes on where the checkpoint stands, if the run is resumed.

        Args:
          problem: a problem that it computes.
          accept_changes: also where something else computes it now (`computed_by`).

        Raises:
          ValueError: something else computes it.
          CheckpointError: the checkpoint does not fit.
        """
        if self._stored is None:
            return
        arrays, facts = self._stored
        self._stored = None  # Its memory is not needed any more.
        if not accept_changes:
            checkpoint.check_same_means(computed_by.differences(problem, facts.get("computed_by", {})), self.folder)
        try:
            self._restore(arrays, facts)
        except (KeyError, TypeError, ValueError) as error:
            raise checkpoint.CheckpointError(
                f"The checkpoint in {str(self.folder)!r} is not of this run: {error}. Restore it from a copy, or "
                "train with --overwrite to begin anew."
            ) from error

    @property
    @abc.abstractmethod
    def config(self) -> TrainingConfig:
        """What is trained, and how."""

    @property
    @abc.abstractmethod
    def _total(self) -> int:
        """How many advances the run has."""

    @abc.abstractmethod
    def _advance(self) -> Epoch | OuterStep:
        """One epoch, or outer step."""

    @abc.abstractmethod
    def _validate(self) -> Validation:
        """Measures the optimizer as it is."""

    @abc.abstractmethod
    def _state(self) -> tuple[Arrays, dict[str, Any]]:
        """What a checkpoint holds of this kind of training: arrays, and JSON-able facts."""

    @abc.abstractmethod
    def _restore_state(self, arrays: Arrays, facts: dict[str, Any]) -> None:
        """The inverse of `_state`."""

    @abc.abstractmethod
    def _problem_said(self) -> dict[str, Any]:
        """`problem` and `problem_options`, as a saved optimizer says what it was trained on."""

    def run(self, report: Callable[[Any], None] = lambda event: None) -> Outcome:
        """Trains to the end, `report`ing every advance and validation; saves on the way and at the end.

        Ctrl-C, SIGTERM and SIGHUP end it after the advance in progress and the validation that may follow it, with
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
                # A resumed run begins with the next advance: a validation that is due is not left out.
                if interrupted() and (isinstance(event, Validation) or not self._validation_is_due()):
                    reason = "interrupted"
                    break
            self._save()
        reason = reason or ("stopped early" if self._out_of_patience() else "finished")
        return Outcome(reason, self._done, self.best)

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
        arrays |= {f"frozen/{i}": variable.numpy() for i, variable in enumerate(self.network.frozen_variables)}
        own_arrays, own_facts = self._state()
        facts = {
            "config": self.config.to_json(),
            "epoch": self._done,
            "best": self.best,
            "validations_since_best": self._validations_since_best,
            "dropped_in_a_row": self._dropped_in_a_row,
            **own_facts,
        }
        self._run_folder.write(arrays | own_arrays, facts)
        metadata = {
            **self._problem_said(),
            "training": self.config.to_json(),
            "epochs": self._done,
            "best": self.best._asdict() if self.best else None,
            **self._metadata,
        }
        deployed = self._deployed()
        self._run_folder.save_optimizers(self.network, self._variables, self._best_weights, deployed, metadata)
        self._saved_at = time.monotonic()

    def _restore(self, arrays: Arrays, facts: dict[str, Any]) -> None:
        expected = {f"{kind}/{i}": v for kind in ("phi", "best") for i, v in enumerate(self._variables)}
        expected |= {f"outer/{name}": variable for name, variable in self._outer_optimizer.state.items()}
        checkpoint.check_fits(arrays, facts, {name: (v.shape, v.dtype.as_numpy_dtype) for name, v in expected.items()})
        for i, variable in enumerate(self.network.frozen_variables):
            if not np.array_equal(arrays[f"frozen/{i}"], variable.numpy()):
                raise ValueError(f"{self.config.start_from!r}, which it started from, has had other weights")
        for name, variable in expected.items():
            if not name.startswith("best/"):
                variable.assign(arrays[name])
        self._best_weights = [arrays[f"best/{i}"] for i in range(len(self._variables))]
        self._done = facts["epoch"]
        self.best = Validation(*facts["best"]) if facts["best"] else None
        self._validations_since_best = facts["validations_since_best"]
        self._dropped_in_a_row = facts.get("dropped_in_a_row", 0)  # Newer than the first checkpoints.
        self._restore_state(arrays, facts)

    def _events(self) -> Iterator[Epoch | OuterStep | Validation]:
        while self._done < self._total and not self._out_of_patience():
            yield self._advance()
            if self._validation_is_due():
                validation = self._validate()
                self._save()
                yield validation
            elif time.monotonic() - self._saved_at > _CHECKPOINT_SECONDS:
                self._save()

    def _validation_is_due(self) -> bool:
        return self._done % self.config.evaluation_period == 0 or self._done == self._total

    def _set_learning_rate(self) -> None:
        """That of the advance to come."""
        config = self.config
        share = self._done / self._total
        rate = schedules.cosine(share, config.learning_rate, config.learning_rate_decay)
        self._outer_optimizer.set_learning_rate(rate)

    def _improves(self, loss: float, weights: list[np.ndarray], left_out: int) -> bool:
        """Whether a validation is the best so far; its weights are kept then."""
        if not np.isfinite(loss) or (self.best is not None and loss >= self.best.final_loss):
            self._validations_since_best += 1
            return False
        self.best = Validation(self._done, loss, True, left_out=left_out)
        self._best_weights, self._validations_since_best = weights, 0
        return True

    def _out_of_patience(self) -> bool:
        return self.config.patience is not None and self._validations_since_best >= self.config.patience

    def _deployed(self) -> list[np.ndarray]:
        """phi as it is used after training: its average where one is kept."""
        return [variable.numpy() for variable in self._outer_optimizer.averages or self._variables]
