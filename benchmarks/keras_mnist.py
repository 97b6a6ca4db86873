"""LearnedOptimizer against Adam in Keras on MNIST, at steps 100 and 1,000: the table of a model card.

    python -m benchmarks.keras_mnist [--optimizer=mnist] [--seeds=5] [--data_dir=FOLDER] [--output=FILE.json]

Models in Keras's own initialisation, cross entropy, batches of 128. Adam runs at Keras's default rate and at 12 rates
from 1e-4 to 0.3, of which the best is chosen for each model and step by the mean over the seeds. Each seed draws the
weights and the order of the images, the same for every optimizer. The numbers are the mean over seeds of the loss on
10,000 training images (the first of TFDS's order), and their standard error.
"""

import argparse
import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

from l2l_tf import LearnedOptimizer
from l2l_tf.saving import provenance
from problems import datasets

BATCH = 128
RATES = np.geomspace(1e-4, 0.3, 12)


def _mlp(*hidden, activation="sigmoid"):
    layers = [keras.layers.Dense(size, activation) for size in hidden]
    return keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), *layers, keras.layers.Dense(10)])


def _convnet():
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(8, 5, strides=2, activation="relu"),
            keras.layers.Conv2D(16, 3, strides=2, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(10),
        ]
    )


MODELS = {
    "sigmoid 784-20-10": lambda: _mlp(20),
    "ReLU 784-20-10": lambda: _mlp(20, activation="relu"),
    "sigmoid 784-100-10": lambda: _mlp(100),
    "sigmoid 784-20-20-10": lambda: _mlp(20, 20),
    "convnet, ReLU": _convnet,
}


class Racer:
    """One model under one optimizer; traced once, started again for every seed and rate.

    Args:
      build: makes the model, with weights drawn from Keras's seed.
      optimizer: of the model.
      images, labels: MNIST as TFDS has it.
      measured: the number of images, the first, on which the loss is measured.
    """

    def __init__(self, build, optimizer, images, labels, measured):
        self._build = build
        self._model = model = build()
        self._optimizer = optimizer
        optimizer.build(model.trainable_variables)
        self._fresh = [variable.numpy() for variable in optimizer.variables]
        cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

        def pixels(rows):
            return tf.cast(tf.gather(images, rows), tf.float32) / 255

        @tf.function
        def advance(seed, first, last):
            for t in tf.range(first, last):
                rows = tf.random.stateless_uniform([BATCH], [seed, t], 0, len(images), tf.int32)
                with tf.GradientTape() as tape:
                    loss = cross_entropy(tf.gather(labels, rows), model(pixels(rows)))
                optimizer.apply(tape.gradient(loss, model.trainable_variables))

        @tf.function
        def measure():
            return cross_entropy(labels[:measured], model(pixels(tf.range(measured))))

        self._advance, self._measure = advance, measure

    def __call__(self, seed, steps, learning_rate=None):
        """The loss after each of `steps`, from the weights and on the batches of `seed`."""
        keras.utils.set_random_seed(seed)
        self._model.set_weights(self._build().get_weights())
        for variable, value in zip(self._optimizer.variables, self._fresh):
            variable.assign(value)
        if learning_rate is not None:
            self._optimizer.learning_rate = learning_rate
        losses, first = [], 0
        for last in steps:
            self._advance(tf.constant(seed), tf.constant(first), tf.constant(last))
            losses.append(float(self._measure()))
            first = last
        return losses


def compare(build, optimizer, data, seeds, steps, rates):
    """Optimizer name to losses `[seeds, steps]`, and Adam's best rate at each step."""
    learned = Racer(build, LearnedOptimizer(optimizer), *data, measured=10_000)
    adam = Racer(build, keras.optimizers.Adam(), *data, measured=10_000)
    runs = {
        "learned": np.array([learned(seed, steps) for seed in range(seeds)]),
        "Adam, default": np.array([adam(seed, steps) for seed in range(seeds)]),
    }
    tuned = np.array([[adam(seed, steps, float(rate)) for seed in range(seeds)] for rate in rates])
    best = np.nan_to_num(tuned, nan=np.inf).mean(1).argmin(0)
    runs["Adam, best of rates"] = np.stack([tuned[best[t], :, t] for t in range(len(steps))], 1)
    return runs, [float(rates[i]) for i in best]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--optimizer", default="mnist", help="a pretrained name or the folder of a saved optimizer")
    parser.add_argument("--seeds", type=int, default=5, help="at least 2")
    parser.add_argument("--steps", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--num_rates", type=int, default=len(RATES))
    parser.add_argument("--data_dir", help="of TFDS")
    parser.add_argument("--output", help="JSON file for the numbers and where they are from")
    arguments = parser.parse_args()

    images, labels = datasets.load("mnist", "train", arguments.data_dir)
    rates = RATES if arguments.num_rates == len(RATES) else np.geomspace(RATES[0], RATES[-1], arguments.num_rates)
    results = {}
    print(f"| model | step | learned | Adam, default | Adam, best of {len(rates)} rates | learned / best |", flush=True)
    print("| --- | --- | --- | --- | --- | --- |", flush=True)
    for name in arguments.models:
        runs, best = compare(
            MODELS[name], arguments.optimizer, (images, labels), arguments.seeds, arguments.steps, rates
        )
        results[name] = {"best_rates": best, **{run: losses.tolist() for run, losses in runs.items()}}
        for t, step in enumerate(arguments.steps):
            means = {run: losses[:, t].mean() for run, losses in runs.items()}
            errors = {run: losses[:, t].std(ddof=1) / len(losses) ** 0.5 for run, losses in runs.items()}
            cells = [f"{means[run]:.3f} ± {errors[run]:.3f}" for run in runs]
            ratio = means["learned"] / means["Adam, best of rates"]
            print(f"| {name} | {step} | {' | '.join(cells)} ({best[t]:.2g}) | {ratio:.2f} |", flush=True)
    if arguments.output:
        facts = {"provenance": provenance.provenance(0), "steps": arguments.steps, "seeds": arguments.seeds}
        with open(arguments.output, "w") as file:
            json.dump({**facts, "losses": results}, file, indent=2)


if __name__ == "__main__":
    main()
