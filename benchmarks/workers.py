"""Workers against one process: `python -m benchmarks.workers equal|kill|driver|node|speed|simulate|memory`.

equal: the weights after 30 outer steps of four tasks with 0, 1, 2 and 3 workers. kill: the same with two workers, one
of them killed at random moments. driver: the process killed at random moments, then `--resume`. node: a node of a
cluster of two taken away. speed: outer steps a second with one and two workers. simulate: the driver's share with
workers that only sleep. memory: of one process over many outer steps with tasks that come and go.
"""

import argparse
import contextlib
import hashlib
import logging
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from l2l_tf.training.tasks_config import TasksConfig
from l2l_tf.training.workers import Workers

_STEPS = 30


def config(**changes: Any) -> TasksConfig:
    """A mix of four small tasks."""
    items = [
        {"problem": "quadratic", "problem_options": {"batch_size": 2, "num_dims": n}, "family": f"quadratic {n}"}
        for n in (2, 3, 4, 5)
    ]
    settings = {
        "problem": "mixture",
        "problem_options": {"problems": items},
        "networks": {"cw": {"net": "CoordinateWiseDeepLSTM", "net_options": {"layers": [], "scale": 0.1}}},
        "estimator": "pes",
        "perturbations": 4,
        "outer_steps": _STEPS,
        "tasks_per_step": 4,
        "task_lifetime": 12,
        "num_steps": 40,
        "shortest_run": 4,
        "unroll_length": 4,
        "reparameterize": "whole:0.001:1000",
        "loss_weights": "mean",
        "evaluation_period": _STEPS,
        "validation_tasks": 1,
    }
    return TasksConfig(**{**settings, **changes})


def _digits(hidden: int) -> dict[str, Any]:
    data = {"kind": "images", "dataset": "synthetic", "size": 8, "grey": True, "classes": None, "batch_size": 64}
    return {
        "family": "mlp",
        "hidden": [hidden],
        "activation": "relu",
        "initializer": {"name": "he_normal"},
        "center": False,
        "data": {**data, "num_train": None, "just_train": False, "augmentation": None},
    }


def train(
    folder: str,
    processes: int,
    seconds: float = 600.0,
    report=lambda training, event: None,
    resume=False,
    **changes: Any,
):
    """Trains, and gives a digest of phi, the outer optimizer's state and the slots."""
    from l2l_tf.training import checkpoint
    from l2l_tf.training.tasks import TasksTraining

    workers = Workers(processes, changes.pop("cluster", None), seconds, changes.pop("staleness", None))
    settings = config(**changes)
    training = TasksTraining(settings, folder, resume, not resume, workers=workers if processes else None)
    try:
        training.run(lambda event: report(training, event))
    finally:
        training.close()
    arrays, _ = checkpoint.read(folder)
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(name.encode() + arrays[name].tobytes())
    return digest.hexdigest()[:16]


def equal(folder: str) -> None:
    digests = {}
    for processes in (0, 1, 2, 3):
        began = time.time()
        digests[processes] = train(f"{folder}/{processes}", processes)
        print(f"{processes} workers: {digests[processes]} ({time.time() - began:.0f} s)", flush=True)
    assert len(set(digests.values())) == 1


def kill(folder: str, times: int) -> None:
    expected = train(f"{folder}/expected", 0)
    generator, killed = random.Random(0), 0
    while killed < times:
        moments = sorted(generator.sample(range(1, _STEPS), min(5, times - killed)))

        def report(training, event, moments=moments):
            nonlocal killed
            if getattr(event, "step", None) in moments:
                # Within the step that follows.
                victims = _mine(training)
                if victims:
                    threading.Timer(
                        generator.uniform(0, 0.3), os.kill, (generator.choice(victims), signal.SIGKILL)
                    ).start()
                    killed += 1

        found = train(f"{folder}/killed", 2, report=report)
        print(f"kill -9 of a worker, {killed} so far, the last after steps {moments}: {found}", flush=True)
        assert found == expected, (found, expected)


def _mine(training) -> list[int]:
    """The processes of the workers that are up; those that were killed and not missed yet are not."""
    ray = training._slots._pool._ray
    found = []
    for worker in training._slots._pool.up:
        with contextlib.suppress(ray.exceptions.RayActorError):
            found.append(ray.get(worker.ready.remote()))
    return found


def driver(folder: str, times: int) -> None:
    expected = train(f"{folder}/expected", 0)
    generator = random.Random(1)
    command = [sys.executable, "-m", "benchmarks.workers", "one", f"--folder={folder}/driver"]
    shown, killed, begun = 0, 0, False
    while True:
        processes = generator.choice([0, 1, 2])
        words = [*command, f"--processes={processes}", *(["--resume"] if begun else [])]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            steps = generator.randint(2, 4)
            for line in child.stdout:
                begun |= line.startswith("step")
                steps -= line.startswith("step")
                if steps == 0 and killed < times:
                    time.sleep(generator.uniform(0, 0.2))
                    child.kill()
                    killed += 1
                    break
                if line.startswith("digest"):
                    shown = line.split()[1]
            child.wait()
        if shown:
            break
    print(f"kill -9 of the driver {killed} times, then --resume with 0, 1 or 2 workers: {shown}")
    assert shown == expected


def one(folder: str, processes: int, resume: bool) -> None:
    def report(training, event):
        if hasattr(event, "step"):
            training._save()
            print(f"step {event.step}", flush=True)

    resume = resume and (Path(folder) / "checkpoint.npz").exists()
    print("digest", train(folder, processes, report=report, resume=resume), flush=True)


