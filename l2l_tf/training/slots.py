"""Slots: where each of the tasks of an outer step stands. A function of the seed and of what was finite. No TensorFlow.

A slot holds one task for `task_lifetime` outer steps, and in it one run after the other. Slots begin staggered: their
first tasks and first runs end early, each at another time, so that neither do all compile at once nor are all runs
young at once.
"""

import math
from typing import NamedTuple

import numpy as np

from l2l_tf.training.tasks_config import TasksConfig
from problems.distribution import Distribution, Task

_LENGTHS, _TASKS, _SHARES, _TOLD = 0, 1, 2, 3  # What numbers are drawn for: part of every result.
_GOLDEN = (math.sqrt(5) - 1) / 2  # Its multiples fill the circle evenly.


class Place(NamedTuple):
    """Where a slot stands between two outer steps.

    Attributes:
      slot: its number, from 0.
      generation: how many tasks it held before.
      stays: outer steps that the task still has.
      run: how many runs of the task came before.
      age: steps of the run that are done; a run begins at 0.
      end: age at which the run ends.
    """

    slot: int
    generation: int
    stays: int
    run: int
    age: int
    end: int


def first(config: TasksConfig, slot: int) -> Place:
    """Where a slot begins."""
    stays = math.ceil(config.task_lifetime * (slot + 1) / config.tasks_per_step)
    length = _length(config, slot, 0, 0)
    unrolls = length // config.unroll_length
    share = np.random.default_rng([config.seed, _SHARES, slot]).random()
    return Place(slot, 0, stays, 0, 0, (1 + int(share * unrolls)) * config.unroll_length)


def after(config: TasksConfig, place: Place, finite: bool) -> Place:
    """Where a slot stands after one outer step more. A run of which nothing was finite ends."""
    if place.stays == 1:
        return given_up(config, place)
    age = place.age + config.unroll_length
    if finite and age < place.end:
        return place._replace(stays=place.stays - 1, age=age)
    run = place.run + 1
    length = _length(config, place.slot, place.generation, run)
    return place._replace(stays=place.stays - 1, run=run, age=0, end=length)


def given_up(config: TasksConfig, place: Place) -> Place:
    """Where a slot begins with its next task."""
    generation = place.generation + 1
    return Place(place.slot, generation, config.task_lifetime, 0, 0, _length(config, place.slot, generation, 0))


def task(config: TasksConfig, distribution: Distribution, place: Place) -> Task:
    """The task that a slot holds there. Those in use at once have the distribution's parts by their shares."""
    seed = int(np.random.default_rng([config.seed, _TASKS, place.slot, place.generation]).integers(2**31))
    offset = np.random.default_rng([config.seed, _TASKS]).random()
    return distribution.task(seed, (place.slot / config.tasks_per_step + offset + place.generation * _GOLDEN) % 1)


def told_length(config: TasksConfig, place: Place) -> int:
    """The steps of the run there, where its network is told them; else 0."""
    if not config.told_share:
        return 0
    drawn = np.random.default_rng([config.seed, _TOLD, place.slot, place.generation, place.run]).random()
    return place.end if drawn < config.told_share else 0


def weight(config: TasksConfig, place: Place) -> float:
    """What the loss of the unroll there counts: see `TasksConfig.told_power`."""
    length = told_length(config, place)
    if not length:
        return 1.0
    share = (place.age + config.unroll_length) / length
    return (1 + config.told_power) * share**config.told_power


def _length(config: TasksConfig, slot: int, generation: int, run: int) -> int:
    """Steps of a run: from the shortest to the longest, of density length^-power, in whole unrolls."""
    share = np.random.default_rng([config.seed, _LENGTHS, slot, generation, run]).random()
    low, high, power = config.least_run, config.num_steps, config.length_power
    if power == 1:
        length = low * (high / low) ** share
    else:  # In units of the shortest, so that no power of them overflows.
        length = low * (1 + share * ((high / low) ** (1 - power) - 1)) ** (1 / (1 - power))
    return max(1, round(length / config.unroll_length)) * config.unroll_length
