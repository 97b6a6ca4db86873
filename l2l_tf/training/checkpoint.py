"""The state of a meta-training run in one file, replaced whole: `checkpoint.npz`."""

import json
from collections.abc import Mapping
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


def stamp(folder: str | Path) -> tuple[int, ...] | None:
    """What tells the checkpoint in `folder` from one that was written after it; None without one."""
    try:
        found = (Path(folder) / FILE).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def is_to_come(folder: str | Path) -> bool:
    """Whether `folder` is that of a run that ended before its first checkpoint: it is there, and holds neither."""
    folder = Path(folder)
    return folder.is_dir() and not (folder / FILE).exists() and not (folder / saved_optimizer.CONFIG).exists()


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


def check_fits(
    arrays: Mapping[str, np.ndarray], facts: dict[str, Any], expected: Mapping[str, tuple[Any, Any]]
) -> None:
    """Looks whether all is there and of its kind before anything of it is used: older checkpoints have no digest.

    Args:
      arrays, facts: as `read` gives them.
      expected: name to shape and type.

    Raises:
      ValueError: it is not.
    """
    for name, (shape, dtype) in expected.items():
        if name not in arrays:
            raise ValueError(f"{name!r} is missing")
        if arrays[name].shape != tuple(shape) or arrays[name].dtype != dtype:
            raise ValueError(f"{name!r} is {arrays[name].dtype} {arrays[name].shape}")
    for name in ("epoch", "validations_since_best", "dropped_members", "dropped_in_a_row"):
        if type(count := facts.get(name, 0)) is not int or count < 0:
            raise ValueError(f"{name!r} is {count!r}")


def check_same_means(differences: list[str], folder: str | Path) -> None:
    """Refuses to go on with a run that something else would compute from here on.

    Raises:
      ValueError: naming what differs, where anything does.
    """
    if differences:
        raise ValueError(
            f"The run in {str(folder)!r} was computed by something else, so it would not end bit for bit as if it had "
            "not been disturbed. Resume it with the same, or say --accept_changes. " + "; ".join(differences)
        )
