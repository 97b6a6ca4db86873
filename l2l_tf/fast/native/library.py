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
import time
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
_SCRATCH = "compiling-"

logger = logging.getLogger(__name__)


@functools.cache
def operations() -> Any | None:
    """The operations as functions, compiled first where this machine never did.

    The library is kept in `$XDG_CACHE_HOME/l2l_tf` (`~/.cache/l2l_tf`), one for each state of the sources, compiler
    command, TensorFlow and kind of processor; a damaged one is compiled again. `$CXX` names a compiler other than
    `c++`.

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


def num_threads() -> int:
    """How many threads an operation takes: TensorFlow's number of them within one."""
    return tf.config.threading.get_intra_op_parallelism_threads() or os.cpu_count() or 1


def compiled() -> pathlib.Path:
    """The library, compiled if need be.

    Raises:
      OSError: no compiler, one that fails, or no place for the library.
      RuntimeError: nobody says where the home folder is.
      subprocess.SubprocessError: a compiler that does not come to an end.
    """
    compiler = compiler_command()
    if not compiler:
        raise FileNotFoundError("no compiler.")
    folder = pathlib.Path(__file__).parent
    command = [compiler, "-std=c++17", "-fPIC", "-w", *tf.sysconfig.get_compile_flags()]
    link_flags = ["-shared", *tf.sysconfig.get_link_flags()]
    options = [*command, *link_flags, *(option for own in _SOURCES.values() for option in own)]

    digest = _digest_of_sources(*options, tf.__version__, _processor())
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "l2l_tf"
    stem = f"ops-{digest.hexdigest()[:20]}"
    # Its name has its own digest too: one that was cut short would end every process that loads it.
    for library in cache.glob(f"{stem}-*.so"):
        if library.name == _whole_name(stem, library.read_bytes()):
            return library
        library.unlink(missing_ok=True)
    cache.mkdir(parents=True, exist_ok=True)
    _sweep(cache)
    logger.warning("Compiling native code for this machine, once: about ten seconds, more beside other work.")
    with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=cache) as scratch:
        written = pathlib.Path(scratch) / "ops.so"
        objects = [pathlib.Path(scratch) / f"{name}.o" for name in _SOURCES]
        compiling = [
            [*command, *own, "-c", str(folder / name), "-o", str(to)]
            for (name, own), to in zip(_SOURCES.items(), objects)
        ]
        with ThreadPoolExecutor(len(compiling)) as side_by_side:
            list(side_by_side.map(_run, compiling))
        _run([*command, *map(str, objects), *link_flags, "-o", str(written)])
        with open(written, "rb") as file:
            data = file.read()
            os.fsync(file.fileno())
        if not data:
            raise OSError(f"{compiler} wrote an empty file.")
        library = cache / _whole_name(stem, data)
        os.replace(written, library)
    return library


def compiler_command() -> str | None:
    """What compiles: what `$CXX` names, else `c++`; None where there is neither."""
    return os.environ.get("CXX") or shutil.which("c++")


def sources_digest() -> str | None:
    """Of the sources whose operations are in use; None without any."""
    return _digest_of_sources().hexdigest()[:20] if operations() is not None else None


def _digest_of_sources(*before: str) -> "hashlib._Hash":
    digest = hashlib.sha256("\n".join(before).encode())
    for name in (*_SOURCES, *_HEADERS):
        digest.update((pathlib.Path(__file__).parent / name).read_bytes())
    return digest


def _whole_name(stem: str, data: bytes) -> str:
    return f"{stem}-{hashlib.sha256(data).hexdigest()[:20]}.so"


def _sweep(cache: pathlib.Path) -> None:
    """Removes what a compilation that was killed has left."""
    for scratch in cache.glob(f"{_SCRATCH}*"):
        if time.time() - scratch.stat().st_mtime > 10 * _MOST_SECONDS:
            shutil.rmtree(scratch, ignore_errors=True)


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
