"""What one application of LearnedOptimizer costs, next to the straightforward implementation and to Keras's Adam.

    python -m benchmarks.keras_application [--network RNNProp] [--parameters 100000 1000000] [--rounds 15] [--jit]

All are run in turn, round after round, so that the ratios hold on a machine with other work. The straightforward
implementation is a Keras optimizer whose `update_step` calls the network on each variable. With several names after
--network, their LearnedOptimizers are compared with the first.
"""

import argparse
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import tensorflow as tf

from l2l_tf import LearnedOptimizer, networks
from l2l_tf.networks import Observation

OPTIONS = {
    "CoordinateWiseDeepLSTM": {"preprocess_name": "LogAndSign", "preprocess_options": {"k": 10.0}, "scale": 0.1},
    "HierarchicalLSTM": {"losses": []},
}


class Straightforward(keras.optimizers.Optimizer):
    """One call of the network for each variable."""

    def __init__(self, network):
        super().__init__(learning_rate=1.0)
        self.rule = network

    def build(self, variables):
        super().build(variables)
        self.state = [
            [self.add_variable(tuple(h.shape)) for h in tf.nest.flatten(self.rule.initial_state({"x": v}))]
            for v in variables
        ]
        self.like = self.rule.initial_state({"x": tf.zeros([1])})

    def update_step(self, gradient, variable, learning_rate):
        state = self.state[self._get_variable_index(variable)]
        packed = tf.nest.pack_sequence_as(self.like, [tf.convert_to_tensor(h) for h in state])
        updates, next_state = self.rule(Observation({"x": gradient}), packed)
        for old, new in zip(state, tf.nest.flatten(next_state)):
            self.assign(old, new)
        self.assign_add(variable, updates["x"] * learning_rate)


def shapes_of(num_parameters):
    """A net of three layers with about `num_parameters` entries."""
    width = int((-786 + (786**2 + 4 * (num_parameters - 10)) ** 0.5) / 2)
    last = num_parameters - (784 * width + width + width * width + width)
    return [(784, width), (width,), (width, width), (width,), (last,)]


def measure(optimizers, num_parameters, rounds, jit=False):
    """Optimizer name to its times in seconds, one a round."""
    shapes = shapes_of(num_parameters)
    gradients = [tf.random.stateless_normal(shape, [0, i]) for i, shape in enumerate(shapes)]
    runs = {}
    for name, optimizer in optimizers.items():
        variables = [tf.Variable(tf.zeros(shape)) for shape in shapes]
        optimizer.build(variables)
        apply = tf.function(lambda gs, opt=optimizer, vs=variables: opt.apply(gs, vs), jit_compile=jit or None)
        start = time.perf_counter()
        apply(gradients)
        print(f"  {name}: first call {time.perf_counter() - start:.1f} s", flush=True)
        runs[name] = apply
    times = {name: [] for name in runs}
    for _ in range(rounds):
        for name, apply in runs.items():
            start = time.perf_counter()
            apply(gradients)
            times[name].append(time.perf_counter() - start)
    return times


def build(name):
    return networks.get(name, **OPTIONS.get(name, {}))


def against_straightforward(name, num_parameters, rounds, jit=False):
    """Prints the table of one coordinatewise network."""
    network = build(name)
    optimizers = {"straightforward": Straightforward(network), "LearnedOptimizer": LearnedOptimizer(network)}
    if name == "CoordinateWiseDeepLSTM":
        optimizers["LearnedOptimizer, bfloat16"] = LearnedOptimizer(network, state_dtype="bfloat16")
    optimizers["keras.optimizers.Adam"] = keras.optimizers.Adam()
    _print(measure(optimizers, num_parameters, rounds, jit), ("straightforward", "keras.optimizers.Adam"))


def compare(names, num_parameters, rounds, jit=False):
    """Prints the table of several networks against the first."""
    optimizers = {name: LearnedOptimizer(build(name)) for name in names}
    optimizers["keras.optimizers.Adam"] = keras.optimizers.Adam()
    _print(measure(optimizers, num_parameters, rounds, jit), (names[0], "keras.optimizers.Adam"))


def _print(times, references):
    heads = [f"of {name.removeprefix('keras.optimizers.')}" for name in references]
    print(f"| | ms, median | ms, best | {' | '.join(heads)} |\n| --- | --- | --- | --- | --- |")
    for name, of_name in times.items():
        ratios = [statistics.median(a / b for a, b in zip(of_name, times[other])) for other in references]
        median, best = statistics.median(of_name) * 1e3, min(of_name) * 1e3
        print(f"| {name} | {median:.1f} | {best:.1f} | {ratios[0]:.2f} | {ratios[1]:.1f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--network", nargs="+", default=["CoordinateWiseDeepLSTM"], help="a coordinatewise LSTM, or several networks"
    )
    parser.add_argument("--parameters", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--jit", action="store_true", help="compile the whole application")
    arguments = parser.parse_args()
    for num_parameters in arguments.parameters:
        names = ", ".join(arguments.network)
        print(f"{names}, {num_parameters:,} parameters{', jit_compile=True' if arguments.jit else ''}")
        if len(arguments.network) == 1:
            against_straightforward(names, num_parameters, arguments.rounds, arguments.jit)
        else:
            compare(arguments.network, num_parameters, arguments.rounds, arguments.jit)


if __name__ == "__main__":
    main()
