"""The same weights to the last bit, however many workers there are and whichever of them, driver or node is killed."""

import contextlib
import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from benchmarks.workers.trainings import STEPS, processes_of, train


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
        moments = sorted(generator.sample(range(1, STEPS), min(5, times - killed)))

        def report(training, event, moments=moments):
            nonlocal killed
            if getattr(event, "step", None) in moments:
                # Within the step that follows.
                victims = processes_of(training)
                if victims:
                    threading.Timer(
                        generator.uniform(0, 0.3), os.kill, (generator.choice(victims), signal.SIGKILL)
                    ).start()
                    killed += 1

        found = train(f"{folder}/killed", 2, report=report)
        print(f"kill -9 of a worker, {killed} so far, the last after steps {moments}: {found}", flush=True)
        assert found == expected, (found, expected)


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
            steps = generator.randint(1, 3)  # On the average few enough for ten kills.
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
    assert shown == expected, (shown, expected)


def one(folder: str, processes: int, resume: bool) -> None:
    def report(training, event):
        if hasattr(event, "step"):
            if event.step < STEPS:  # As training does: what the last step is saved with is the validation after it.
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


def ray(folder: str) -> None:
    """Ray's process on this machine (raylet) is killed under a training: an error says so, in about a minute."""
    from l2l_tf.training.ray_cluster import RayLostError

    def report(training, event):
        if getattr(event, "step", 0) == 5:
            parent = os.getpid()
            for status in Path("/proc").glob("[0-9]*/stat"):
                with contextlib.suppress(OSError):
                    name, _, rest = status.read_text().partition("(")[2].rpartition(")")
                    if name == "raylet" and int(rest.split()[1]) == parent:
                        os.kill(int(status.parent.name), signal.SIGKILL)

    began = time.time()
    try:
        train(f"{folder}/ray", 2, report=report)
    except RayLostError as error:
        print(f"Ray killed: {error} ({time.time() - began:.0f} s)")
    else:
        raise AssertionError("Training went on without Ray.")
