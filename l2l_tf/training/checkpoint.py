"""The state of a meta-training run in one file, replaced whole: `checkpoint.npz`."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from l2l_tf.saving import archive, files, saved_optimizer
from l2l_tf.training.config import TrainingConfig

FILE = "checkpoint.npz"
_FACTS = "facts"


class CheckpointError(ValueError):
    """A checkpoint that is missing or not whole, and what to do about it."""


def write(folder: str | Path, arrays: dict[str, np.ndarray], facts: dict[str, Any]) -> None:
    """Writes arrays and JSON-able facts.

    Raises:
      OSError: the file cannot be written; the checkpoint before is still whole.
    """
    text = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    with files.replacing(Path(folder) / FILE) as stream:
        archive.write(stream, {_FACTS: text, **arrays})


def read(folder: str | Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays and facts last written.

    Raises:
      CheckpointError: there is no checkpoint, or it is not whole.
    """
    file = Path(folder) / FILE
    try:
        data = file.read_bytes()
    except FileNotFoundError as error:
        raise CheckpointError(
            f"There is no {FILE} in {str(folder)!r} to resume from. Train without --resume to begin one."
        ) from error
    try:
        arrays = archive.read(data)
        facts = json.loads(arrays.pop(_FACTS).tobytes())
        if not isinstance(facts["epoch"], int) or not isinstance(facts["config"], dict):
            raise ValueError("it lacks what a checkpoint has")
        return arrays, facts
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CheckpointError(
            f"{str(file)!r} is not a whole checkpoint ({len(data)} bytes): {error}. Restore it from a copy, or train "
            "with --overwrite to begin anew."
        ) from error


def check_free(folder: str | Path) -> None:
    """Refuses a folder that holds an earlier run or a saved optimizer.

    Raises:
      ValueError: it does.
    """
    folder = Path(folder)
    if (folder / FILE).exists() or (folder / saved_optimizer.CONFIG).exists():
        raise ValueError(
            f"{str(folder)!r} holds an earlier run. Go on with it (--resume), replace it (--overwrite), or choose "
            "another --save_path."
        )


def check_same_run(config: TrainingConfig, facts: dict[str, Any], folder: str | Path) -> None:
    """Refuses to go on with a run that was begun with other settings.

    Raises:
      ValueError: naming the settings that differ.
    """
    if differences := config.differences(facts["config"]):
        raise ValueError(
            f"The run in {str(folder)!r} was begun with other settings; resume it with the same. "
            + "; ".join(differences)
        )
