"""Where a result comes from: what is written beside numbers so that they can be had again. Needs no TensorFlow."""

import datetime
import importlib.metadata
import platform
import shlex
import sys
from pathlib import Path
from typing import Any

import l2l_tf

_PACKAGES = ("tensorflow", "dm-sonnet", "keras", "numpy", "tensorflow-datasets")


def provenance(seed: int) -> dict[str, Any]:
    """The command, the root seed, the date (UTC) and the versions, JSON-able."""
    return {"command": command(), "seed": seed, "date": date(), "versions": versions()}


def command() -> str:
    """The command line of this process, to paste into a shell."""
    return shlex.join(["python", Path(sys.argv[0]).name, *sys.argv[1:]])


def date() -> str:
    """Now, in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def versions() -> dict[str, str]:
    """Python's version and those of the packages a result depends on; of these, the installed ones."""
    found = {"python": platform.python_version(), "l2l_tf": l2l_tf.__version__}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
