"""Search of a hand-designed optimizer's learning rate for a problem, so that comparisons are with it at its best.

The draws are those of seeds.Purpose.TUNING, which no evaluation sees. The best rate often lies just below those that
diverge, where a rare draw diverges too and ruins the mean of an evaluation. So the winner has to be safe: a rate
slightly higher must hold on ten times as many draws as the search took.

A draw whose loss is not finite even at a learning rate of 0, where nothing moves, says nothing of rates: it is left out
of all that is compared, and named.
"""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from l2l_tf import networks
from l2l_tf.evaluation import searches
from l2l_tf.evaluation.tuning_cache import TuningCache
from l2l_tf.evaluation.tuning_draws import TuningDraws
from l2l_tf.networks.classic import Classic
from l2l_tf.unrolling import arguments
from problems.problem import Problem

STEPS_PER_DECADE = 4
_REFINEMENTS = 2
_MAX_EXTENSIONS = 16
# The safety test: a rate 10^(1/32) = 1.075 times the winner, on ten times the draws.
_MARGIN = STEPS_PER_DECADE / 32
_SAFETY_DRAWS = 10
# A decade below the first best rate, about: where none has held by then, the rates are not what is wrong.
_MAX_SAFETY_TESTS = 16


class Grid(NamedTuple):
    """Rates 10^(i/4), i from `first` to `last`."""

    first: int
    last: int


# From the lowest rates that still move to the highest that do not always diverge, on the paper's problems.
GRIDS: dict[str, Grid] = {
    "Sgd": Grid(-8, 6),
    "Momentum": Grid(-10, 4),
    "Nesterov": Grid(-10, 4),
    "RMSProp": Grid(-14, 0),
    "Adam": Grid(-12, 2),
}


class Trial(NamedTuple):
    """One rate: the final loss over the draws that count, with all of it infinite where any was not finite."""

    learning_rate: float
    mean_final_loss: float
    median_final_loss: float
    standard_deviation: float
    num_draws: int


class Search(NamedTuple):
    """How a search went.

    Attributes:
      best: the trial with the lowest mean that is safe; where none is, the lowest of all.
      trials: all, by rate.
      safety_tests: the trials slightly above a best rate, in the order they were made.
      interior: whether the best lies between other trials rather than at an edge.
      safe: whether the best one's safety test held; there is none at an edge.
    """

    best: Trial
    trials: list[Trial]
    safety_tests: list[Trial]
    interior: bool
    safe: bool


@arguments.checked
def tune(
    problem: Problem,
    optimizer: str,
    num_steps: int,
    num_draws: int = 10,
    seed: int = 0,
    cache: TuningCache | None = None,
    on_trial: Callable[[Trial], None] = lambda trial: None,
    grid: Grid | None = None,
) -> dict[str, Any]:
    """Finds the learning rate with the lowest mean loss after the last step.

    The loss is that of the held-out split "validation" where the problem has one, else f at the last theta. All rates
    run on the same draws, many side by side (`side_by_side`) or all in one compiled graph. See `search`.

    Args:
      problem: what is minimised.
      optimizer: by what: one of `GRIDS`.
      num_steps, num_draws, seed: of the runs; the safety test takes ten times `num_draws`.
      cache: where the search is looked up first, and written down. A problem is known again by its name, its
        options and the files it is defined in; one that `problems.get` cannot build is not kept.
      on_trial: called after each rate.
      grid: where the search begins, in place of the optimizer's of `GRIDS`.

    Returns:
      A JSON-able record: `learning_rate`, `mean_final_loss`, `interior`, `safe`, `trials` and `safety_tests` as in
      `Search`, with None for an infinite loss; `left_out_draws`, the numbers of those without a finite loss at any
      rate; `key`, all that determined the search; and command, date, versions and seconds.

    Raises:
      ValueError: an optimizer without a grid, less than 1 step or draw, no draw that is finite at the rate 0, or no
        rate that gave a finite loss.
    """
    if not isinstance(optimizer, str) or optimizer not in GRIDS:
        raise ValueError(f"Learning rates are searched for {sorted(GRIDS)}. Received: {optimizer!r}.")
    grid = grid or GRIDS[optimizer]
    network = networks.get(optimizer)
    assert isinstance(network, Classic)
    key = searches.key(
        problem,
        num_steps,
        num_draws,
        seed,
        optimizer=optimizer,
        optimizer_options={k: v for k, v in network.options.items() if k != "learning_rate"},
        grid=[_rate(grid.first), _rate(grid.last)],
        steps_per_decade=STEPS_PER_DECADE,
        refinements=_REFINEMENTS,
        safety_test=[_MARGIN, _SAFETY_DRAWS],
    )
    cache = searches.kept_in(cache, problem)
    if cache and (known := cache.find(key)) and _is_to_be_kept(known):
        return known
    began = time.perf_counter()
    hyperparameters = {"learning_rate": network.learning_rate}
    runs = TuningDraws(problem, network, num_steps, searches.judged_on(problem), seed, hyperparameters)

    def measure(learning_rates: Sequence[float], num_draws: int) -> list[Trial]:
        losses = runs.final_losses([{"learning_rate": rate} for rate in learning_rates], num_draws)
        trials = []
        for rate, of_rate in zip(learning_rates, losses, strict=True):
            trials.append(_trial(rate, of_rate))
            on_trial(trials[-1])
        return trials

    found = search(measure, grid, num_draws)
    if not math.isfinite(found.best.mean_final_loss):
        raise ValueError(
            f"No learning rate from {found.trials[0].learning_rate:g} to {found.trials[-1].learning_rate:g} gives "
            f"{optimizer} a finite loss after {num_steps} steps of {problem.name!r}."
        )
    measured = {
        "learning_rate": found.best.learning_rate,
        "mean_final_loss": found.best.mean_final_loss,
        "interior": found.interior,
        "safe": found.safe,
        "left_out_draws": runs.left_out,
        "trials": [_json_able(trial) for trial in found.trials],
        "safety_tests": [_json_able(trial) for trial in found.safety_tests],
    }
    record = searches.record(measured, key, began)
    if cache:
        cache.add(record)
    return record


