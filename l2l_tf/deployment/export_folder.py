"""The folder of an export: written beside its place, and put there once it is complete. Needs no TensorFlow."""

import contextlib
import ctypes
import glob
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from l2l_tf.saving import files, locks

# Of Linux's renameat2.
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2

# Marks a folder as an export and lists what is in it, so that nothing else is ever replaced.
MARKER = "l2l_tf_export.json"


# What training keeps in its folder beside the best optimizer.
OF_TRAINING = ("last", "learning_rate_trials")


def check(path: str | Path, training: str | Path | None = None) -> None:
    """Checks that an export may take the place of what is at `path`, now and once `training`'s folder is written.

    Raises:
      ValueError: something else than an export of ours or an empty folder is there, or will be.
      OSError: it cannot be written.
    """
    path = Path(path)
    _recover(path)
    if training is not None:
        here, there = Path(os.path.realpath(path)), Path(os.path.realpath(training))
        if here in (there, *there.parents, *(there / name for name in OF_TRAINING)):
            raise ValueError(
                "An export goes to a folder of its own, not to one that the training writes to. "
                f"Received: {str(path)!r}, and {str(training)!r} for the training."
            )
    if os.path.lexists(path) and not _is_replaceable(path):
        raise ValueError(
            "An export goes to a new or an empty folder, or replaces an earlier export; other files are kept. "
            f"Received: {str(path)!r}."
        )
    files.check_folder(path.parent, path, f".{path.name}.12345678")


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new folder that takes `path`'s place once it is complete; after an error, what stood there stays.

    Where the system can, the two change places in one step. Elsewhere a process that is killed between two steps leaves
    the earlier export beside its place, and the next `replacing` or `check` puts it back.

    Raises:
      ValueError: see `check`.
      OSError: it cannot be written.
    """
    check(path)
    path = path.absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        locks.take(descriptor)  # Says that somebody is at work here.
        new = folder / "new"
        new.mkdir()
        yield new
        entries = sorted(entry.name for entry in new.iterdir())
        (new / MARKER).write_text(json.dumps({"entries": [*entries, MARKER]}) + "\n")
        for file in [*new.rglob("*"), new]:
            files.sync(file)
        _put_in_place(new, path, folder / "old")
        files.sync(path.parent)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def _put_in_place(new: Path, path: Path, old: Path) -> None:
    if not path.exists():
        new.rename(path)
    elif not _exchange(new, path):
        path.rename(old)
        try:
            new.rename(path)
        except BaseException:  # Ctrl-C too.
            old.rename(path)
            raise


def _exchange(one: Path, other: Path) -> bool:
    """Lets two folders change their names in one step, as Linux can on most file systems."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    return rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0


def _recover(path: Path) -> None:
    """Puts back what a killed process had taken from `path`, and removes what else such have left beside it."""
    with contextlib.suppress(OSError):
        for folder in path.parent.glob(f".{glob.escape(path.name)}.????????"):
            if not folder.is_dir() or not {entry.name for entry in folder.iterdir()} <= {"new", "old"}:
                continue
            old = folder / "old"
            if not path.exists() and (old / MARKER).is_file() and files.is_left(folder, seconds=0):
                old.rename(path)
            if files.is_left(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _is_replaceable(path: Path) -> bool:
    if not path.is_dir():
        return False
    inside = {entry.name for entry in path.iterdir()}
    if not inside:
        return True
    try:
        return inside <= set(json.loads((path / MARKER).read_text())["entries"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
