"""Interleaved timing: every variant in each round, so that ratios hold on a machine whose speed drifts."""

import os
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

_SECONDS = 0.2


class Timings(NamedTuple):
    """Of one variant: seconds of the first call, then of a call in each round, by the wall clock and of CPU."""

    first: float
    wall: list[float]
    cpu: list[float]


def interleaved(
    variants: Mapping[str, Callable[[], None]], rounds: int, quiet: float = 1.0, patience: float = 120.0
) -> dict[str, Timings]:
    """Calls every variant once, then all in turn, round after round.

    In a round a variant is called for `_SECONDS` at least, which is once where a call takes longer: a step of training
    comes after others like it, not after another program that took its caches.

    Args:
      variants: functions that return when their work is done.
      rounds: how many.
      quiet: a round counts where other processes took at most this share of the machine meanwhile.
      patience: seconds after which rounds count however busy the machine is.
    """
    timings = {}
    for name, variant in variants.items():
        start = time.perf_counter()
        variant()
        timings[name] = Timings(time.perf_counter() - start, [], [])
    deadline = time.monotonic() + patience
    done = 0
    while done < rounds:
        busy, own, began = _busy_seconds(), time.process_time(), time.perf_counter()
        measured = []
        for variant in variants.values():
            calls, wall, cpu = 0, time.perf_counter(), time.process_time()
            while not calls or time.perf_counter() - wall < _SECONDS:
                variant()
                calls += 1
            measured.append(((time.perf_counter() - wall) / calls, (time.process_time() - cpu) / calls))
        others = (_busy_seconds() - busy) - (time.process_time() - own)
        share = others / (time.perf_counter() - began) / (os.cpu_count() or 1)
        if share > quiet and time.monotonic() < deadline:
            continue
        done += 1
        for timing, (wall, cpu) in zip(timings.values(), measured):
            timing.wall.append(wall)
            timing.cpu.append(cpu)
    return timings


def table(timings: Mapping[str, Timings]) -> str:
    """Markdown: medians and quartiles, and the median over rounds of the first variant's time over each one's."""
    lines = [
        "| | first call, s | ms, median | quartiles | CPU ms | speed-up |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    reference = np.array(next(iter(timings.values())).wall)
    for name, timing in timings.items():
        wall, cpu = np.array(timing.wall) * 1e3, np.array(timing.cpu) * 1e3
        low, high = np.percentile(wall, [25, 75])
        ratio = np.median(reference * 1e3 / wall)
        lines.append(
            f"| {name} | {timing.first:.1f} | {np.median(wall):.1f} | {low:.1f}-{high:.1f} | {np.median(cpu):.0f} "
            f"| {ratio:.3g} |"
        )
    return "\n".join(lines)


def _busy_seconds() -> float:
    """CPU seconds that all processes have used so far; 0 where the system does not tell."""
    try:
        with open("/proc/stat") as stat:
            user, nice, system, _, _, irq, softirq, steal = map(int, stat.readline().split()[1:9])
    except OSError:
        return 0.0
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
