"""A learned optimizer in a program that imports TensorFlow and nothing else.

    python examples/saved_model_only_tensorflow.py --saved_model=FOLDER [--steps=100]

The folder comes from `train.py --export=FOLDER`, or from

    python -c "import l2l_tf; l2l_tf.export_saved_model('mnist', 'FOLDER')"

on a machine with l2l_tf. The Rosenbrock function is minimised.
"""

import argparse
import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf


def loss_of(parameters):
    x, y = parameters["x"], parameters["y"]
    return tf.reduce_mean((1 - x) ** 2 + 100 * (y - x**2) ** 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--saved_model", required=True)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--quick", action="store_true", help="a few steps, to see that it runs")
    arguments = parser.parse_args()
    steps = 10 if arguments.quick else arguments.steps

    learned = tf.saved_model.load(arguments.saved_model)
    print("network:", json.loads(learned.metadata().numpy())["network"])

    def flatten(tensors):
        return tf.concat([tf.reshape(tensors[name], [-1]) for name in sorted(tensors)], 0)

    def unflatten(flat, like):
        names = sorted(like)
        parts = tf.split(flat, [like[name].shape.num_elements() for name in names])
        return {name: tf.reshape(part, like[name].shape) for name, part in zip(names, parts)}

    @tf.function
    def step(parameters, state):
        with tf.GradientTape() as tape:
            tape.watch(parameters)
            loss = loss_of(parameters)
        gradients = tape.gradient(loss, parameters)
        updates, state = learned.update(flatten(gradients), state)
        updates = unflatten(updates, parameters)
        return {name: value + updates[name] for name, value in parameters.items()}, state, loss

    parameters = {"x": tf.fill([3], -1.0), "y": tf.ones([3])}
    state = learned.initial_state(6)
    for t in range(steps):
        parameters, state, loss = step(parameters, state)
        if t % max(1, steps // 5) == 0 or t == steps - 1:
            print(f"step {t:4d}  loss {loss:.4f}")


if __name__ == "__main__":
    main()
