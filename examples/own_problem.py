"""Train an optimizer for a class of problems of one's own, compare it with Adam on fresh ones, and use it.

    python examples/own_problem.py [--save_path=FOLDER] [--epochs=300] [--quick]

The problems: fit the amplitude and the rate of two decays to a curve, drawn anew each time. The optimizer: an LSTM
on each coordinate. Then the same optimizer in Keras, and as a SavedModel.
"""

import argparse
import os
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

from l2l_tf import LearnedOptimizer, MetaOptimizer, export_saved_model, networks
from l2l_tf.evaluation.evaluator import Evaluator
from l2l_tf.unrolling import seeds
from l2l_tf.unrolling.coordinates import AssignedNetworks
from problems import from_function

NUM_STEPS, UNROLL = 40, 20
TIMES = tf.linspace(0.0, 4.0, 30)


def decays(amplitudes, rates):
    """The curve `[30]` of two decays."""
    return tf.reduce_sum(amplitudes * tf.exp(-tf.exp(rates) * TIMES[:, None]), 1)


def sample(seed):
    """A curve to fit."""
    drawn = tf.random.stateless_normal([2, 2], seed)
    return decays(drawn[0], 0.5 * drawn[1])


def loss(parameters, curve):
    """The mean squared distance from the curve."""
    return tf.reduce_mean(tf.square(decays(parameters["amplitudes"], parameters["rates"]) - curve))


def initial_parameters(seed):
    """Where a run starts."""
    return {"amplitudes": 0.1 * tf.random.stateless_normal([2], seed), "rates": tf.constant([-0.5, 0.5])}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--save_path", help="folder for the optimizer; by default it is not kept")
    parser.add_argument("--epochs", type=int, default=300, help="runs to learn from")
    parser.add_argument("--quick", action="store_true", help="a few runs, to see that it works, not to win")
    arguments = parser.parse_args()
    epochs, num_draws, num_rates = (3, 2, 2) if arguments.quick else (arguments.epochs, 50, 12)
    problem = from_function(loss, initial_parameters, sample, name="decays")

    options = {"layers": [20], "preprocess_name": "LogAndSign", "preprocess_options": {"k": 10.0}, "scale": 0.1}
    optimizer = MetaOptimizer(lstm=networks.get("CoordinateWiseDeepLSTM", **options))
    training = optimizer.meta_minimize(problem, UNROLL, learning_rate=0.01)
    for epoch in range(epochs):
        training.reset(epoch)
        for _ in range(NUM_STEPS // UNROLL):
            step = training.step()
        if epoch % max(1, epochs // 5) == 0:
            print(f"epoch {epoch:4d}  final loss {step.fx:.4f}")

    def final_loss(network):
        evaluate = Evaluator(problem, network, NUM_STEPS)
        return lambda: float(np.mean(evaluate(seeds.root(2**40), num_draws).final()))

    print(f"after {NUM_STEPS} steps on {num_draws} fresh problems, mean loss")
    print(f"  learned      {final_loss(AssignedNetworks(optimizer.networks))():.4f}")
    adam = networks.get("Adam")
    adam_final_loss = final_loss(AssignedNetworks({"adam": adam}))
    losses = {}
    for rate in np.geomspace(0.003, 1.0, num_rates):
        adam.learning_rate.assign(rate)
        losses[rate] = adam_final_loss()
    best = min(losses, key=losses.get)
    print(f"  Adam         {losses[best]:.4f}  (learning rate {best:.3f}, the best of {num_rates})")

    with tempfile.TemporaryDirectory() as folder:
        path = arguments.save_path or os.path.join(folder, "decays")
        optimizer.save(path)

        # In Keras, on variables.
        curve = sample(seeds.root(1))
        parameters = {name: tf.Variable(value) for name, value in initial_parameters(seeds.root(2)).items()}
        keras_optimizer = LearnedOptimizer(path)
        for _ in range(NUM_STEPS):
            with tf.GradientTape() as tape:
                fx = loss(parameters, curve)
            gradients = tape.gradient(fx, list(parameters.values()))
            keras_optimizer.apply(gradients, list(parameters.values()))
        print(f"one curve fitted by LearnedOptimizer: loss {fx:.4f}")

        # For programs that have TensorFlow and nothing else: examples/saved_model_only_tensorflow.py.
        export_saved_model(path, os.path.join(folder, "saved_model"))
        print(f"SavedModel of {len(os.listdir(os.path.join(folder, 'saved_model')))} files")


if __name__ == "__main__":
    main()
