"""What searches of hyperparameters share: what determines one, where it is kept, and where its result comes from."""

import importlib.metadata
import time
from typing import Any

import problems
from l2l_tf.evaluation import problem_sources
from l2l_tf.evaluation.tuning_cache import TuningCache
from l2l_tf.saving import provenance
from problems import catalogue
from problems.problem import Problem


def judged_on(problem: Problem) -> str | None:
    """The held-out split whose loss decides; None where it is the loss that is minimised."""
    return "validation" if "validation" in problem.held_out_splits else None


def key(problem: Problem, num_steps: int, num_draws: int, seed: int, **own: Any) -> dict[str, Any]:
    """All that determines a search; `own` is what is searched, and how."""
    split = judged_on(problem)
    return {
        "problem": problem.name,
        "problem_options": catalogue.identity(problem.options),
        "problem_source": problem_sources.digest(problem),
        **own,
        "criterion": f"mean loss on {split}" if split else "mean final loss",
        "num_steps": num_steps,
        "num_draws": num_draws,
        "seed": seed,
        "tensorflow": importlib.metadata.version("tensorflow"),
    }


def kept_in(cache: TuningCache | None, problem: Problem) -> TuningCache | None:
    """`cache`, unless the problem was made in place, as by `from_function`: its name does not say what it is."""
    return cache if problem.name in problems.names() or ":" in problem.name else None


def record(found: dict[str, Any], key: dict[str, Any], began: float) -> dict[str, Any]:
    """`found`, with what determined it and where it comes from; `began` is of `time.perf_counter`."""
    return {
        **found,
        "key": key,
        "command": provenance.command(),
        "date": provenance.date(),
        "versions": provenance.versions(),
        "seconds": round(time.perf_counter() - began, 3),
    }
