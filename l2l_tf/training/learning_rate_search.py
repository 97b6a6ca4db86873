"""Random search of the outer learning rate (Andrychowicz et al. 2016, section 3)."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from l2l_tf.training import checkpoint
from l2l_tf.training.config import TrainingConfig
from l2l_tf.training.events import Epoch, Validation
from l2l_tf.training.loop import Training, TrainingDivergedError

FOLDER = "learning_rate_trials"
_DECADES = 1.0


class Trial(NamedTuple):
    """A short run at one learning rate, and its best validation loss (infinite where none was finite)."""

    learning_rate: float
    final_loss: float


def search(
    config: TrainingConfig,
    folder: str | Path,
    num_trials: int,
    num_epochs: int,
    data: dict[str, Any] | None = None,
    overwrite: bool = False,
    report: Callable[[Trial], None] = lambda trial: None,
    watch: Callable[[Epoch | Validation], None] = lambda event: None,
    accept_changes: bool = False,
) -> TrainingConfig:
    """`config` with the learning rate that gave the lowest validation loss in `num_trials` short runs.

    Rates are drawn log-uniformly within a decade of the configured one. Each trial is a run of its own in
    `learning_rate_trials/<i>/` and is taken up where it stopped; with `overwrite`, one of other settings is begun anew.
    `accept_changes` is Training's.

    Raises:
      ValueError: fewer than 1 trial or epoch, or no trial with a finite validation loss.
      KeyboardInterrupt: a trial was interrupted; its progress is saved.
    """
    if num_trials < 1 or num_epochs < 1:
        raise ValueError(
            "A search needs at least 1 trial of at least 1 epoch. "
            f"Received: {num_trials} trials of {num_epochs} epochs."
        )
    exponents = np.random.default_rng(config.seed).uniform(-_DECADES, _DECADES, num_trials)
    trials = []
    for i, exponent in enumerate(exponents):
        rate = float(f"{config.learning_rate * 10**exponent:.3g}")
        trial_folder = Path(folder) / FOLDER / str(i)
        trial_config = dataclasses.replace(config, learning_rate=rate, num_epochs=num_epochs)
        begun = (trial_folder / checkpoint.FILE).exists()
        resume = begun and not (overwrite and _is_another(trial_config, trial_folder))
        training = Training(
            trial_config, trial_folder, resume, overwrite=not resume, data=data, accept_changes=accept_changes
        )
        try:
            if training.run(watch).reason == "interrupted":
                raise KeyboardInterrupt(f"Trials are kept in {str(trial_folder.parent)!r}; the same command goes on.")
        except TrainingDivergedError:
            pass  # Its best so far is what this rate gives.
        trials.append(Trial(rate, training.best.final_loss if training.best else float("inf")))
        report(trials[-1])
    best = min(trials, key=lambda trial: trial.final_loss)
    if not np.isfinite(best.final_loss):
        rates = ", ".join(f"{trial.learning_rate:g}" for trial in trials)
        raise ValueError(f"No trial gave a finite validation loss (learning rates {rates}). Lower --learning_rate.")
    return dataclasses.replace(config, learning_rate=best.learning_rate)


def _is_another(config: TrainingConfig, folder: Path) -> bool:
    """Whether the folder holds a run with other settings, or one that is not whole."""
    try:
        checkpoint.check_same_run(config, checkpoint.read(folder)[1], folder)
    except ValueError:
        return True
    return False
