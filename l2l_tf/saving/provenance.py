"""Where a result comes from: what is written beside numbers so that they can be had again. Needs no TensorFlow."""

import datetime
import importlib.metadata
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from l2l_tf import version

# Of these TensorFlow, XLA and the compiler choose their instructions; others have no say in the numbers.
_VECTORS = ("avx", "avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "asimd", "sve")
_PACKAGES = ("tensorflow", "dm-sonnet", "keras", "numpy", "tensorflow-datasets")


def provenance(seed: int) -> dict[str, Any]:
    """The command, the root seed, the date (UTC), the versions, the commit and the machine, JSON-able."""
    return {
        "command": command(),
        "seed": seed,
        "date": date(),
        "versions": versions(),
        "commit": commit(),
        "machine": machine(),
    }


def command() -> str:
    """The command line of this process, to paste into a shell; without --data_dir, which is a matter of the machine."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    program = ["-m", spec.name.removesuffix(".__main__")] if spec else [Path(sys.argv[0]).name]
    words = []
    for before, word in zip(sys.argv, sys.argv[1:]):
        if before.lstrip("-") != "data_dir" and word.lstrip("-").partition("=")[0] != "data_dir":
            words.append(word)
    # A console script is named as it is called; a file of Python's is run by it.
    python = ["python"] if spec or program[0].endswith(".py") else []
    return shlex.join([*python, *program, *words])


def commit() -> str | None:
    """The commit that this code is of, with "+" where files differ from it; None outside its repository."""
    root = Path(version.__file__).parent.parent
    if not (root / ".git").exists():
        return None
    head = _git(root, "rev-parse", "--short=12", "HEAD")
    # Results are what is written, so they do not count as changes.
    changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", ".", ":!results")
    return head and head + "+" * bool(changed)


def machine() -> dict[str, Any]:
    """What timings depend on, without what would name the machine."""
    return {"cpus": os.cpu_count(), "processor": platform.machine(), "system": platform.system()}


def vector_instructions() -> list[str]:
    """Those of this processor that numbers may depend on; none where the system does not say them, as Linux does."""
    flags = processor_says("flags", "Features").split()
    return [name for name in _VECTORS if name in flags]


def processor_says(*names: str) -> str:
    """What Linux says of the first processor under one of these names, e.g. "model name"; "" where it says nothing."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(names)), "")


def _git(root: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=False)
    except OSError:
        return None  # There is no git.
    return done.stdout.strip() if done.returncode == 0 else None


def date() -> str:
    """Now, in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def versions(packages: Sequence[str] = _PACKAGES) -> dict[str, str]:
    """Python's version and those of the packages a result depends on, or of others; of these, the installed ones."""
    found = {"python": platform.python_version(), "l2l_tf": version.__version__}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
