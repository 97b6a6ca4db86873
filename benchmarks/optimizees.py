"""Several optimizees in one meta-training step: time of a step, and peak memory of a process of its own.

    python -m benchmarks.optimizees [--problem=mnist] [--optimizees=1,16] [--rounds=5] [--threads=1] [--data_dir=FOLDER]
        [--second_derivatives]

An unroll of 20 steps of each, with the networks of the original code; their outer gradients are averaged. Megabytes are
those above a process that has imported TensorFlow and built the problem (Linux only).
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def training_step(problem, problem_name, optimizees, second_derivatives):
    """A function that takes one step on phi from `optimizees` runs side by side, and waits for it."""
    from benchmarks.unroll import optimizer_for
    from l2l_tf import estimators
    from l2l_tf.training.outer_optimizer import OuterOptimizer
    from l2l_tf.training.step import MetaMinimize
    from l2l_tf.unrolling.objectives import trajectory_objective

    network = optimizer_for(problem_name)
    objective = trajectory_objective(20)
    estimator = estimators.get(
        "backpropagation", problem, network, 20, objective, second_derivatives=second_derivatives
    )
    outer_optimizer = OuterOptimizer(network.trainable_variables, learning_rate=1e-3)
    training = MetaMinimize(problem, network, estimator, outer_optimizer, optimizees)

    def call():
        training.reset(0)
        training.step().loss.numpy()

    return call


def peak_megabytes(problem, problem_name, optimizees, second_derivatives):
    """Of this process, beyond what it had with the problem; loading data may have taken more, which is forgotten."""
    Path("/proc/self/clear_refs").write_text("5")
    before = _peak_kilobytes()
    call = training_step(problem, problem_name, optimizees, second_derivatives)
    for _ in range(3):
        call()
    return (_peak_kilobytes() - before) / 1024


def _peak_kilobytes():
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problem", default="mnist", choices=["quadratic", "mnist", "cifar", "cifar-multi"])
    parser.add_argument("--optimizees", type=lambda text: [int(part) for part in text.split(",")], default=[1, 16])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="within an operation")
    parser.add_argument("--second_derivatives", action="store_true")
    parser.add_argument("--data_dir", default=os.environ.get("L2L_DATA_DIR"))
    parser.add_argument("--peak", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()

    import tensorflow as tf

    import problems
    from benchmarks import timing
    from l2l_tf import allocator

    allocator.keep_one_heap()
    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    tf.config.threading.set_inter_op_parallelism_threads(os.cpu_count() or 1)
    data = {} if arguments.problem == "quadratic" else {"data_dir": arguments.data_dir}
    problem = problems.get(arguments.problem, **data)
    if arguments.peak:
        print(json.dumps(peak_megabytes(problem, arguments.problem, arguments.peak, arguments.second_derivatives)))
        return
    steps = {
        str(optimizees): training_step(problem, arguments.problem, optimizees, arguments.second_derivatives)
        for optimizees in arguments.optimizees
    }
    print(timing.table(timing.interleaved(steps, arguments.rounds)))
    print()
    for optimizees in arguments.optimizees:
        command = [sys.executable, "-m", "benchmarks.optimizees", *sys.argv[1:], f"--peak={optimizees}"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
        print(f"{optimizees}: {json.loads(done.stdout.splitlines()[-1]):,.0f} MB")


if __name__ == "__main__":
    main()
