"""Can a controller learn to clip gradients by their norm? With global averaging cells, by regression.

    python -m experiments.paper.information.clipping --steps=20000 --seeds=3 --output=results/bfgs/clipping.json

Appendix B of Andrychowicz et al. 2016 says that averaging cells are enough for L2 clipping. The network sees one
gradient and is fitted by Adam to give it back clipped to norm 1. Gradients have random directions and norms of 1/2 to
2. The error is that of all held-out updates together, sqrt(sum |u - clipped|^2 / sum |clipped|^2).
"""

import argparse
import json
from pathlib import Path

import numpy as np
import tensorflow as tf

from l2l_tf import networks
from l2l_tf.networks import Observation
from l2l_tf.saving import files, provenance
from l2l_tf.unrolling import seeds

COORDINATES = 10
LARGEST_NORM = 2.0
_BATCH = 128
_HELD_OUT = 4096


def draw(num_functions: int, seed: tf.Tensor, largest_norm: float = LARGEST_NORM) -> tuple[tf.Tensor, tf.Tensor]:
    """Gradients `[functions, n]`, and the same clipped to norm 1."""
    direction = tf.random.stateless_normal([num_functions, COORDINATES], seeds.fold(seed, 0))
    log_norm = tf.random.stateless_uniform([num_functions, 1], seeds.fold(seed, 1), -1.0, 1.0) * np.log(largest_norm)
    gradients = tf.math.l2_normalize(direction, axis=1) * tf.exp(log_norm)
    return gradients, tf.clip_by_norm(gradients, 1.0, axes=[1])


def fit(global_cells: int, num_steps: int, seed: int, layers=(20, 20), learning_rate: float = 3e-2) -> float:
    """The error on held-out gradients after `num_steps` of Adam, its rate falling to 0 along a cosine."""
    network = networks.get("GlobalAveragingLSTM", layers=layers, global_cells=global_cells, function_axis=0, seed=seed)
    variables = list(network.trainable_variables)
    root = seeds.root(seed)

    def updates(gradients):
        return network(Observation({"x": gradients}), network.initial_state({"x": gradients}))[0]["x"]

    @tf.function(jit_compile=True)
    def loss_and_gradient(gradients, clipped):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(updates(gradients) - clipped)) / tf.reduce_sum(tf.square(clipped))
        return loss, tape.gradient(loss, variables)

    moments = [(tf.Variable(tf.zeros_like(v)), tf.Variable(tf.zeros_like(v))) for v in variables]

    @tf.function
    def train(first, count):
        for step in tf.range(first, first + count):
            t = tf.cast(step, tf.float32)
            rate = learning_rate * 0.5 * (1 + tf.cos(np.pi * t / num_steps))
            rate *= tf.sqrt(1 - 0.999 ** (t + 1)) / (1 - 0.9 ** (t + 1))
            _, gradient = loss_and_gradient(*draw(_BATCH, seeds.fold(root, step)))
            for variable, (mean, square), g in zip(variables, moments, gradient):
                mean.assign(0.9 * mean + 0.1 * g)
                square.assign(0.999 * square + 0.001 * g * g)
                variable.assign_sub(rate * mean / (tf.sqrt(square) + 1e-8))

    train(tf.constant(0), tf.constant(num_steps))
    held_out, _ = loss_and_gradient(*draw(_HELD_OUT, seeds.fold(root, num_steps)))
    return float(tf.sqrt(held_out))


def best_coordinatewise_error(num_functions: int = 1_000_000, num_bins: int = 2000) -> float:
    """The error of the best rule u_i = r(g_i) there is: r averages the clipped gradient given one coordinate."""
    gradients, clipped = (tensor.numpy().ravel() for tensor in draw(num_functions, seeds.root(0)))
    edges = np.quantile(gradients, np.linspace(0, 1, num_bins + 1)[1:-1])
    bins = np.digitize(gradients, edges)
    rule = np.bincount(bins, clipped, num_bins) / np.bincount(bins, minlength=num_bins)
    return float(np.sqrt(np.sum((rule[bins] - clipped) ** 2) / np.sum(clipped**2)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    results = {
        "command": "python -m experiments.paper.information.clipping "
        f"--steps={arguments.steps} --seeds={arguments.seeds}",
        "date": provenance.date(),
        "best_coordinatewise_rule": best_coordinatewise_error(),
    }
    for global_cells in (0, 5):
        errors = [fit(global_cells, arguments.steps, seed) for seed in range(arguments.seeds)]
        results[f"global_cells={global_cells}"] = errors
        print(f"{global_cells} averaging cells: {errors}", flush=True)
    files.write(arguments.output, json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
