"""Random search over a space of hand-designed optimizers, all of their hyperparameters at once, for a problem.

Trial i is configuration i of the space, the same for all problems (Metz et al. 2020, "Using a thousand optimization
tasks to learn hyperparameter search strategies"), so that of a budget of N trials the first N are tried. The draws are
those of `tuning`.
"""

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from l2l_tf import networks
from l2l_tf.evaluation import searches
from l2l_tf.evaluation.tuning_cache import TuningCache
from l2l_tf.evaluation.tuning_draws import TuningDraws
from l2l_tf.networks import search_spaces
from l2l_tf.networks.scheduled import Scheduled
from l2l_tf.unrolling import arguments
from problems.problem import Problem


@arguments.checked
def search(
    problem: Problem,
    space: str,
    num_trials: int,
    num_steps: int,
    num_draws: int = 10,
    seed: int = 0,
    cache: TuningCache | None = None,
    on_trial: Callable[[int], None] = lambda configuration: None,
) -> dict[str, Any]:
    """Finds the configuration with the lowest mean loss after the last step; ties go to the earlier one.

    The loss is that of the held-out split "validation" where the problem has one, else f at the last theta. All
    configurations run on the same draws, many side by side (`side_by_side`) or all in one compiled graph.

    Args:
      problem: what is minimised.
      space: one of `search_spaces.SPACES`.
      num_trials: how many of its configurations, from the first.
      num_steps, num_draws, seed: of the runs, which are those that `tuning.tune` takes.
      cache: where the search is looked up first, and written down, as in `tuning.tune`.
      on_trial: called with the number of each configuration after it.

    Returns:
      A JSON-able record: `configuration`, the number of the best, its `net`, `net_options` and `learning_rate`;
      `mean_final_loss`; `trials`, the mean final loss of each configuration, None where one of its losses is not
      finite; `left_out_draws`, the numbers of those without a finite loss at any rate; `key`, all that determined the
      search; and command, date, versions and seconds.

    Raises:
      ValueError: an unknown space, more trials than it has configurations or none, no draw that is finite where nothing
        moves, or no configuration that gave a finite loss.
    """
    search_spaces.check_trials(space, num_trials)
    key = searches.key(problem, num_steps, num_draws, seed, search_space=space, num_trials=num_trials)
    cache = searches.kept_in(cache, problem)
    if cache and (known := cache.find(key)):
        return known
    began = time.perf_counter()
    configurations = [search_spaces.configuration(space, number, num_steps) for number in range(num_trials)]
    network = _built(*configurations[0])
    runs = TuningDraws(problem, network, num_steps, searches.judged_on(problem), seed, network.hyperparameters)
    settings = [
        {name: float(value) for name, value in _built(*configuration).hyperparameters.items()}
        for configuration in configurations
    ]
    means = []
    for number, losses in enumerate(runs.final_losses(settings, num_draws)):
        means.append(float(losses.mean(dtype=np.float64)) if np.all(np.isfinite(losses)) else math.inf)
        on_trial(number)
    best = int(np.argmin(means))
    if not math.isfinite(means[best]):
        raise ValueError(
            f"None of the first {num_trials} configurations of {space} gives a finite loss after {num_steps} steps of "
            f"{problem.name!r}."
        )
    net, options = configurations[best]
    measured = {
        "configuration": best,
        "net": net,
        "net_options": options,
        "learning_rate": options["learning_rate"],
        "mean_final_loss": means[best],
        "left_out_draws": runs.left_out,
        "trials": [mean if math.isfinite(mean) else None for mean in means],
    }
    record = searches.record(measured, key, began)
    if cache:
        cache.add(record)
    return record


def _built(network: str, options: dict[str, Any]) -> Scheduled:
    built = networks.get(network, **options)
    assert isinstance(built, Scheduled)
    return built
