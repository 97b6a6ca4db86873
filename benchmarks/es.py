"""Members a second of ES, PES, the reparameterisation gradient and the mix, beside truncated back-propagation.

    python -m benchmarks.es --problem=mnist [--rounds=5] [--threads=1] [--data_dir=FOLDER] [--perturbations=4]
        [--len_unroll=20] [--variants=backpropagation,es,...]

Each variant makes one outer gradient of one unroll, with the networks of the original code. A member is one unroll at
perturbed weights; two for each perturbation. "es-readable" and the like keep to the readable path.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_prefer_vector_width=512")

import numpy as np
import tensorflow as tf

import problems
from benchmarks import timing
from l2l_tf import estimators, networks, presets
from l2l_tf.unrolling import seeds, unroll
from l2l_tf.unrolling.coordinates import AssignedNetworks
from l2l_tf.unrolling.objectives import trajectory_objective

READABLE = "-readable"
VARIANTS = [*estimators.ESTIMATORS, *(name + READABLE for name in estimators.ESTIMATORS)]


def outer_gradient(variant, problem, network, len_unroll, perturbations):
    """A function that makes one estimate and waits for it."""
    objective = trajectory_objective(len_unroll)
    options = {"perturbations": perturbations, "in_blocks": not variant.endswith(READABLE)}
    estimator = estimators.get(variant.removesuffix(READABLE), problem, network, len_unroll, objective, **options)
    estimate = tf.function(estimator.__call__, autograph=False)
    run = estimator.begin(unroll.start(problem, network, seeds.root(0)))

    def call():
        outer = estimate(run, seeds.root(1))
        outer.gradients[-1].numpy()
        outer.run.step.numpy()

    return call


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problem", default="quadratic", choices=["quadratic", "mnist", "cifar", "cifar-multi"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--len_unroll", type=int, default=20)
    parser.add_argument("--perturbations", type=int, default=4)
    parser.add_argument("--variants", default=",".join(estimators.ESTIMATORS))
    parser.add_argument("--threads", type=int, help="within an operation; with 1, one operation a core side by side")
    parser.add_argument("--data_dir", default=os.environ.get("L2L_DATA_DIR"))
    arguments = parser.parse_args()
    variants = arguments.variants.split(",")
    if unknown := set(variants) - set(VARIANTS):
        parser.error(f"variants are {VARIANTS}. Received: {sorted(unknown)}.")
    if arguments.threads:
        tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
        tf.config.threading.set_inter_op_parallelism_threads(os.cpu_count() or 1)
    data = {} if arguments.problem == "quadratic" else {"data_dir": arguments.data_dir}
    problem = problems.get(arguments.problem, **data)
    preset = presets.PRESETS["original"][arguments.problem]
    network = AssignedNetworks(
        {name: networks.get(net["net"], **net["net_options"]) for name, net in preset["networks"].items()},
        preset.get("net_assignments"),
    )
    calls = {
        name: outer_gradient(name, problem, network, arguments.len_unroll, arguments.perturbations) for name in variants
    }
    timings = timing.interleaved(calls, arguments.rounds)
    print(timing.table(timings))
    members = 2 * arguments.perturbations
    print(f"\nMembers a second ({members} members, and the unroll of phi itself, in each estimate):")
    for name in variants:
        if not name.startswith("backpropagation"):
            print(f"{name}: {members / np.median(timings[name].wall):.1f}")


if __name__ == "__main__":
    main()
