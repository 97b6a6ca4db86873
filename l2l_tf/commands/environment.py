"""What somebody who looks for a fault needs to know of a machine: versions, processor, compiler, native code, GPUs.

Nothing that names a person or a place: of the environment only variables that are known to matter, of those that hold
folders only that they are set, and the home folder as `~`. TensorFlow is imported last, so that all else is printed
where that fails.
"""

import argparse
import logging
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from l2l_tf.commands import command_line, streams
from l2l_tf.saving import provenance

PACKAGES = (
    *("tensorflow", "tensorflow-cpu", "keras", "dm-sonnet", "tensorflow-datasets", "tensorboard"),
    *("numpy", "matplotlib", "onnx", "onnxruntime", "tf2onnx", "huggingface_hub"),
)
# Whose values are switches, not folders, addresses or secrets.
SHOWN = (
    *("L2L_NATIVE", "CXX", "KERAS_BACKEND", "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES"),
    *("TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS", "TF_XLA_FLAGS", "XLA_FLAGS", "TF_FORCE_GPU_ALLOW_GROWTH"),
    *(
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
        "TF_USE_LEGACY_KERAS",
        "HF_HUB_OFFLINE",
        "HF_HUB_DISABLE_XET",
    ),
)
# Of these only that they are set; and of all others of ours, L2L_*.
NAMED = ("TF_CONFIG", "TFDS_DATA_DIR", "XDG_CACHE_HOME", "HF_ENDPOINT", "HF_HOME", "PYTHONPATH", "LD_PRELOAD")
_HOMES = re.compile(r"/(?:home|Users)/[^/\s:'\",;)]+|/root(?=[/\s:'\",;)]|$)")
_SECONDS = 10


def run() -> None:
    """The command as a process."""
    streams.make_unbreakable()
    argparse.ArgumentParser(
        prog="python -m l2l_tf.report", description="Prints what a report of a fault needs to say of this machine."
    ).parse_args()
    for what, said in facts():
        print(f"{what}: {anonymous(said)}", flush=True)


def facts() -> Iterator[tuple[str, str]]:
    """What, and what is said of it, one after the other as they are found; TensorFlow's part last."""
    yield from provenance.versions(PACKAGES).items()
    yield "commit", provenance.commit() or "none: installed as a package"
    yield "interpreter", f"{platform.python_implementation()}, {'in a' if _is_virtual() else 'no'} virtual environment"
    yield "system", f"{platform.system()} {platform.release()}, {_distribution()}"
    yield "C library", " ".join(platform.libc_ver()).strip() or "unknown"
    processor = provenance.processor_says("model name") or platform.processor() or "unknown"
    yield "processor", f"{processor} ({platform.machine()}), {_usable_cores()} of {os.cpu_count()} cores usable"
    yield "vector instructions", " ".join(provenance.vector_instructions()) or "unknown"
    yield "environment", "; ".join(environment()) or "nothing of ours is set"
    yield from _of_tensorflow()


def environment() -> list[str]:
    """`NAME=value` or `NAME is set` for the variables that are known to matter."""
    ours = sorted(name for name in os.environ if name.startswith("L2L_") and name not in SHOWN)
    shown = [f"{name}={os.environ[name]}" for name in SHOWN if name in os.environ]
    return shown + [f"{name} is set" for name in (*ours, *NAMED) if name in os.environ]


def anonymous(text: str) -> str:
    """`text` in one line, with `~` for home folders: this user's, wherever it is, and those of others by their usual
    places."""
    home = os.path.expanduser("~")
    if len(home) > 1:
        text = re.sub(rf"{re.escape(home)}(?![\w.-])", "~", text)
    return _HOMES.sub("~", " ".join(text.split()))


def _of_tensorflow() -> Iterator[tuple[str, str]]:
    try:
        tf: Any = command_line.import_tensorflow()
    except Exception as error:  # Whatever is wrong with an installation is what is asked for.
        yield "TensorFlow", f"does not load: {type(error).__name__}: {error}"
        return
    from l2l_tf.fast import native

    yield "TensorFlow", f"loads; built with {'CUDA' if tf.test.is_built_with_cuda() else 'no CUDA'}"
    gpus = tf.config.list_physical_devices("GPU")
    names = [tf.config.experimental.get_device_details(gpu).get("device_name", "unknown") for gpu in gpus]
    yield "GPUs", ", ".join(names) or "none seen"
    yield "compiler", _compiler(native.compiler_command())
    yield "native code", _native_code(native, bool(gpus))


def _native_code(native: Any, has_gpu: bool) -> str:
    if os.environ.get("L2L_NATIVE") == "0":
        return "no: L2L_NATIVE=0 is set"
    if has_gpu:
        return "no: TensorFlow has a GPU"
    heard = _Heard()
    logger = logging.getLogger("l2l_tf")
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(heard)
    try:
        if native.operations() is not None:
            return f"yes, of the sources {native.sources_digest()}"
    finally:
        logger.removeHandler(heard)
        logger.propagate = propagate
    return f"no: {' '.join(heard.messages[-1:]) or 'it was tried before in this process'}"


class _Heard(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def _compiler(command: str | None) -> str:
    if command is None:
        return "none: no c++, and CXX is not set"
    try:
        done = subprocess.run(
            [command, "--version"], capture_output=True, text=True, timeout=_SECONDS, check=False, errors="replace"
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"{command} does not run: {error}"
    first_line = next(iter((done.stdout or done.stderr).splitlines()), "says nothing")
    return f"{command}: {first_line}"


def _is_virtual() -> bool:
    return sys.prefix != sys.base_prefix


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "unknown")
    except OSError:
        return platform.mac_ver()[0] or platform.version()
