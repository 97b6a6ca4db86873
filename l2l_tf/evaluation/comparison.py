"""Optimizers side by side: what competes, and its run on the draws that all of them share."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from l2l_tf import networks, presets, pretrained
from l2l_tf.evaluation import space_search, tuning
from l2l_tf.evaluation.evaluator import Curves, Evaluator
from l2l_tf.evaluation.report import Result
from l2l_tf.evaluation.tuning_cache import TuningCache
from l2l_tf.networks.network import Network
from l2l_tf.saving import hub, saved_optimizer
from l2l_tf.unrolling import arguments, seeds
from l2l_tf.unrolling.coordinates import AssignedNetworks
from problems.problem import Problem


class Contender(NamedTuple):
    """An optimizer that competes: as in `report.Result`, with the network in place of its curves."""

    name: str
    network: Network
    learned: bool
    learning_rate: float | None
    details: dict[str, Any]


def saved(name: str, path: str | Path, problem: Problem) -> Contender:
    """The learned optimizer in the folder `path`, for `problem`, which says what axis counts functions.

    Raises:
      SavedOptimizerError: the folder does not hold one.
    """
    assigned = saved_optimizer.load(path, function_axis=problem.function_axis)
    return Contender(name, assigned, True, None, {"path": hub.name_of(path), **_described(assigned)})


def untrained(name: str, problem: str) -> Contender:
    """The original code's networks for `problem` before any training."""
    settings = presets.get("original", problem)
    members = {
        member: networks.get(net["net"], **net.get("net_options", {})) for member, net in settings["networks"].items()
    }
    assigned = AssignedNetworks(members, settings.get("net_assignments"))
    return Contender(name, assigned, True, None, {"untrained": True, **_described(assigned)})


def classic(name: str, network: str, learning_rate: float) -> Contender:
    """The hand-designed optimizer `network` at `learning_rate`."""
    built = networks.get(network, learning_rate=learning_rate)
    return Contender(name, built, False, learning_rate, {"net": network, "net_options": built.options})


def tuned(
    name: str,
    network: str,
    problem: Problem,
    num_steps: int,
    num_draws: int,
    seed: int,
    cache: TuningCache | None = None,
    on_trial: Callable[[tuning.Trial], None] = lambda trial: None,
    grid: tuning.Grid | None = None,
) -> Contender:
    """The hand-designed optimizer `network` at the learning rate that `tuning.tune` finds."""
    record = tuning.tune(problem, network, num_steps, num_draws, seed, cache, on_trial, grid)
    contender = classic(name, network, record["learning_rate"])
    return contender._replace(details={**contender.details, "tuning": record})


def searched(
    space: str,
    num_trials: int,
    problem: Problem,
    num_steps: int,
    num_draws: int,
    seed: int,
    cache: TuningCache | None = None,
    on_trial: Callable[[int], None] = lambda configuration: None,
) -> Contender:
    """The best of the first configurations of a search space, by `space_search.search`; its name says which it is."""
    record = space_search.search(problem, space, num_trials, num_steps, num_draws, seed, cache, on_trial)
    built = networks.get(record["net"], **record["net_options"])
    name = f"{space} ({record['configuration']} of {num_trials})"
    details = {"net": record["net"], "net_options": built.options, "search": record}
    return Contender(name, built, False, record["learning_rate"], details)


def run(
    problem: Problem,
    contender: Contender,
    num_steps: int,
    num_draws: int,
    seed: int,
    held_out_splits: Sequence[str] = (),
    on_draw: Callable[[int], None] = lambda draw: None,
    held_out_steps: Sequence[int] = (),
) -> Result:
    """Runs a contender on the evaluation draws of `seed`, the same for all."""
    evaluator = Evaluator(problem, contender.network, num_steps, held_out_splits, held_out_steps)
    curves = evaluator(seeds.fold(seeds.root(seed), seeds.Purpose.EVALUATION), num_draws, on_draw)
    return Result(contender.name, curves, contender.learned, contender.learning_rate, contender.details)


@arguments.checked
def evaluate(
    optimizer: str | Path | Network,
    problem: Problem,
    num_steps: int = 100,
    num_draws: int = 10,
    seed: int = 0,
    held_out_splits: Sequence[str] = (),
) -> Curves:
    """Learning curves of an optimizer on fresh draws of a problem: those that `evaluate.py --seed` takes.

    >>> import l2l_tf, problems
    >>> curves = l2l_tf.evaluate("quadratic", problems.get("quadratic"), num_steps=50, num_draws=2)
    >>> curves.losses.shape
    (2, 51)

    Args:
      optimizer: a pretrained name, the folder of a saved optimizer, `hf://user/name`, or a network:
        `networks.get("Adam")` for one.
      problem: what is minimised.
      num_steps: of each run, T.
      num_draws: how many runs; draw i of a seed is the same for every optimizer.
      seed: root of the draws.
      held_out_splits: of the problem, whose loss is measured after the last step.

    Returns:
      Curves: `losses` `[num_draws, num_steps + 1]`, `held_out` by split, and seconds.

    Raises:
      SavedOptimizerError: `optimizer` is neither a pretrained name nor the folder of a saved optimizer.
      HubError: it cannot be had from the Hugging Face Hub.
      ValueError: a number or a split is out of range.
    """
    if not isinstance(optimizer, Network):
        optimizer = saved("", pretrained.folder(str(optimizer)), problem).network
    evaluator = Evaluator(problem, optimizer, num_steps, held_out_splits)
    return evaluator(seeds.fold(seeds.root(seed), seeds.Purpose.EVALUATION), num_draws)


def _described(assigned: AssignedNetworks) -> dict[str, Any]:
    return {
        "networks": {
            name: {"net": type(member).__name__, "net_options": member.options}
            for name, member in assigned.networks.items()
        },
        "net_assignments": assigned.net_assignments,
    }
