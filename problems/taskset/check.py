"""Takes every family through its paces: `python -m problems.taskset.check [--families=mlp,nvp] [--seeds=50]`.

Of each task: sample, to JSON and back, build, 20 steps of Adam. Prints a line a family: how many tasks' losses fell, on
the same minibatches before and after, how many ended without a finite loss, whose some parameter had no gradient at all
at the start. A parameter may have a gradient of 0 there: sigmoids of large sums are flat to the last bit.
"""

import argparse
import json
import math
import os
import sys
import time
from typing import Any, NamedTuple

from problems import taskset

_STEPS, _LEARNING_RATE, _COMPARED = 20, 1e-3, 5


class Outcome(NamedTuple):
    """What became of a task.

    Attributes:
      before, after: the mean loss over the same minibatches.
      unconnected: the parameters that the loss does not depend on.
      flat: those with a gradient of 0 at the start.
      parameters: how many numbers.
      seconds: in all.
    """

    before: float
    after: float
    unconnected: tuple[str, ...]
    flat: tuple[str, ...]
    parameters: int
    seconds: float

    @property
    def fell(self) -> bool:
        """Whether the loss fell, from a finite one to a finite one."""
        return math.isfinite(self.before) and math.isfinite(self.after) and self.after < self.before


def run(config: dict[str, Any], data_dir: str | None = None, steps: int = _STEPS) -> Outcome:
    """Builds a task and takes it `steps` steps of Adam down."""
    import tensorflow as tf

    began = time.perf_counter()
    problem = taskset.build(config, data_dir)
    seeds = tf.stack([tf.zeros([_COMPARED], tf.int32), tf.range(_COMPARED)], 1)

    @tf.function(autograph=False)
    def mean(parameters):
        def add(i, total):
            return i + 1, total + problem.loss(parameters, (), seeds[i])

        return tf.while_loop(lambda i, _: i < _COMPARED, add, (0, 0.0))[1] / _COMPARED

    connected: dict[str, bool] = {}

    @tf.function(autograph=False)
    def step(t, parameters, m, v):
        with tf.GradientTape() as tape:
            tape.watch(parameters)
            loss = problem.loss(parameters, (), tf.stack([1, t]))
        gradients = tape.gradient(loss, parameters)
        connected.update({name: gradient is not None for name, gradient in gradients.items()})
        g = {
            name: tf.zeros_like(p) if gradients[name] is None else tf.convert_to_tensor(gradients[name])
            for name, p in parameters.items()
        }
        m = {name: 0.9 * m[name] + 0.1 * g[name] for name in g}
        v = {name: 0.999 * v[name] + 0.001 * tf.square(g[name]) for name in g}
        power = tf.cast(t + 1, tf.float32)
        rate = _LEARNING_RATE * tf.sqrt(1 - 0.999**power) / (1 - 0.9**power)
        moved = {name: p - rate * m[name] / (tf.sqrt(v[name]) + 1e-8) for name, p in parameters.items()}
        return moved, m, v, {name: tf.reduce_max(tf.abs(value)) for name, value in g.items()}

    parameters = problem.initial_parameters((), tf.constant([2, 0]))
    before = float(mean(parameters))
    m = v = {name: tf.zeros_like(p) for name, p in parameters.items()}
    flat: tuple[str, ...] = ()
    for t in range(steps):
        parameters, m, v, largest = step(tf.constant(t), parameters, m, v)
        if not t:
            flat = tuple(name for name, value in largest.items() if float(value) == 0)
    after = float(mean(parameters))
    count = sum(math.prod(p.shape) for p in parameters.values())
    unconnected = tuple(name for name, is_connected in connected.items() if not is_connected)
    return Outcome(before, after, unconnected, flat, count, time.perf_counter() - began)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--families", default=",".join(taskset.FAMILIES), help="names with commas")
    parser.add_argument("--seeds", type=int, default=50, help="tasks of each family")
    parser.add_argument("--data", default="prepared", help="prepared or synthetic")
    parser.add_argument("--data_dir", default=None, help="by default the environment variable L2L_DATA_DIR")
    parser.add_argument("--verbose", action="store_true", help="a line a task that did not fall")
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")  # Every task is a function of its own, and TensorFlow warns of many.
    print(f"{'family':26} tasks fell not finite unconnected flat at 0  parameters  seconds", flush=True)
    failed = False
    for family in arguments.families.split(","):
        outcomes = []
        for seed in range(arguments.seeds):
            config = taskset.sample(family, seed, arguments.data)
            assert json.loads(json.dumps(config)) == config
            outcome = run(config, arguments.data_dir)
            outcomes.append(outcome)
            if arguments.verbose and not outcome.fell:
                kind = config.get("kind", "")
                print(f"  {family} {seed} {kind}: {outcome.before:g} to {outcome.after:g}", flush=True)
        fell = sum(outcome.fell for outcome in outcomes)
        infinite = sum(not math.isfinite(outcome.before + outcome.after) for outcome in outcomes)
        unconnected = sum(bool(outcome.unconnected) for outcome in outcomes)
        flat = sum(bool(outcome.flat) for outcome in outcomes)
        sizes = [outcome.parameters for outcome in outcomes]
        seconds = sum(outcome.seconds for outcome in outcomes)
        print(
            f"{family:26} {len(outcomes):5} {fell:4} {infinite:10} {unconnected:11} {flat:9}  "
            f"{min(sizes)}-{max(sizes)}  {seconds:.0f}",
            flush=True,
        )
        failed |= fell < 0.8 * len(outcomes) or unconnected > 0
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