def node(folder: str) -> None:
    import ray
    from ray.cluster_utils import Cluster

    expected = train(f"{folder}/expected", 0)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    other = cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, logging_level=logging.ERROR, log_to_driver=False)

    def report(training, event):
        if getattr(event, "step", 0) == 12:
            print(f"{training._slots.workers} workers; a node is taken away", flush=True)
            cluster.remove_node(other, allow_graceful=False)

    found = train(f"{folder}/node", 2, report=report)
    ray.shutdown()
    cluster.shutdown()
    print(f"a node of two lost: {found}")
    assert found == expected


def speed(folder: str, steps: int) -> None:
    from l2l_tf.training.tasks import TasksTraining

    for processes in (1, 2, 1, 2):
        settings = config(
            outer_steps=10**6,
            evaluation_period=10**6,
            task_lifetime=10**6,
            unroll_length=50,
            num_steps=2000,
            shortest_run=100,
            perturbations=8,
            networks={"network": {"net": "AdafactorMLP"}},
            problem_options={
                "problems": [{"problem": "taskset", "problem_options": {"config": _digits(32)}, "family": "mlp"}]
            },
        )
        training = TasksTraining(settings, f"{folder}/{processes}", overwrite=True, workers=Workers(processes))
        for _ in range(8):
            training._advance()
        ids = _mine(training)
        began, before, own = time.time(), _seconds(ids), time.process_time()
        for _ in range(steps):
            training._advance()
        wall, used, own = time.time() - began, _seconds(ids) - before, time.process_time() - own
        print(
            f"{processes} workers: {steps / wall:.2f} outer steps a second of 4 tasks; CPU seconds a step: workers "
            f"{used / steps:.3f}, driver {own / steps:.4f}; load {os.getloadavg()[0]:.1f}",
            flush=True,
        )
        training.close()


def _seconds(ids: list[int]) -> float:
    total = 0
    for pid in ids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


class Sleeper:
    """Computes nothing, in as much time as it is told."""

    def __init__(self, seconds: float, size: int):
        self._seconds = seconds
        self._gradient = np.ones([size], np.float32)

    def assign(self, phi):
        pass

    def keep_only(self, places):
        pass

    def arrays_of(self, slot):
        return []

    def slot_of(self, place, arrays):
        return place

    def estimate(self, place):
        from l2l_tf.training.estimate import Estimate

        time.sleep(self._seconds)
        after = _Stays(place)
        return Estimate(self._gradient, 0.0, 0.0, 0), after


class _Stays:
    def __init__(self, place):
        self.place = getattr(place, "place", place)


def sum_of(gradients):
    """As the driver sums them, in their order."""
    total = np.zeros_like(gradients[0])
    for gradient in gradients:
        if np.isfinite(gradient).all():
            total += gradient
    return total


def simulate(count: list[int], seconds: float, size: int) -> None:
    import functools

    from l2l_tf.training.remote_slots import RemoteSlots

    for processes in count:
        per_worker = 16
        settings = config(tasks_per_step=processes * per_worker)
        pause = processes / seconds  # So that all together make so many estimates a second.
        slots = RemoteSlots(settings, functools.partial(Sleeper, pause, size), Workers(processes))
        phi = np.zeros([size], np.float32)
        while slots.workers < processes:
            slots.step(phi)
        slots.step(phi)
        began, own, steps = time.time(), time.process_time(), 0
        while time.time() - began < 10 or steps < 3:
            sum_of([each.estimate.gradient for each in slots.step(phi)])
            steps += 1
        wall, own = time.time() - began, time.process_time() - own
        estimates = steps * settings.tasks_per_step
        print(
            f"{processes} workers: {estimates / wall:.0f} estimates a second ({seconds:g} asked), driver "
            f"{own / wall:.1%} of a core, {own / estimates * 1e6:.0f} microseconds an estimate; "
            f"load {os.getloadavg()[0]:.1f}",
            flush=True,
        )
        slots.close()


def memory(folder: str, steps: int) -> None:
    from l2l_tf.training.tasks import TasksTraining

    items = [
        {"problem": "quadratic", "problem_options": {"batch_size": 1, "num_dims": n}, "family": "quadratic"}
        for n in range(2, 40)
    ]
    settings = config(
        problem_options={"problems": items},
        outer_steps=10**7,
        evaluation_period=10**7,
        task_lifetime=100,
        num_steps=20,
        unroll_length=2,
        perturbations=1,
    )
    training = TasksTraining(settings, folder, overwrite=True)
    for i in range(steps + 1):
        if i % (steps // 10) == 0:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            held = len(training._slots._computer.programs)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"outer step {i}: {pages * 4096 / 2**20:.0f} MiB (peak {peak:.0f}), {held} programs", flush=True)
        training._advance()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("what", choices=["equal", "kill", "driver", "node", "speed", "simulate", "memory", "one"])
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--processes", type=int, default=0)
    parser.add_argument("--count", default="1,2,4,8,16,32,64")
    parser.add_argument("--rate", type=float, default=1000.0)
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--folder", default=None)
    parser.add_argument("--resume", action="store_true")
    given = parser.parse_args()
    from l2l_tf.commands import command_line

    if given.what != "simulate":
        command_line.import_tensorflow(1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder or scratch
        match given.what:
            case "equal":
                equal(folder)
            case "kill":
                kill(folder, given.times)
            case "driver":
                driver(folder, given.times)
            case "node":
                node(folder)
            case "speed":
                speed(folder, given.steps)
            case "simulate":
                simulate([int(n) for n in given.count.split(",")], given.rate, given.size)
            case "memory":
                memory(folder, given.steps)
            case "one":
                one(folder, given.processes, given.resume)


if __name__ == "__main__":
    main()
