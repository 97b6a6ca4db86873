"""One meta-training step: an unroll of 20 steps, its outer gradient, Adam on phi. The fast path and the readable one.

    python -m benchmarks.unroll --problem=mnist [--rounds=7] [--threads=1] [--data_dir=FOLDER]
        [--second_derivatives] [--len_unroll=20] [--network=RNNProp] [--variants=tape,fast] [--quiet=0.1]

Variants: "tape" is `unroll.tape`, ordinary back-propagation through everything; "replay" the readable roll-out and
replay; "fast" the path that training takes, in native code where there is a compiler; "xla" the same in blocks
compiled by XLA, and "activations", "states" and "recompute" its memory modes; "stop-gradient" is "fast" without second
derivatives. All run in turn, round after round, in one process with the same threads.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_prefer_vector_width=512")

import tensorflow as tf

import problems
from benchmarks import timing
from l2l_tf import allocator, fast, networks, presets
from l2l_tf.training.outer_optimizer import OuterOptimizer
from l2l_tf.unrolling import seeds, unroll
from l2l_tf.unrolling.coordinates import AssignedNetworks
from l2l_tf.unrolling.objectives import trajectory_objective

VARIANTS = ("tape", "replay", "fast", "xla", *fast.MODES, "stop-gradient")


def optimizer_for(problem_name, network_name=None):
    """The original code's networks for the problem, or one network of that name for all parameters."""
    if network_name:
        return AssignedNetworks({network_name: networks.get(network_name)})
    preset = presets.PRESETS["original"][problem_name]
    return AssignedNetworks(
        {name: networks.get(net["net"], **net["net_options"]) for name, net in preset["networks"].items()},
        preset.get("net_assignments"),
    )


def meta_step(variant, problem, problem_name, len_unroll, second_derivatives, network_name=None):
    """A function that takes one meta-training step and waits for it. Each variant has a phi of its own."""
    network = optimizer_for(problem_name, network_name)
    optimizer = OuterOptimizer(network.trainable_variables, learning_rate=1e-3)
    objective = trajectory_objective(len_unroll)
    arguments = (problem, network)

    def outer_gradient(run):
        if variant == "tape":
            return unroll.tape(*arguments, run, len_unroll, objective, second_derivatives)
        if variant == "replay":
            trajectory = unroll.roll_out(*arguments, run, len_unroll, record_parameters=second_derivatives)
            return unroll.replay(*arguments, run, trajectory, objective, second_derivatives)
        memory = variant if variant in fast.MODES else None
        exact = second_derivatives and variant != "stop-gradient"
        in_native_code = variant in ("fast", "stop-gradient")
        return fast.outer_gradient(
            *arguments, run, len_unroll, objective, exact, memory=memory, in_native_code=in_native_code
        )

    @tf.function(autograph=False)
    def step(run):
        outer = outer_gradient(run)
        optimizer.apply(outer.gradients)
        return outer.meta_loss, outer.run

    start = unroll.start(problem, network, seeds.root(0))

    def call():
        meta_loss, run = step(start)
        meta_loss.numpy()
        run.step.numpy()

    return call


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problem", default="mnist", choices=["quadratic", "mnist", "cifar", "cifar-multi"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--len_unroll", type=int, default=20)
    parser.add_argument("--network", help="in place of the original code's")
    parser.add_argument("--second_derivatives", action="store_true")
    parser.add_argument("--variants", default="tape,replay,fast,xla")
    parser.add_argument("--threads", type=int, help="within an operation; with 1, one operation a core side by side")
    parser.add_argument("--data_dir", default=os.environ.get("L2L_DATA_DIR"))
    parser.add_argument("--quiet", type=float, default=1.0, help="other processes' share of the machine in a round")
    parser.add_argument("--patience", type=float, default=120.0, help="seconds to wait for quiet rounds")
    arguments = parser.parse_args()
    variants = arguments.variants.split(",")
    if unknown := set(variants) - set(VARIANTS):
        parser.error(f"variants are {VARIANTS}. Received: {sorted(unknown)}.")
    allocator.keep_one_heap()
    if arguments.threads:
        tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
        tf.config.threading.set_inter_op_parallelism_threads(os.cpu_count() or 1)
    data = {} if arguments.problem == "quadratic" else {"data_dir": arguments.data_dir}
    problem = problems.get(arguments.problem, **data)
    steps = {
        variant: meta_step(
            variant, problem, arguments.problem, arguments.len_unroll, arguments.second_derivatives, arguments.network
        )
        for variant in variants
    }
    print(timing.table(timing.interleaved(steps, arguments.rounds, arguments.quiet, arguments.patience)))


if __name__ == "__main__":
    main()
