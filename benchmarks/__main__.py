"""`python -m benchmarks` (`make bench`): the time of a meta-training step, then of an application in Keras."""

import os
import subprocess
import sys

COMMANDS = [
    ["benchmarks.unroll", "--problem=quadratic", "--threads=1", "--variants=tape,fast"],
    ["benchmarks.keras_application"],
]
ON_DATA = [
    ["benchmarks.unroll", "--problem=mnist", "--threads=1", "--variants=tape,fast"],
    [
        "benchmarks.unroll",
        "--problem=mnist",
        "--threads=1",
        "--second_derivatives",
        "--variants=tape,fast,stop-gradient",
    ],
    ["benchmarks.unroll", "--problem=cifar-multi", "--variants=tape,fast"],
]


def main():
    commands = COMMANDS + (ON_DATA if os.environ.get("L2L_DATA_DIR") else [])
    for command in commands:
        print(f"\npython -m {' '.join(command)}", flush=True)
        subprocess.run([sys.executable, "-m", *command], check=True)
    if commands == COMMANDS:
        print("\nSet L2L_DATA_DIR to the folder of prepared data sets to measure mnist and cifar-multi too.")


if __name__ == "__main__":
    main()
