"""What a run's updates are like, step by step: their size, their direction, and those of others at the same theta."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from l2l_tf.networks import Network
from l2l_tf.unrolling import seeds, unroll
from problems.problem import Problem


class Updates(NamedTuple):
    """Of u_0 to u_{T-1}, each `[draws, T]`.

    Attributes:
      loss: f(theta_t) on the minibatch of step t.
      rms, mean: of u_t over coordinates; the mean is the drift that all coordinates share.
      rate: -<u, g> / <g, g>, the learning rate at which SGD goes as far along the gradient.
      along_gradient: the cosine of u_t and -g_t.
      along_last: the cosine of u_t and u_{t-1}; 0 at the first step.
      relative: reference to rms(u) over the rms of the reference's update at the same theta.
      along: reference to the cosine of the two.
    """

    loss: np.ndarray
    rms: np.ndarray
    mean: np.ndarray
    rate: np.ndarray
    along_gradient: np.ndarray
    along_last: np.ndarray
    relative: dict[str, np.ndarray]
    along: dict[str, np.ndarray]


def follow(
    problem: Problem, network: Network, references: Mapping[str, Network], num_steps: int, num_draws: int, seed: int
) -> Updates:
    """Runs `network` on the evaluation draws of `seed`.

    The references see the same gradients at the same theta_t, so their moments are those of this run, but their updates
    are not taken.
    """

    @tf.function(autograph=False)
    def start(seed):
        run = unroll.start(problem, network, seed)
        states = {name: reference.initial_state(run.parameters) for name, reference in references.items()}
        return run, states, tf.zeros_like(_flat(run.parameters))

    @tf.function(autograph=False)
    def step(run, states, last):
        observation = unroll.observe(problem, network, run)
        updates, state = network(observation, run.state)
        u, g = _flat(updates), _flat(observation.gradients)
        row = {
            "loss": observation.loss,
            "rms": _rms(u),
            "mean": tf.reduce_mean(u),
            "rate": tf.math.divide_no_nan(-tf.reduce_sum(u * g), tf.reduce_sum(g * g)),
            "along_gradient": _cosine(u, -g),
            "along_last": _cosine(u, last),
            "relative": {},
            "along": {},
        }
        states = dict(states)
        for name, reference in references.items():
            others, states[name] = reference(observation, states[name])
            v = _flat(others)
            row["relative"][name] = tf.math.divide_no_nan(_rms(u), _rms(v))
            row["along"][name] = _cosine(u, v)
        parameters = {name: value + updates[name] for name, value in run.parameters.items()}
        return run._replace(step=run.step + 1, parameters=parameters, state=state), states, u, row

    rows = []
    for draw in range(num_draws):
        run, states, last = start(seeds.fold(seeds.root(seed), seeds.Purpose.EVALUATION, draw))
        for _ in range(num_steps):
            run, states, last, row = step(run, states, last)
            rows.append(row)
    stacked = tf.nest.map_structure(lambda *values: np.array(values, np.float64).reshape(num_draws, num_steps), *rows)
    return Updates(**stacked)


def _flat(tensors: Mapping[str, tf.Tensor]) -> tf.Tensor:
    return tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors.values()], 0)


def _rms(x: tf.Tensor) -> tf.Tensor:
    return tf.sqrt(tf.reduce_mean(tf.square(x)))


def _cosine(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    return tf.math.divide_no_nan(tf.reduce_sum(x * y), tf.norm(x) * tf.norm(y))
