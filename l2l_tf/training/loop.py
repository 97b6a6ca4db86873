"""The meta-training loop: epochs, validation, early stopping, checkpoints, logs."""

import time
from pathlib import Path
from typing import Any

import numpy as np

import problems
from l2l_tf import networks
from l2l_tf.evaluation.evaluator import Curves, Evaluator
from l2l_tf.training import computed_by
from l2l_tf.training.config import TrainingConfig
from l2l_tf.training.curriculum import Curriculum
from l2l_tf.training.events import Epoch, Validation
from l2l_tf.training.left_out import LeftOut, not_finite
from l2l_tf.training.meta_training import DROPPED_IN_A_ROW, Arrays, MetaTraining, TrainingDivergedError
from l2l_tf.training.step import MetaMinimize, Step
from l2l_tf.training.swapped import Swapped
from l2l_tf.unrolling import fitting, optimizee, seeds
from l2l_tf.unrolling.coordinates import AssignedNetworks
from problems import calling, reparameterization
from problems.problem import Problem
from problems.scaling import RandomScaling, Reparameterized


class Training(MetaTraining):
    """A meta-training run on one problem that lives in a folder and can be taken up again, see `MetaTraining`.

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
        super().__init__(config, folder, resume, overwrite, metadata)
        self._config = config
        self.problem = problems.get(config.problem, **config.problem_options, **(data or {}))
        network = AssignedNetworks(
            {name: _build(net, self.problem, config.longest_run) for name, net in config.networks.items()},
            config.net_assignments,
        )
        self._learn(config, network)
        owned = network.owned(fitting.shapes_of(self.problem))
        if idle := [name for name, net in network.networks.items() if net.trainable_variables and name not in owned]:
            raise ValueError(f"net_assignments leave nothing to update to the networks {idle}, so they cannot learn.")
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
        self._take_up(self.problem, accept_changes)

    @property
    def config(self) -> TrainingConfig:
        return self._config

    @property
    def epoch(self) -> int:
        """How many epochs are done."""
        return self._done

    @epoch.setter
    def epoch(self, value: int) -> None:
        self._done = value

    @property
    def _total(self) -> int:
        return self._config.num_epochs

    def evaluate(self, num_draws: int) -> Curves:
        """The best phi on the draws that `evaluate.py --seed` (the config's) takes, which training never saw."""
        with self._weights(self._best_weights):
            return self._evaluator(seeds.fold(self._root, seeds.Purpose.EVALUATION), num_draws)

    def _state(self) -> tuple[Arrays, dict[str, Any]]:
        return {}, {
            "dropped_members": self._minimize.dropped_members,
            "computed_by": computed_by.described(self.problem),
            "left_out": self._left_out.count,
        }

    def _restore_state(self, arrays: Arrays, facts: dict[str, Any]) -> None:
        self._minimize.dropped_members = facts.get("dropped_members", 0)  # Newer than the first checkpoints.
        self._left_out.count = facts.get("left_out", 0)

    def _problem_said(self) -> dict[str, Any]:
        return {"problem": self.config.problem, "problem_options": self.config.problem_options}

    def _advance(self) -> Epoch:
        began = time.perf_counter()
        self._set_learning_rate()
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
        if self._dropped_in_a_row >= DROPPED_IN_A_ROW:
            advice = "Lower --learning_rate or the network's scale, or set --clip_norm."
            if self.config.loss_transform == "log" and step and np.isnan(step.loss) and np.isfinite(step.fx):
                advice = f"Losses below 0 have no logarithm, here {float(step.fx):.4g}: --loss_transform=identity."
            raise TrainingDivergedError(
                f"The last {DROPPED_IN_A_ROW} outer gradients were infinite or NaN (epoch {self.epoch + 1}). What "
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
        if self._improves(loss, weights, left_out):
            assert self.best is not None
            return self.best
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

    def _weights(self, weights: list[np.ndarray]) -> Swapped:
        return Swapped(self._variables, weights)


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
