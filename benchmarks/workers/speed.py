"""Outer steps a second, and CPU a step, with one and two workers."""

import os
import time

from benchmarks.workers.trainings import cpu_seconds, digits_config, processes_of
from l2l_tf.training.workers import Workers


def speed(folder: str, steps: int) -> None:
    """Once with one worker and once with two, twice over; what compiles is over before the clock begins."""
    from l2l_tf.training.tasks import TasksTraining

    for processes in (1, 2, 1, 2):
        training = TasksTraining(digits_config(), f"{folder}/{processes}", overwrite=True, workers=Workers(processes))
        for _ in range(8):
            training._advance()
        ids = processes_of(training)
        began, before, own = time.time(), cpu_seconds(ids), time.process_time()
        compiled = sum(training._advance().compiled for _ in range(steps))
        wall, used, own = time.time() - began, cpu_seconds(ids) - before, time.process_time() - own
        print(
            f"{processes} workers: {steps / wall:.2f} outer steps a second of 4 tasks; CPU seconds a step: workers "
            f"{used / steps:.3f}, driver {own / steps:.4f}; {compiled} compiled; load {os.getloadavg()[0]:.1f}",
            flush=True,
        )
        training.close()
