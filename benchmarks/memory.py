"""Peak memory of one meta-training step, each in a process of its own, by the number of coordinates and of steps.

    python -m benchmarks.memory [--coordinates=16000,100000,1000000] [--steps=20,100,500]
        [--variants=tape,fast,activations,states,recompute] [--limit_gb=14] [--second_derivatives]

The optimizee is sum_i a_i (theta_i - b_i)^2 / N, so that what is measured are the networks and the records; the network
is the original code's LSTM (2 x 20), the variants those of `benchmarks.unroll`. Megabytes above those of a process that
has imported TensorFlow and built the problem; seconds of the second step, in which nothing is compiled. A process that
goes over the limit is stopped and shown as such, and larger ones are not tried; so is one that takes 15 minutes, as
TensorFlow may wait at the limit for memory that nobody frees.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

_OVER = 3
_MOST_SECONDS = 900
VARIANTS = ("tape", "fast", "activations", "states", "recompute")


def measure(variant: str, num_coordinates: int, len_unroll: int, second_derivatives: bool) -> dict[str, float]:
    """Megabytes and seconds of one meta-training step."""
    import tensorflow as tf

    import problems
    from benchmarks.unroll import meta_step
    from l2l_tf import allocator

    allocator.keep_one_heap()

    random = tf.random.stateless_uniform([2, num_coordinates], [0, 1], 0.5, 1.5)
    problem = problems.from_function(
        lambda parameters: tf.reduce_mean(random[0] * tf.square(parameters["x"] - random[1])),
        {"x": tf.zeros([num_coordinates])},
        name="squares",
    )
    before = _peak()
    call = meta_step(variant, problem, "mnist", len_unroll, second_derivatives)
    try:
        call()
        began = time.perf_counter()
        call()
    except tf.errors.ResourceExhaustedError:
        sys.exit(_OVER)
    return {"megabytes": _peak() - before, "seconds": time.perf_counter() - began}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def in_its_own_process(variant, num_coordinates, len_unroll, second_derivatives, limit_gb) -> dict[str, float] | None:
    """`measure` in a fresh process; None where it went over the limit."""
    limit = int(limit_gb * 2**30)
    command = [sys.executable, "-m", "benchmarks.memory", "--measure", variant, str(num_coordinates), str(len_unroll)]
    if second_derivatives:
        command.append("--second_derivatives")
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=False,
            timeout=_MOST_SECONDS,
            # Address space is more than memory in use: the limit allows for what a process maps and never touches.
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)),
        )
    except subprocess.TimeoutExpired:
        return None
    if done.returncode and done.returncode != _OVER and done.returncode > 0:  # Out of memory, others die of a signal.
        sys.exit(f"Failed: {' '.join(command)}")
    return None if done.returncode else json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--coordinates", type=_integers, default=[16_000, 100_000, 1_000_000])
    parser.add_argument("--steps", type=_integers, default=[20, 100, 500])
    parser.add_argument("--variants", type=lambda text: text.split(","), default=list(VARIANTS))
    parser.add_argument("--second_derivatives", action="store_true")
    parser.add_argument("--limit_gb", type=float, default=14.0)
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        variant, num_coordinates, len_unroll = arguments.measure
        print(json.dumps(measure(variant, int(num_coordinates), int(len_unroll), arguments.second_derivatives)))
        return
    if unknown := set(arguments.variants) - set(VARIANTS):
        parser.error(f"variants are {VARIANTS}. Received: {sorted(unknown)}.")
    print("| coordinates | steps | " + " | ".join(f"{v}, MB | {v}, s" for v in arguments.variants) + " |")
    print("| --- | --- |" + " --- | --- |" * len(arguments.variants))
    for num_coordinates in arguments.coordinates:
        over: set[str] = set()
        for len_unroll in arguments.steps:
            cells = []
            for variant in arguments.variants:
                found = None
                if variant not in over:
                    found = in_its_own_process(
                        variant, num_coordinates, len_unroll, arguments.second_derivatives, arguments.limit_gb
                    )
                if found is None:
                    over.add(variant)
                    cells += [f"over {arguments.limit_gb:g} GB", ""]
                else:
                    cells += [f"{found['megabytes']:,.0f}", f"{found['seconds']:.2f}"]
            print(f"| {num_coordinates:,} | {len_unroll} | " + " | ".join(cells) + " |", flush=True)


def _integers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


if __name__ == "__main__":
    main()
