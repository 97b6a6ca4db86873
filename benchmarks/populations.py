"""Inner steps a second of populations: PES on a small task, beside the task's own gradients and one run after another.

    python -m benchmarks.populations [--network=AdafactorMLP] [--perturbations=16] [--len_unroll=50] [--rounds=5]
        [--variants=populations,one-by-one,optimizee]

The task is an MLP 64-32-10 with ReLU on 8x8 images of ten noisy patterns, in minibatches of 64. "populations" is what
training takes, "one-by-one" one member after the other, each as a run of its own is taken, "readable" the same on the
readable path, and "optimizee" the losses and gradients of as many members side by side, compiled, and no optimizer.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

from benchmarks import timing
from l2l_tf import allocator, estimators, networks
from l2l_tf.fast import population as fast_population
from l2l_tf.unrolling import optimizee, seeds, unroll
from l2l_tf.unrolling.coordinates import AssignedNetworks
from l2l_tf.unrolling.objectives import trajectory_objective
from problems.image import ImageClassification
from problems.layers import Mlp

VARIANTS = ("populations", "one-by-one", "readable", "optimizee")


def task(batch_size=64, num_images=2000):
    """An MLP 64-32-10 on images of ten patterns with noise."""
    generator = np.random.default_rng(0)
    patterns = generator.uniform(0, 200, (10, 8, 8, 1))
    labels = generator.integers(0, 10, num_images)
    images = np.clip(patterns[labels] + generator.normal(0, 40, (num_images, 8, 8, 1)), 0, 255).astype(np.uint8)

    def load(split):
        del split
        return tf.constant(images), tf.constant(labels, tf.int32)

    problem = ImageClassification(
        Mlp(64, [32], 10, "relu"), load, batch_size=batch_size, stddev=0.1, validation_size=num_images // 10
    )
    problem.name, problem.options = "patterns", {}
    return problem


def estimate(problem, network_name, len_unroll, perturbations, in_blocks=True, side_by_side=True):
    """A function that makes one estimate and waits for it."""
    network = AssignedNetworks({network_name: networks.get(network_name)})
    pes = estimators.get(
        "pes",
        problem,
        network,
        len_unroll,
        trajectory_objective(len_unroll, "mean"),
        perturbations=perturbations,
        in_blocks=in_blocks,
    )
    call = tf.function(pes.__call__, autograph=False)
    run = pes.begin(unroll.start(problem, network, seeds.root(0)))

    def once():
        outer = call(run, seeds.root(1))
        outer.gradients[-1].numpy()

    largest = fast_population.LARGEST
    fast_population.LARGEST = largest if side_by_side else 0
    once()  # Traced as it is now.
    fast_population.LARGEST = largest
    return once


def optimizee_alone(problem, len_unroll, members):
    """A function that takes as many losses and gradients, in steps of gradient descent."""
    run = unroll.start(problem, AssignedNetworks({"Sgd": networks.get("Sgd")}), seeds.root(0))._replace(state=())

    @tf.function(autograph=False, jit_compile=True)
    def step(parameters, minibatch):
        def of(own):
            now = run._replace(parameters=own, minibatch=minibatch)
            _, gradients = optimizee.value_and_gradient(problem.loss, now)
            return {name: value - 0.1 * gradients[name] for name, value in own.items()}

        return tf.vectorized_map(of, parameters)

    @tf.function(autograph=False)
    def steps(parameters):
        def body(t, parameters):
            minibatch = seeds.fold(run.seed, t)
            halves = [{name: p[begin::2] for name, p in parameters.items()} for begin in range(2)]
            halves = [step(half, minibatch) for half in halves]
            return t + 1, {name: tf.concat([half[name] for half in halves], 0) for name in parameters}

        return tf.while_loop(lambda t, _: t < len_unroll, body, (tf.constant(0), parameters))[1]

    start = {name: tf.repeat(p[tf.newaxis], members, axis=0) for name, p in run.parameters.items()}

    def once():
        next(iter(steps(start).values())).numpy()

    return once


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", default="AdafactorMLP")
    parser.add_argument("--perturbations", type=int, default=16)
    parser.add_argument("--len_unroll", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--variants", default="populations,one-by-one,optimizee")
    arguments = parser.parse_args()
    variants = arguments.variants.split(",")
    if unknown := set(variants) - set(VARIANTS):
        parser.error(f"variants are {VARIANTS}. Received: {sorted(unknown)}.")
    allocator.keep_one_heap()
    problem, members = task(), 2 * arguments.perturbations
    of_network = (problem, arguments.network, arguments.len_unroll, arguments.perturbations)
    make = {
        "populations": lambda: estimate(*of_network),
        "one-by-one": lambda: estimate(*of_network, side_by_side=False),
        "readable": lambda: estimate(*of_network, in_blocks=False),
        "optimizee": lambda: optimizee_alone(problem, arguments.len_unroll, members),
    }
    timings = timing.interleaved({name: make[name]() for name in variants}, arguments.rounds)
    print(timing.table(timings))
    print(f"\nInner steps a second, of {members} members, by the wall clock and by CPU time on {os.cpu_count()} cores:")
    steps = members * arguments.len_unroll
    for name in variants:
        wall, cpu = np.median(timings[name].wall), np.median(timings[name].cpu)
        print(f"{name}: {steps / wall:,.0f}  {steps * (os.cpu_count() or 1) / cpu:,.0f}")


if __name__ == "__main__":
    main()
