"""Problems whose coordinates are stretched at random: a rule trained on them cannot count on one scale."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from problems import descriptions
from problems.problem import Parameters, Problem, split_seed

LARGEST_LOG_RANGE = 40  # Second derivatives have the square of a factor, which is to be a float32.


class RandomScaling(Problem):
    """f_c(theta) = f(c theta), with c IID exp(U[-log_range, log_range]) for each coordinate (Lv et al. 2017, 4.1).

    theta_0 is that of f divided by c, so that f starts where it would. A draw of c is part of the instance. As
    `problems.get("scaled", ...)` it takes the problem as `{"name": ..., "options": {...}}`.

    Args:
      problem: f.
      log_range: at least 0, at most 40.

    Raises:
      ValueError: `log_range` out of range.
    """

    name = "scaled"

    def __init__(self, problem: Problem, log_range: float = 1.0):
        self.held_out_splits = problem.held_out_splits
        self.function_axis = problem.function_axis
        self._problem = problem
        self._log_range = log_range

    def sample(self, seed):
        own_seed, scale_seed = split_seed(seed, 2)
        instance = self._problem.sample(own_seed)
        theta = self._problem.initial_parameters(instance, own_seed)  # For the shapes.
        scales = {
            name: tf.exp(tf.random.stateless_uniform(x.shape, s, -self._log_range, self._log_range, x.dtype))
            for (name, x), s in zip(theta.items(), split_seed(scale_seed, len(theta)), strict=True)
        }
        return {"instance": instance, "scales": scales}

    def initial_parameters(self, instance, seed) -> Parameters:
        theta = self._problem.initial_parameters(instance["instance"], seed)
        return {name: x / instance["scales"][name] for name, x in theta.items()}

    def loss(self, parameters, instance, seed):
        return self._problem.loss(_scaled(parameters, instance), instance["instance"], seed)

    def validation_loss(self, parameters, instance, seed):
        return self._problem.validation_loss(_scaled(parameters, instance), instance["instance"], seed)

    def outer_validation_loss(self, parameters, instance, seed):
        return self._problem.outer_validation_loss(_scaled(parameters, instance), instance["instance"], seed)

    def held_out_loss(self, parameters, instance, split):
        return self._problem.held_out_loss(_scaled(parameters, instance), instance["instance"], split)


def _scaled(parameters: Parameters, instance: Any) -> Parameters:
    return {name: instance["scales"][name] * x for name, x in parameters.items()}


def from_name(
    problem: Mapping[str, Any], log_range: float = 1.0, data_dir: str | None = None, download: bool = False
) -> RandomScaling:
    """Random scaling of a problem given as `{"name": ..., "options": {...}}`, for `problems.get`.

    Raises:
      ValueError: see `descriptions.build`.
    """
    return RandomScaling(descriptions.build(problem, data_dir, download), log_range)
