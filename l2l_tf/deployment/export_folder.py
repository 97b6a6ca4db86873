"""The folder of an export: written beside its place, and put there once it is complete. Needs no TensorFlow."""

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

# Marks a folder as an export and lists what is in it, so that nothing else is ever replaced.
MARKER = "l2l_tf_export.json"


# What training keeps in its folder beside the best optimizer.
OF_TRAINING = ("last", "learning_rate_trials")


def check(path: str | Path, training: str | Path | None = None) -> None:
    """Checks that an export may take the place of what is at `path`, now and once `training`'s folder is written.

    Raises:
      ValueError: something else than an export of ours or an empty folder is there, or will be.
    """
    path = Path(path)
    if training is not None:
        here, there = path.resolve(), Path(training).resolve()
        if here in (there, *there.parents, *(there / name for name in OF_TRAINING)):
            raise ValueError(
                "An export goes to a folder of its own, not to one that the training writes to. "
                f"Received: {str(path)!r}, and {str(training)!r} for the training."
            )
    if path.exists() and not _is_replaceable(path):
        raise ValueError(
            "An export goes to a new or an empty folder, or replaces an earlier export; other files are kept. "
            f"Received: {str(path)!r}."
        )


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new folder that takes `path`'s place once it is complete; after an error, what stood there stays.

    Raises:
      ValueError: see `check`.
      OSError: it cannot be written.
    """
    check(path)
    path = path.absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        new = folder / "new"
        new.mkdir()
        yield new
        entries = sorted(entry.name for entry in new.iterdir())
        (new / MARKER).write_text(json.dumps({"entries": [*entries, MARKER]}) + "\n")
        for file in new.rglob("*"):
            if file.is_file():
                with open(file, "rb") as stream:
                    os.fsync(stream.fileno())
        if path.exists():
            path.rename(folder / "old")
        try:
            new.rename(path)
        except BaseException:  # Ctrl-C too.
            if (folder / "old").exists():
                (folder / "old").rename(path)
            raise
    finally:
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
