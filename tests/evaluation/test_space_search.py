"""Random search over the spaces of hand-designed optimizers."""

import json

import numpy as np
import pytest
import tensorflow as tf

import problems
from l2l_tf import networks
from l2l_tf.evaluation import comparison, report, space_search
from l2l_tf.evaluation.evaluator import Evaluator
from l2l_tf.evaluation.tuning_cache import TuningCache
from l2l_tf.networks import search_spaces
from l2l_tf.unrolling import seeds
from problems.problem import Problem

STEPS, DRAWS, SEED = 5, 3, 4


@pytest.fixture(scope="module")
def problem():
    return problems.get("quadratic", batch_size=2, num_dims=3)


@pytest.mark.parametrize("space", ["adam8p", "opt_list"])
def test_each_trial_is_that_configuration_on_the_draws_of_tuning(problem, space):
    record = space_search.search(problem, space, 4, STEPS, DRAWS, SEED)
    draws = seeds.fold(seeds.root(SEED), seeds.Purpose.TUNING)
    for number, mean in enumerate(record["trials"]):
        network, options = search_spaces.configuration(space, number, STEPS)
        direct = Evaluator(problem, networks.get(network, **options), STEPS)(draws, DRAWS).final()
        assert mean == pytest.approx(float(direct.mean()), rel=1e-5)
    best = int(np.argmin(record["trials"]))
    network, options = search_spaces.configuration(space, best, STEPS)
    assert (record["configuration"], record["net"], record["net_options"]) == (best, network, options)
    assert record["mean_final_loss"] == record["trials"][best]


def test_of_fewer_trials_it_is_the_best_of_the_first(problem):
    four = space_search.search(problem, "adam_lr", 14, STEPS, 1)
    two = space_search.search(problem, "adam_lr", 3, STEPS, 1)
    assert two["trials"] == four["trials"][:3]
    assert (two["configuration"], four["configuration"] > 2) == (2, True)


def test_a_search_that_was_done_is_not_done_again(problem, tmp_path):
    path = tmp_path / "tuning.json"
    done = space_search.search(problem, "adam1p", 2, STEPS, 1, cache=TuningCache(path))
    seen = []
    again = space_search.search(problem, "adam1p", 2, STEPS, 1, cache=TuningCache(path), on_trial=seen.append)
    assert (again, seen) == (done, [])
    space_search.search(problem, "adam1p", 3, STEPS, 1, cache=TuningCache(path), on_trial=seen.append)
    assert seen == [0, 1, 2]
    assert len(json.loads(path.read_text())["searches"]) == 2


def test_the_contender_says_which_configuration_won_and_of_how_many(problem):
    contender = comparison.searched("opt_list", 3, problem, STEPS, 1, 0)
    number = contender.details["search"]["configuration"]
    network, options = search_spaces.configuration("opt_list", number, STEPS)
    assert contender.name == f"opt_list ({number} of 3)"
    assert (contender.learned, contender.learning_rate) == (False, options["learning_rate"])
    assert contender.details["net"] == network
    assert report.tuning_caveats(contender.name, contender.details) == []
    result = comparison.run(problem, contender, STEPS, 2, 0)
    assert f"opt_list ({number} of 3)" in report.table([result])


@pytest.mark.parametrize(
    ("space", "trials", "message"),
    [
        ("adam", 1, r"Search spaces are \['adam_lr', .*\. Received: 'adam'\."),
        ("adam_lr", 15, r"The search space adam_lr has configurations for 1 to 14 trials\. Received: 15\."),
        ("adam_lr", 0, r"for 1 to 14 trials\. Received: 0\."),
        ("adam_lr", True, r"for 1 to 14 trials\. Received: True\."),
        ("adam_lr", 1.5, r"for 1 to 14 trials\. Received: 1\.5\."),
    ],
)
def test_bad_values(problem, space, trials, message):
    with pytest.raises(ValueError, match=message):
        space_search.search(problem, space, trials, STEPS)


class Cliff(Problem):
    """f(x) = x at 1, where it starts, and infinite everywhere else."""

    name = "cliff"

    def initial_parameters(self, instance, seed):
        return {"x": tf.ones([])}

    def loss(self, parameters, instance, seed):
        return tf.where(parameters["x"] == 1, parameters["x"], np.inf)


def test_where_no_configuration_gives_a_finite_loss():
    message = r"None of the first 2 configurations of adam1p gives a finite loss after 1 steps of 'cliff'\."
    with pytest.raises(ValueError, match=message):
        space_search.search(Cliff(), "adam1p", 2, 1, 1)
