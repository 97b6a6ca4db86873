"""How the states of NTM-BFGS and NTM-L-BFGS, and the process, grow with the number of coordinates.

    python -m experiments.paper.information.memory --output=results/bfgs/memory.md

Each row is a process of its own, which takes three steps on one function and reports its peak memory and the bytes of
the state.
"""

import argparse
import math
import resource
import subprocess
import sys
import time
from pathlib import Path

SIZES = {
    "NtmBfgs": (256, 512, 1024, 2048, 4096),
    "NtmLBfgs": (1_000, 10_000, 100_000, 1_000_000),
}
OPTIONS = {
    "NtmBfgs": {"layers": [20, 20]},
    "NtmLBfgs": {"layers": [20, 20], "history": 10},
}


def measure(name: str, coordinates: int) -> str:
    """One row: bytes of the memory and of the whole state, peak megabytes of the process, milliseconds of a step."""
    import tensorflow as tf

    from l2l_tf import networks
    from l2l_tf.networks import Observation

    network = networks.get(name, **OPTIONS[name])
    step = tf.function(network.__call__)
    gradient = {"x": tf.random.stateless_normal([coordinates], [0, 1])}
    state = network.initial_state(gradient)

    def size(nest):
        return sum(math.prod(tensor.shape) * tensor.dtype.size for tensor in tf.nest.flatten(nest))

    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        _, state = step(Observation(gradient), state)
        seconds.append(time.perf_counter() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (
        f"| {coordinates:,} | {size(state['memory']):,} | {size(state):,} | {peak:,.0f} | {min(seconds) * 1e3:,.1f} |"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=Path)
    parser.add_argument("--measure", nargs=2)
    arguments = parser.parse_args()
    if arguments.measure:
        print(measure(arguments.measure[0], int(arguments.measure[1])))
        return
    from l2l_tf.saving import files, provenance

    lines = [
        "# Memory of NTM-BFGS and NTM-L-BFGS",
        "",
        f"`python -m experiments.paper.information.memory`, {provenance.date()}. One function of N coordinates, a",
        "controller of 2 x 20 cells, 3 write heads, a history of 10 writes. Peak memory is of the whole process,",
        "TensorFlow included; times are the least of three on a shared machine.",
    ]
    for name, sizes in SIZES.items():
        lines += [
            "",
            f"## {name}",
            "",
            "| N | memory, bytes | state, bytes | peak, MB | step, ms |",
            "| --- " * 5 + "|",
        ]
        for coordinates in sizes:
            words = [sys.executable, "-m", "experiments.paper.information.memory", "--measure", name, str(coordinates)]
            row = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
            print(name, row, flush=True)
            lines.append(row)
    files.write(arguments.output, "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
