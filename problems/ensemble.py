"""Several problems as one: their weighted sum."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from problems import descriptions
from problems.problem import Parameters, Problem, split_seed


class Ensemble(Problem):
    """f(theta) = sum_i weight_i f_i(theta_i).

    Parameters: those of problem i under `problem_{i}/`. As `problems.get("ensemble", ...)` it takes a problem as
    `{"name": ..., "options": {...}}`. Its held-out splits are the ones that all of its problems have.

    Args:
      problems: what is summed.
      weights: one for each; all 1 by default, and where there are none.

    Raises:
      ValueError: no problems, or not as many weights.
    """

    name = "ensemble"

    def __init__(self, problems: Sequence[Problem], weights: Sequence[float] | None = None):
        if weights and len(weights) != len(problems):
            raise ValueError(
                f"An ensemble of {len(problems)} problems needs as many weights. Received: {list(weights)}."
            )
        self._problems = list(problems)
        self._weights = [float(weight) for weight in weights or ()] or [1.0] * len(problems)
        first, *others = (problem.held_out_splits for problem in problems)
        self.held_out_splits = tuple(split for split in first if all(split in splits for splits in others))

    def _told(self, options):
        return {**super()._told(options), "weights": list(self._weights)}

    def sample(self, seed):
        seeds = split_seed(seed, len(self._problems))
        return [problem.sample(seed) for problem, seed in zip(self._problems, seeds, strict=True)]

    def initial_parameters(self, instance, seed) -> Parameters:
        seeds = split_seed(seed, len(self._problems))
        return {
            f"problem_{i}/{name}": value
            for i, problem in enumerate(self._problems)
            for name, value in problem.initial_parameters(instance[i], seeds[i]).items()
        }

    def loss(self, parameters, instance, seed):
        seeds = split_seed(seed, len(self._problems))
        return self._sum(parameters, lambda i, problem, own: problem.loss(own, instance[i], seeds[i]))

    def validation_loss(self, parameters, instance, seed):
        seeds = split_seed(seed, len(self._problems))
        return self._sum(parameters, lambda i, problem, own: problem.validation_loss(own, instance[i], seeds[i]))

    def outer_validation_loss(self, parameters, instance, seed):
        seeds = split_seed(seed, len(self._problems))
        return self._sum(parameters, lambda i, problem, own: problem.outer_validation_loss(own, instance[i], seeds[i]))

    def held_out_loss(self, parameters, instance, split):
        if split not in self.held_out_splits:
            return super().held_out_loss(parameters, instance, split)
        return self._sum(parameters, lambda i, problem, own: problem.held_out_loss(own, instance[i], split))

    def _sum(self, parameters, term):
        terms = []
        for i, (problem, weight) in enumerate(zip(self._problems, self._weights, strict=True)):
            prefix = f"problem_{i}/"
            own = {name.removeprefix(prefix): x for name, x in parameters.items() if name.startswith(prefix)}
            terms.append(weight * term(i, problem, own))
        return tf.add_n(terms)


def from_names(
    problems: Sequence[Mapping[str, Any]],
    weights: Sequence[float] | None = None,
    data_dir: str | None = None,
    download: bool = False,
) -> Ensemble:
    """An ensemble of problems given as `{"name": ..., "options": {...}}`, for `problems.get`.

    Raises:
      ValueError: see `descriptions.build`.
    """
    return Ensemble([descriptions.build(problem, data_dir, download) for problem in problems], weights)
