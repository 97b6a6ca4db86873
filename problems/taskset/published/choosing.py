"""Makes the published list: `python -m problems.taskset.published.choosing --output=tasks.json`.

It is made once: a rule that was trained on its tasks for meta-training must not meet them in another split later.

Of each family, tasks are taken in the order of their numbers: those whose loss is at most so many products and whose
initial loss is finite, if a step of Adam takes less than `MOST_MILLISECONDS` on one core. A family that has fewer
leaves its share to others. Then 40 are held out, 40 are for choosing, and the rest are for meta-training, the same
share of each family in each.
"""

import argparse
import json
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from problems import taskset
from problems.taskset.published import work

COUNT, MOST_MILLISECONDS = 240, 2.0
# What is looked at, to save time: few tasks beyond take so little of it. Of the words' smallest tasks there are few.
MOST_PRODUCTS, MOST_OF_WORDS, MOST_NUMBERS = 2_500_000, 6_000_000, 20_000
_SIZES = {"held_out": 40, "choose": 40}
_SPLIT_SEED = 2020
_STEPS, _REPEATS = 20, 5
_RATE = 1e-3


def measure(config: dict[str, Any], data_dir: str | None = None) -> tuple[int, float, float]:
    """The number of parameters, the loss at theta_0, and milliseconds of a step of Adam: the fastest of five times 20.

    Raises:
      DatasetNotPreparedError: the task's data is not there.
    """
    import tensorflow as tf

    problem = taskset.build(config, data_dir)

    def step(t, parameters, m, v):
        with tf.GradientTape() as tape:
            tape.watch(parameters)
            loss = problem.loss(parameters, (), tf.stack([1, t]))
        gradients = tape.gradient(loss, parameters, unconnected_gradients="zero")
        power = tf.cast(t + 1, tf.float32)
        rate = _RATE * tf.sqrt(1 - 0.999**power) / (1 - 0.9**power)
        m = {name: 0.9 * m[name] + 0.1 * g for name, g in gradients.items()}
        v = {name: 0.999 * v[name] + 0.001 * tf.square(g) for name, g in gradients.items()}
        moved = {name: p - rate * m[name] / (tf.sqrt(v[name]) + 1e-8) for name, p in parameters.items()}
        return t + 1, moved, m, v

    @tf.function(autograph=False)
    def steps(parameters):
        zeros = {name: tf.zeros_like(p) for name, p in parameters.items()}
        start = (tf.constant(0), parameters, zeros, dict(zeros))
        return tf.while_loop(lambda t, *_: t < _STEPS, step, start)[1]

    parameters = problem.initial_parameters((), tf.constant([2, 0]))
    loss = float(problem.loss(parameters, (), tf.constant([1, 0])))
    fastest = math.inf
    for _ in range(_REPEATS + 1):
        began = time.perf_counter()
        tf.nest.map_structure(lambda tensor: tensor.numpy(), steps(parameters))
        fastest = min(fastest, time.perf_counter() - began)
    return sum(math.prod(p.shape) for p in parameters.values()), loss, 1e3 * fastest / _STEPS


def split(families: Mapping[str, str], seed: int = _SPLIT_SEED) -> dict[str, str]:
    """Name to split, for name to family: shuffled in each family, the same share of each; rests go by chance."""
    generator = np.random.default_rng(seed)
    order = {
        family: [str(name) for name in generator.permutation(sorted(n for n, f in families.items() if f == family))]
        for family in sorted(set(families.values()))
    }
    found = dict.fromkeys(families, "train")
    for part, size in _SIZES.items():
        shares = {family: size * sum(f == family for f in families.values()) / len(families) for family in order}
        taken = {family: math.floor(share) for family, share in shares.items()}
        chances = {family: generator.uniform() for family in order}
        rest = sorted(order, key=lambda family: (taken[family] - shares[family], chances[family]))
        for family in rest[: size - sum(taken.values())]:
            taken[family] += 1
        for family, count in taken.items():
            found |= dict.fromkeys(order[family][:count], part)
            order[family] = order[family][count:]
    return found


def choose(family: str, count: int, data_dir: str | None, first: int = 0) -> list[dict[str, Any]]:
    """The first `count` tasks of a family, from number `first`, that the list takes; fewer where there are fewer."""
    found: list[dict[str, Any]] = []
    for number in range(first, MOST_NUMBERS):
        if len(found) == count:
            break
        config = taskset.sample(family, number)
        if work.products(config) > (MOST_OF_WORDS if family == "word_rnn_language_model" else MOST_PRODUCTS):
            continue
        parameters, loss, milliseconds = measure(config, data_dir)
        taken = milliseconds < MOST_MILLISECONDS and math.isfinite(loss)
        print(
            f"{family}_seed{number}: {parameters:,} parameters, loss {loss:g}, {milliseconds:.2f} ms"
            f"{'' if taken else ': not taken'}",
            flush=True,
        )
        if taken:
            found.append(
                {
                    "name": f"{family}_seed{number}",
                    "parameters": parameters,
                    "milliseconds": float(f"{milliseconds:.2g}"),
                    "config": config,
                }
            )
    return found


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--output", type=Path, required=True, help="the list, a JSON file that is not there yet")
    parser.add_argument("--data_dir", default=None, help="by default the environment variable L2L_DATA_DIR")
    arguments = parser.parse_args()
    if arguments.output.exists():
        parser.error(f"{arguments.output} is there: the list is made once.")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.get_logger().setLevel("ERROR")  # Every task is a function of its own, and TensorFlow warns of many.
    share = COUNT // len(taskset.FAMILIES)
    listed = {family: choose(family, share, arguments.data_dir) for family in taskset.FAMILIES}
    missing = COUNT - sum(map(len, listed.values()))
    full = [family for family, own in listed.items() if len(own) == share]
    for i, family in enumerate(full):
        own = listed[family]
        last = int(own[-1]["name"].rpartition("seed")[2])
        own += choose(family, missing // len(full) + (i < missing % len(full)), arguments.data_dir, last + 1)
    entries = [entry for own in listed.values() for entry in own]
    splits = split({entry["name"]: entry["config"]["family"] for entry in entries})
    about = {
        "date": time.strftime("%Y-%m-%d"),
        "tensorflow": tf.__version__,
        "most_milliseconds": MOST_MILLISECONDS,
        "most_products": MOST_PRODUCTS,
        "most_products_of_words": MOST_OF_WORDS,
        "split_seed": _SPLIT_SEED,
    }
    rows = ",\n".join(json.dumps({**entry, "split": splits[entry["name"]]}) for entry in entries)
    arguments.output.write_text(f'{{"about": {json.dumps(about)}, "tasks": [\n{rows}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
