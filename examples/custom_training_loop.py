"""A training loop of one's own with a learned optimizer: GradientTape, `apply_gradients`, checkpoints.

    python examples/custom_training_loop.py [--optimizer=NAME_OR_FOLDER] [--steps=100]

Points on two interleaved spirals are classified; no data set is needed.
"""

import argparse
import os
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

from l2l_tf import LearnedOptimizer


def spirals(num_points, seed=0):
    """Points `[num_points, 2]` and which of two spirals each is on."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, num_points)
    along = generator.uniform(0.5, 3.0, num_points)
    angle = 2 * along + np.pi * labels
    points = along[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    return (points + generator.normal(scale=0.1, size=points.shape)).astype(np.float32), labels


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--optimizer", default="mnist", help="a pretrained name or the folder of a saved optimizer")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--quick", action="store_true", help="a few steps, to see that it runs")
    arguments = parser.parse_args()
    steps = 10 if arguments.quick else arguments.steps

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(20, "sigmoid"), keras.layers.Dense(2)])
    optimizer = LearnedOptimizer(arguments.optimizer)
    optimizer.build(model.trainable_variables)
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    points, labels = spirals(1000)

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = cross_entropy(y, model(x))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        return loss

    generator = np.random.default_rng(1)
    for t in range(steps):
        batch = generator.integers(0, len(points), 128)
        loss = step(tf.constant(points[batch]), tf.constant(labels[batch]))
        if t % max(1, steps // 5) == 0 or t == steps - 1:
            print(f"step {t:4d}  loss {loss:.4f}")
    print(f"gradients left out as NaN or infinite: {optimizer.nonfinite_gradients.numpy()}")

    # A checkpoint holds the optimizer's state and the weights of its rule.
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = tf.train.Checkpoint(model=model, optimizer=optimizer)
        path = checkpoint.save(os.path.join(folder, "checkpoint"))
        checkpoint.restore(path).assert_consumed()
    print(f"restored at step {optimizer.iterations.numpy()}")


if __name__ == "__main__":
    main()