def search(measure: Callable[[Sequence[float], int], list[Trial]], grid: Grid, num_draws: int) -> Search:
    """Looks for the rate with the lowest mean.

    The grid, four rates a decade, is extended while the best rate lies at its edge. Then the best rate's neighbours
    at an eighth and a sixteenth of a decade are tried. Last the safety test: if the mean slightly above the best rate
    is worse by more than chance and the change of the median explain, the best rate and all higher ones are left out
    and the search goes on. Ties go to the lower rate; where no rate is finite, lower ones are tried. Where none of 16
    tests holds, or the search gets to an edge after some that did not, what it went away from is the best, and is not
    called safe.

    Args:
      measure: runs rates on a number of draws.
      grid: where the search begins.
      num_draws: of all but the safety tests.
    """
    trials: dict[float, Trial] = {}
    safety_tests: list[Trial] = []
    unsafe = math.inf
    lowest, highest = grid.first - _MAX_EXTENSIONS, grid.last + _MAX_EXTENSIONS

    def best() -> float:
        safe = [position for position in sorted(trials) if position < unsafe] or [min(trials)]
        return min(safe, key=lambda position: trials[position].mean_final_loss)

    def is_interior(position: float) -> bool:
        return min(trials) < position < max(trials)

    def try_at(*positions: float) -> None:
        if new := [position for position in positions if position not in trials]:
            trials.update(zip(new, measure([_rate(position) for position in new], num_draws), strict=True))

    try_at(*map(float, range(grid.first, grid.last + 1)))
    while True:
        while (at := best()) in (min(trials), max(trials)) and lowest < at < highest:
            try_at(at - 1 if at == min(trials) else at + 1)
        interior = is_interior(at)
        for refinement in range(1, _REFINEMENTS + 1 if interior else 1):
            at = best()
            try_at(at - 0.5**refinement, at + 0.5**refinement)
        at = best()
        safe = interior and math.isfinite(trials[at].mean_final_loss)
        if safe:
            safety_tests += measure([_rate(at + _MARGIN)], _SAFETY_DRAWS * num_draws)
            lower = [trial.mean_final_loss for position, trial in trials.items() if position < at]
            safe = _holds(safety_tests[-1], trials[at], max(lower))
            if not safe and len(safety_tests) < _MAX_SAFETY_TESTS:
                unsafe = at
                continue
        if not safe and safety_tests:
            unsafe = math.inf
            at = best()
        by_rate = [trials[position] for position in sorted(trials)]
        return Search(trials[at], by_rate, safety_tests, is_interior(at), safe)


def _holds(test: Trial, best: Trial, worst_below: float) -> bool:
    """Whether no draw diverges in the safety test of `best`; `worst_below` is the highest mean at lower rates."""
    if not math.isfinite(test.mean_final_loss) or test.median_final_loss > worst_below:
        return False
    if best.num_draws == 1:
        return True
    standard_error = best.standard_deviation / math.sqrt(best.num_draws)
    # What a slightly higher rate does to all draws alike shows in the median, a draw that diverges does not.
    change = max(0.0, test.median_final_loss - best.median_final_loss)
    tolerance = 4 * standard_error + 2 * change + 1e-6 * abs(best.mean_final_loss)
    return test.mean_final_loss <= best.mean_final_loss + tolerance


def _rate(position: float) -> float:
    # Rounded: what the table shows is what was run.
    return float(f"{10 ** (position / STEPS_PER_DECADE):.4g}")


def _trial(learning_rate: float, losses: np.ndarray) -> Trial:
    if not np.all(np.isfinite(losses)):
        return Trial(learning_rate, math.inf, math.inf, math.inf, len(losses))
    losses = losses.astype(np.float64)
    spread = float(losses.std(ddof=1)) if len(losses) > 1 else 0.0
    return Trial(learning_rate, float(losses.mean()), float(np.median(losses)), spread, len(losses))


def _is_to_be_kept(record: dict[str, Any]) -> bool:
    """Not a search from before draws were left out that may have gone astray for one of them."""
    return "left_out_draws" in record or (record["interior"] and bool(record["safety_tests"]))


def _json_able(trial: Trial) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in trial._asdict().items()}
