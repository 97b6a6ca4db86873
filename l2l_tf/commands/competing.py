"""The contenders of evaluate.py, each made when its turn comes, and what is said of its search."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tqdm
from absl import flags

from l2l_tf.evaluation import report

if TYPE_CHECKING:
    from l2l_tf.evaluation.comparison import Contender
    from problems.problem import Problem


def contenders(request: Any, problem: "Problem", flag_values: flags.FlagValues) -> "Iterator[Contender]":
    """What `request`, an `evaluate.Request`, names, in its order, then the best of each of its search spaces."""
    for name, what in request.contenders.items():
        yield _contender(name, what, request, problem, flag_values)
    for space, trials in request.spaces.items():
        yield _searched(space, trials, request, problem, flag_values)


def _contender(name, what, request, problem, flag_values):
    from l2l_tf.evaluation import comparison

    if isinstance(what, Path):
        return comparison.saved(name, what, problem)
    if what is None:
        print(f"Warning: no --path, so {name} is an untrained network.", file=sys.stderr)
        return comparison.untrained(name, request.problem)
    if not flag_values.tune:
        return comparison.classic(name, what, flag_values.learning_rate)
    with tqdm.tqdm(desc=f"{name} learning rates", unit="rate", leave=False, disable=None) as bar:
        contender = comparison.tuned(
            name,
            what,
            problem,
            flag_values.num_steps,
            flag_values.tuning_epochs,
            flag_values.seed,
            request.cache,
            lambda _: bar.update(),
        )
    for caveat in report.tuning_caveats(name, contender.details):
        print(f"Warning: {caveat}", file=sys.stderr)
    print(
        f"{name}: learning rate {contender.learning_rate:g}, the best of {len(contender.details['tuning']['trials'])}"
    )
    return contender


def _searched(space, trials, request, problem, flag_values):
    from l2l_tf.evaluation import comparison

    with tqdm.tqdm(total=trials, desc=space, unit="trial", leave=False, disable=None) as bar:
        contender = comparison.searched(
            space,
            trials,
            problem,
            flag_values.num_steps,
            flag_values.tuning_epochs,
            flag_values.seed,
            request.cache,
            lambda _: bar.update(),
        )
    for caveat in report.tuning_caveats(contender.name, contender.details):
        print(f"Warning: {caveat}", file=sys.stderr)
    record = contender.details["search"]
    options = json.dumps({name: value for name, value in record["net_options"].items() if name != "total_steps"})
    print(f"{space}: configuration {record['configuration']} is the best of {trials}: {record['net']} {options}")
    return contender
