"""What a run is computed by. With something else the same run goes on to other weights, if to others by rounding alone.

A checkpoint keeps it, so that a run that goes on elsewhere, or after an installation, says so before it does.
"""

import os
import platform
from typing import Any

import tensorflow as tf

from l2l_tf.evaluation import problem_sources
from l2l_tf.fast import native
from l2l_tf.saving import provenance
from problems.problem import Problem

_UNUSED = "unused"


def described(problem: Problem) -> dict[str, Any]:
    """JSON-able: versions, settings, processor, the file of a user's own problem; native code once it was asked for."""
    threads = tf.config.threading.get_intra_op_parallelism_threads() or os.cpu_count()
    own = not problem_sources.is_of_the_catalogue(problem)
    return {
        **provenance.versions(),
        "native code": _native_code() if native.operations.cache_info().currsize else _UNUSED,
        "TF_ENABLE_ONEDNN_OPTS": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "not set"),
        "XLA_FLAGS": os.environ.get("XLA_FLAGS", "not set"),
        "threads": threads,
        "processor": " ".join([platform.machine(), *provenance.vector_instructions()]),
        "GPUs": len(tf.config.list_physical_devices("GPU")),
        "the problem's own file": problem_sources.digest(problem) if own else "none",
    }


def differences(problem: Problem, before: dict[str, Any]) -> list[str]:
    """`what: there, here` for each thing that `described` said otherwise when it was `before`."""
    now = described(problem)
    if before.get("native code") == _UNUSED or "native code" not in before:
        before = {**before, "native code": now["native code"]}
    elif now["native code"] == _UNUSED:
        now["native code"] = _native_code()
    return [
        f"{name}: {before[name]!r} there, {now[name]!r} here"
        for name in now
        if before.get(name, now[name]) != now[name]
    ]


def _native_code() -> str:
    return native.sources_digest() or "none"
