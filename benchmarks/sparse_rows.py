"""What sparse rows and outliers do to a rule: an embedding trained by it, and one coordinate whose gradient stands out.

    python -m benchmarks.sparse_rows [--optimizer=mnist_per_parameter] [--steps=200] [--rows=5000]

The embedding: rows of 32, of which 35 % occur in the data, as often as Zipf's law has it; the mean of the 100 rows of a
text, a layer of 32, two classes; batches of 32. Adam is Keras's, at its default rate. Shown are loss and accuracy over
the last fifth of the steps, how far rows that no minibatch showed have moved, and the largest entry of the others.

The outlier: a tensor of 8,192 coordinates, whose gradients are noise of standard deviation 0.01 but for the first,
which is constant at R times that. Shown is its update at step 50, and the mean size of the others'.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

from l2l_tf import LearnedOptimizer, pretrained
from l2l_tf.networks import Observation
from l2l_tf.saving import saved_optimizer

TEXTS, LENGTH, WIDTH, BATCH = 2000, 100, 32, 32
OUTLIERS = (1, 10, 30, 100)


def texts(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the embedding by text, and the texts' classes: on which side of the median their mean score is."""
    generator = np.random.default_rng(0)
    used = int(0.35 * rows)
    frequency = 1 / np.arange(1, used + 1)
    shown = generator.permutation(rows)[:used]
    x = shown[generator.choice(used, size=(TEXTS, LENGTH), p=frequency / frequency.sum())]
    score = generator.normal(size=rows)[x].mean(1)
    return x, (score > np.median(score)).astype(np.int64)


def embedding(optimizer: str, steps: int, rows: int) -> str:
    """A line about the training."""
    x, y = texts(rows)
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Embedding(rows, WIDTH), keras.layers.GlobalAveragePooling1D()]
    layers += [keras.layers.Dense(32, "relu"), keras.layers.Dense(2)]
    model = keras.Sequential([keras.Input((LENGTH,), dtype="int32"), *layers])
    built = keras.optimizers.Adam() if optimizer == "adam" else LearnedOptimizer(optimizer)
    model.compile(built, keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    before = model.layers[0].get_weights()[0]
    for fifth in range(5):
        data = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(TEXTS, seed=fifth).repeat().batch(BATCH)
        history = model.fit(data.take(steps // 5), verbose=0).history
    after = model.layers[0].get_weights()[0]
    unseen = np.setdiff1d(np.arange(rows), x)
    moved, largest = np.abs(after - before)[unseen].max(), np.abs(np.delete(after, unseen, axis=0)).max()
    return (
        f"{optimizer}: loss {history['loss'][0]:.3g}, accuracy {history['accuracy'][0]:.2f}; rows never shown moved by "
        f"{moved:.3g}, largest entry of the others {largest:.3g} (standard deviation at the start {before.std():.3f})"
    )


def outlier(optimizer: str, ratio: float) -> str:
    """A line about the one coordinate."""
    network = saved_optimizer.load(pretrained.folder(optimizer)).networks["network"]
    generator = np.random.default_rng(0)
    parameters = {"x": tf.constant(generator.normal(size=(256, 32)) * 0.03, tf.float32)}
    state, call = network.initial_state(parameters), tf.function(network.__call__)
    for step in range(50):
        gradient = generator.normal(size=(256, 32)) * 0.01
        gradient[0, 0] = 0.01 * ratio
        observation = Observation({"x": tf.constant(gradient, tf.float32)}, parameters, step=tf.constant(float(step)))
        updates, state = call(observation, state)
        parameters = {"x": parameters["x"] + updates["x"]}
    sizes = np.abs(updates["x"].numpy()).ravel()
    return f"{optimizer}: R = {ratio}: update {sizes[0]:.3g}, others {sizes[1:].mean():.3g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--optimizer", default="mnist_per_parameter")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rows", type=int, default=5000)
    options = parser.parse_args()
    print(embedding(options.optimizer, options.steps, options.rows), flush=True)
    if options.optimizer != "adam":
        for ratio in OUTLIERS:
            print(outlier(options.optimizer, ratio), flush=True)


if __name__ == "__main__":
    main()
