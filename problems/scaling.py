"""Problems whose coordinates are stretched at random: a rule trained on them cannot count on one scale."""

import abc
import math
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from problems import descriptions
from problems.problem import Parameters, Problem, split_seed

LARGEST_LOG_RANGE = 40  # Second derivatives have the square of a factor, which is to be a float32.


class Scaled(Problem):
    """f_c(theta) = f(c theta), with c drawn anew for each function: what the kinds of stretching share.

    theta_0 is that of f divided by c, so that f starts where it would. A draw of c is part of the instance: a run keeps
    it, members of a population share it, and another run has another.

    Args:
      problem: f.
    """

    def __init__(self, problem: Problem, /):
        self.held_out_splits = problem.held_out_splits
        self.function_axis = problem.function_axis
        self._problem = problem

    @abc.abstractmethod
    def _draw(self, theta: Parameters, seed: tf.Tensor) -> Parameters:
        """c for parameters of these shapes: by name, of the parameter's shape or `[]`."""

    def sample(self, seed):
        own_seed, scale_seed = split_seed(seed, 2)
        instance = self._problem.sample(own_seed)
        theta = self._problem.initial_parameters(instance, own_seed)  # For the shapes.
        return {"instance": instance, "scales": self._draw(theta, scale_seed)}

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


class RandomScaling(Scaled):
    """`Scaled` with c IID exp(U[-log_range, log_range]) for each coordinate (Lv et al. 2017, 4.1).

    As `problems.get("scaled", ...)` it takes the problem as `{"name": ..., "options": {...}}`.

    Args:
      problem: f.
      log_range: at least 0, at most 40.

    Raises:
      ValueError: `log_range` out of range.
    """

    name = "scaled"

    def __init__(self, problem: Problem, log_range: float = 1.0):
        super().__init__(problem)
        self._log_range = log_range

    def _draw(self, theta, seed):
        return {
            name: tf.exp(tf.random.stateless_uniform(x.shape, s, -self._log_range, self._log_range, x.dtype))
            for (name, x), s in zip(theta.items(), split_seed(seed, len(theta)), strict=True)
        }


class Reparameterized(Scaled):
    """`Scaled` with c log-uniform in [low, high]: one number a run, one for each tensor, or one for each coordinate.

    Augmentation of meta-training (Metz et al. 2022, "VeLO"; Moudgil et al. 2025, "Celo"): a rule whose steps do not
    follow the size of the parameters fails on most of the runs. As `problems.get("reparameterized", ...)` it takes the
    problem as `{"name": ..., "options": {...}}`.

    Args:
      problem: f.
      how: "whole" draws one c for all coordinates of a run, "tensor" one for each tensor, "parameter" one for each
        coordinate.
      low, high: of c, above 0.

    Raises:
      ValueError: an option out of range, or `low` above `high`.
    """

    name = "reparameterized"

    def __init__(self, problem: Problem, how: str = "whole", low: float = 0.001, high: float = 1000.0):
        if low > high:
            raise ValueError(f"reparameterized: low is at most high. Received: low={low}, high={high}.")
        super().__init__(problem)
        self._how = how
        self._log_range = math.log(low), math.log(high)

    def _draw(self, theta, seed):
        if self._how == "whole":
            return {name: self._scale([], seed, x.dtype) for name, x in theta.items()}
        seeds = split_seed(seed, len(theta))
        return {
            name: self._scale(x.shape if self._how == "parameter" else [], s, x.dtype)
            for (name, x), s in zip(theta.items(), seeds, strict=True)
        }

    def _scale(self, shape: Any, seed: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
        return tf.cast(tf.exp(tf.random.stateless_uniform(shape, seed, *self._log_range)), dtype)


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


def reparameterized_from_name(
    problem: Mapping[str, Any],
    how: str = "whole",
    low: float = 0.001,
    high: float = 1000.0,
    data_dir: str | None = None,
    download: bool = False,
) -> Reparameterized:
    """`Reparameterized` of a problem given as `{"name": ..., "options": {...}}`, for `problems.get`.

    Raises:
      ValueError: see `descriptions.build` and `Reparameterized`.
    """
    return Reparameterized(descriptions.build(problem, data_dir, download), how, low, high)
