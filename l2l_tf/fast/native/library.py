"""Compiling the operations of `ops.cc` and `mlp_ops.cc`, once for each machine, and loading them."""

import functools
import hashlib
import logging
import os
import pathlib
import platform
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import tensorflow as tf

LANES = 64  # kLanes of rows.h: how many coordinates are a chunk

_FAST = ("-O3", "-march=native")
_SOURCES = {"variables.cc": ("-O1",), "mlp_ops.cc": _FAST, "ops.cc": _FAST}  # what takes longest first
_HEADERS = (
    "call.h",
    "coordinate_back.h",
    "coordinate_rule.h",
    "coordinate_step.h",
    "functions.h",
    "lstm.h",
    "mlp.h",
    "parallel.h",
    "rows.h",
    "variables.h",
)
_MOST_SECONDS = 600  # A compiler takes five to ten, and longer on a machine with other work.

logger = logging.getLogger(__name__)


@functools.cache
def operations() -> Any | None:
    """The operations as functions, compiled first where this machine never did.

    The library is kept in `$XDG_CACHE_HOME/l2l_tf` (`~/.cache/l2l_tf`), one for each state of the sources, compiler
    command, TensorFlow and kind of processor. `$CXX` names a compiler other than `c++`.

    Returns:
      None where `L2L_NATIVE=0` asks for that, where TensorFlow has a GPU, and, with a warning that says why, where
      compiling fails.
    """
    if os.environ.get("L2L_NATIVE") == "0" or tf.config.list_physical_devices("GPU"):
        return None
    try:
        return tf.load_op_library(str(compiled()))
    except (OSError, RuntimeError, subprocess.SubprocessError, tf.errors.OpError) as error:
        logger.warning(
            "Training is slower without native code, which needs a C++ compiler (c++, or what CXX names). "
            "L2L_NATIVE=0 does without. Received: %s",
            error,
        )
        return None


def compiled() -> pathlib.Path:
    """The library, compiled if need be.

    Raises:
      OSError: no compiler, one that fails, or no place for the library.
      RuntimeError: nobody says where the home folder is.
      subprocess.SubprocessError: a compiler that does not come to an end.
    """
    compiler = os.environ.get("CXX") or shutil.which("c++")
    if not compiler:
        raise FileNotFoundError("no compiler.")
    folder = pathlib.Path(__file__).parent
    command = [compiler, "-std=c++17", "-fPIC", "-w", *tf.sysconfig.get_compile_flags()]
    link_flags = ["-shared", *tf.sysconfig.get_link_flags()]
    options = [*command, *link_flags, *(option for own in _SOURCES.values() for option in own)]

    digest = hashlib.sha256("\n".join([*options, tf.__version__, _processor()]).encode())
    for name in (*_SOURCES, *_HEADERS):
        digest.update((folder / name).read_bytes())
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "l2l_tf"
    library = cache / f"ops-{digest.hexdigest()[:20]}.so"
    if library.exists():
        return library
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        written = pathlib.Path(scratch) / library.name
        objects = [pathlib.Path(scratch) / f"{name}.o" for name in _SOURCES]
        compiling = [
            [*command, *own, "-c", str(folder / name), "-o", str(to)]
            for (name, own), to in zip(_SOURCES.items(), objects)
        ]
        with ThreadPoolExecutor(len(compiling)) as side_by_side:
            list(side_by_side.map(_run, compiling))
        _run([*command, *map(str, objects), *link_flags, "-o", str(written)])
        os.replace(written, library)
    return library


def _run(command: list[str]) -> None:
    result = subprocess.run(command, capture_output=True, text=True, timeout=_MOST_SECONDS, check=False)
    if result.returncode:
        raise OSError(f"{command[0]} failed: {(result.stderr or result.stdout).strip()[-500:]}")


def _processor() -> str:
    """What `-march=native` depends on: machines of different kinds may share a cache."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    return next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())
