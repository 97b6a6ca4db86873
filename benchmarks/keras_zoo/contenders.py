"""The optimizers of the zoo: Keras's Adam, Adam and SGD with cosine decay at 8 rates each, and learned rules.

Runs that differ in the rate alone share one optimizer, so that it is traced once: its rate is a variable.
"""

import hashlib
import json
import math
import weakref
from collections.abc import Callable, Mapping
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from l2l_tf import LearnedOptimizer
from l2l_tf.networks import run_length, weights_of
from l2l_tf.networks.network import Network
from l2l_tf.pretrained import sources

ADAM, ADAM_COSINE, SGD_COSINE = "Adam", "Adam cosine", "SGD cosine"
ADAM_RATES = tuple(float(f"{rate:.3g}") for rate in np.geomspace(1e-4, 10**-0.5, 8))
SGD_RATES = tuple(float(f"{rate:.3g}") for rate in np.geomspace(10**-3.5, 1, 8))
_LATE = 0.2  # Share of a run that is left where ways of being told are told apart.
_DEFAULT_RATE = 0.001


class Cosine(keras.optimizers.schedules.LearningRateSchedule):
    """rate (1 + cos(pi t / steps)) / 2 at step t (Loshchilov and Hutter 2017, without restarts), or the rate itself."""

    def __init__(self):
        self.rate, self.steps = tf.Variable(_DEFAULT_RATE), tf.Variable(1.0)
        self.decays = tf.Variable(False)

    def __call__(self, step):
        falling = (1 + tf.cos(math.pi * tf.cast(step, tf.float32) / self.steps)) / 2
        return self.rate * tf.where(self.decays, falling, 1.0)


class Run(NamedTuple):
    """One way to train a model.

    Attributes:
      optimizer: its name in the records.
      rate: its learning rate, or None for a rule that has none to tune.
      version: of a rule's weights, so that a rule that was trained anew is run anew.
    """

    optimizer: str
    rate: float | None = None
    version: str | None = None


class Family(NamedTuple):
    """Runs that one traced function makes.

    Attributes:
      runs: these.
      make: a new optimizer for one model.
      start: gets it ready for a run of that many steps.
    """

    runs: tuple[Run, ...]
    make: Callable[[], keras.optimizers.Optimizer]
    start: Callable[[Run, int], None]


def baselines() -> list[Family]:
    """Keras's Adam with its default rate, and Adam and SGD with momentum 0.9 with cosine decay."""
    adam = (Run(ADAM, _DEFAULT_RATE), *(Run(ADAM_COSINE, rate) for rate in ADAM_RATES))
    sgd = tuple(Run(SGD_COSINE, rate) for rate in SGD_RATES)
    return [
        _scheduled(adam, keras.optimizers.Adam),
        _scheduled(sgd, lambda schedule: keras.optimizers.SGD(schedule, momentum=0.9)),
    ]


def rule(source: str, told: bool, steps: int) -> Family:
    """A learned rule: a pretrained name, the folder of a saved optimizer or its address on the Hub.

    Args:
      source: it.
      told: whether it runs another time, told how long the run is (`LearnedOptimizer(total_steps=...)`).
      steps: of the run.

    Raises:
      ValueError: it is none of these.
    """
    digest = hashlib.sha256()
    networks = sources.resolve(source).networks.networks
    for name, network in networks.items():
        digest.update(json.dumps(network.options, sort_keys=True).encode())
        for key, value in sorted(weights_of(network).items()):
            digest.update(f"{name}/{key}".encode() + np.asarray(value).tobytes())
    untold = Run(source.rstrip("/").rpartition("/")[-1], version=digest.hexdigest()[:8])
    made: weakref.WeakSet[LearnedOptimizer] = weakref.WeakSet()

    def make():
        optimizer = LearnedOptimizer(source)
        made.add(optimizer)
        return optimizer

    def start(run: Run, steps: int) -> None:
        for optimizer in made:
            optimizer.total_steps = None if run == untold else steps

    knowing = Run(f"{untold.optimizer}, told", version=untold.version + _as_told(networks, steps))
    return Family((untold, knowing)[: 1 + told], make, start)


def _as_told(networks: Mapping[str, Network], steps: int) -> str:
    """What tells two ways of being told apart: the factors of updates at first, and near the end."""
    length = tf.constant(float(steps))
    first, late = (
        max(float(network.told_factor(tf.constant(left), length)) for network in networks.values())
        for left in (1.0, _LATE)
    )
    linear = float(run_length.fall(tf.constant(_LATE)))
    falls = "" if abs(late / first - linear) < 1e-6 else f", {late / first:.4f} at {_LATE:g}"
    return (f" x{first:g}" if first != 1 else "") + falls


def _scheduled(runs, make) -> Family:
    schedule = Cosine()

    def start(run: Run, steps: int) -> None:
        schedule.rate.assign(run.rate)
        schedule.steps.assign(steps)
        schedule.decays.assign(run.optimizer != ADAM)

    return Family(runs, lambda: make(schedule), start)
