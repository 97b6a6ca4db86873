"""`python -m benchmarks` (`make bench`): every benchmark there is, one after the other.

L2L_DATA_DIR adds those on MNIST and CIFAR-10; L2L_PEERS_PYTHON, an interpreter with PyTorch or JAX, those frameworks.
"""

import os
import subprocess
import sys

UNROLL = ["benchmarks.unroll", "--variants=tape,fast"]
EXACT = ["--second_derivatives", "--variants=tape,fast,stop-gradient"]
ON_DATA = [
    [*UNROLL, "--problem=mnist", "--threads=1"],
    ["benchmarks.unroll", "--problem=mnist", "--threads=1", *EXACT],
    [*UNROLL, "--problem=cifar-multi"],
    ["benchmarks.es", "--problem=mnist", "--threads=1"],
    ["benchmarks.optimizees"],
]
COMMANDS = [
    [*UNROLL, "--problem=quadratic", "--threads=1"],
    ["benchmarks.es", "--problem=quadratic", "--threads=1"],
    ["benchmarks.populations"],
    ["benchmarks.keras_application"],
    ["benchmarks.network_cost", "--measure"],
    ["benchmarks.memory"],
]


def main():
    commands = COMMANDS[:1] + (ON_DATA if os.environ.get("L2L_DATA_DIR") else []) + COMMANDS[1:]
    peers = os.environ.get("L2L_PEERS_PYTHON")
    commands.append(["benchmarks.peers", *([f"--python={peers}"] if peers else [])])
    for command in commands:
        print(f"\npython -m {' '.join(command)}", flush=True)
        subprocess.run([sys.executable, "-m", *command], check=True)
    if not os.environ.get("L2L_DATA_DIR"):
        print("\nSet L2L_DATA_DIR to the folder of prepared data sets to measure mnist and cifar-multi too.")


if __name__ == "__main__":
    main()
