"""The search of learning rates, against optima that can be computed."""

import json
import math
import sys

import numpy as np
import pytest
import tensorflow as tf

import problems
from l2l_tf import networks
from l2l_tf.evaluation import tuning
from l2l_tf.evaluation.evaluator import Evaluator
from l2l_tf.evaluation.tuning import Grid, Trial
from l2l_tf.evaluation.tuning_cache import TuningCache
from l2l_tf.unrolling import seeds
from problems.problem import Problem
from problems.quadratic import Quadratic

SIXTEENTH = 10 ** (1 / 16)


class Bowl(Problem):
    """f(x) = sum_i c_i x_i^2 / 2 from all ones."""

    name = "quadratic"  # A name that the cache takes.

    def __init__(self, *curvatures, held_out=None):
        self.options = {"curvatures": list(curvatures)}
        self.traces = 0
        self._curvatures = tf.constant(curvatures)
        self._held_out = held_out
        self.held_out_splits = () if held_out is None else ("validation",)

    def initial_parameters(self, instance, seed):
        return {"x": tf.ones_like(self._curvatures)}

    def loss(self, parameters, instance, seed):
        self.traces += 1
        return tf.reduce_sum(self._curvatures * tf.square(parameters["x"])) / 2

    def held_out_loss(self, parameters, instance, split):
        return tf.reduce_sum(tf.square(parameters["x"] - self._held_out))


def measured(mean):
    """A `measure` that knows the mean of every rate, and what it was asked for."""
    asked = []

    def measure(rates, num_draws):
        asked.extend((rate, num_draws) for rate in rates)
        return [Trial(rate, mean(rate, num_draws), mean(rate, 1), 0.0, num_draws) for rate in rates]

    return measure, asked


def test_the_optimum_of_one_step():
    a, b = 1.0, 4.0
    record = tuning.tune(Bowl(a, b), "Sgd", 1, 2)
    # d/dr [a (1 - r a)^2 + b (1 - r b)^2] = 0
    optimum = (a**2 + b**2) / (a**3 + b**3)
    assert optimum / math.sqrt(SIXTEENTH) < record["learning_rate"] < optimum * math.sqrt(SIXTEENTH)
    assert record["interior"]
    for trial in record["trials"]:
        rate = trial["learning_rate"]
        expected = (a * (1 - rate * a) ** 2 + b * (1 - rate * b) ** 2) / 2
        assert trial["mean_final_loss"] == pytest.approx(expected, rel=1e-4)
        assert trial["standard_deviation"] == pytest.approx(0, abs=1e-6 * expected)
    rates = [trial["learning_rate"] for trial in record["trials"]]
    assert rates == sorted(rates)
    assert len(rates) >= 15 + 4
    assert record["mean_final_loss"] == min(trial["mean_final_loss"] for trial in record["trials"])
    assert record["command"]
    assert record["versions"]["tensorflow"] == tf.__version__
    assert record == json.loads(json.dumps(record, allow_nan=False))


@pytest.mark.parametrize(("curvature", "num_steps"), [(2e-3, 1), (1e5, 20)])
def test_an_optimum_beyond_the_grid(curvature, num_steps):
    # The optimum is 1 / curvature: above 32, and below 0.01, where the whole grid overflows to infinity.
    record = tuning.tune(Bowl(curvature), "Sgd", num_steps, 2)
    assert record["interior"]
    assert 1 / SIXTEENTH < record["learning_rate"] * curvature < SIXTEENTH
    if curvature > 1:
        assert record["trials"][-1]["mean_final_loss"] is None


def test_a_grid_of_ones_own_is_another_search(tmp_path):
    cache = TuningCache(tmp_path / "tuning.json")
    whole = tuning.tune(Bowl(1.0, 4.0), "Sgd", 1, 2, cache=cache)
    reduced = tuning.tune(Bowl(1.0, 4.0), "Sgd", 1, 2, cache=cache, grid=Grid(-4, -2))
    # The edge is at the best of the grid, so it is extended until the optimum lies inside.
    assert reduced["learning_rate"] == whole["learning_rate"]
    assert reduced["key"]["grid"] == [0.1, 0.3162]
    assert len(reduced["trials"]) < len(whole["trials"])
    assert tuning.tune(Bowl(1.0, 4.0), "Sgd", 1, 2, cache=cache) == whole


def test_the_grids_are_those_of_the_paper_and_our_recipes():
    ends = {name: (tuning._rate(grid.first), tuning._rate(grid.last)) for name, grid in tuning.GRIDS.items()}
    assert ends["Adam"] == (1e-3, 3.162)
    assert ends["RMSProp"] == (3.162e-4, 1)
    assert ends["Sgd"] == (1e-2, 31.62)
    assert ends["Nesterov"] == (3.162e-3, 10)
    assert all(grid.last - grid.first + 1 >= 12 for grid in tuning.GRIDS.values())


def test_an_edge_without_end_is_given_up_and_said():
    measure, asked = measured(lambda rate, num_draws: 1 / rate)
    found = tuning.search(measure, Grid(-8, 6), 3)
    assert not found.interior
    assert found.best.learning_rate == max(rate for rate, _ in asked) == pytest.approx(10 ** (22 / 4), rel=1e-3)
    assert len(asked) == 15 + 16
    assert found.safety_tests == []
    assert not found.safe


def test_an_edge_below_is_said_too():
    measure, asked = measured(lambda rate, num_draws: 1 + rate)
    found = tuning.search(measure, Grid(-8, 6), 3)
    assert (found.interior, found.safe, found.safety_tests) == (False, False, [])
    assert found.best.learning_rate == min(rate for rate, _ in asked)


def test_where_no_safety_test_holds_the_search_does_not_end_at_the_edge_it_walked_to():
    # The best rate is 0.1; whatever the rate, one draw in twenty diverges.
    def mean(rate, num_draws):
        return math.inf if num_draws > 3 else abs(math.log10(rate) + 1)

    measure, asked = measured(mean)
    found = tuning.search(measure, Grid(-8, 6), 3)
    assert found.best.learning_rate == 0.1
    assert (found.interior, found.safe) == (True, False)
    assert len(found.safety_tests) == 16
    assert min(rate for rate, _ in asked) > 0.001


def test_a_search_that_ends_well_is_safe():
    measure, _ = measured(lambda rate, num_draws: abs(math.log10(rate) + 1))
    found = tuning.search(measure, Grid(-8, 6), 3)
    assert (found.best.learning_rate, found.interior, found.safe) == (0.1, True, True)


class Sparse(Bowl):
    """x^2 / 2 from 1 with a minimum at 0, and a share of draws whose loss, or its gradient alone, is NaN everywhere."""

    def __init__(self, share, gradient_alone=False):
        super().__init__(1.0)
        self.options = {"share": share, "gradient_alone": gradient_alone}
        self._gradient_alone = gradient_alone

    def sample(self, seed):
        return tf.random.stateless_uniform([], seed) < self.options["share"]

    def loss(self, parameters, instance, seed):
        x = parameters["x"][0]
        if self._gradient_alone:  # The norm's gradient at 0 is NaN.
            x += tf.norm(tf.zeros([2]) * x) * tf.cast(instance, x.dtype)
        else:
            x = tf.where(instance, float("nan"), x)
        return tf.square(x) / 2


@pytest.mark.parametrize("gradient_alone", [False, True])
def test_draws_that_are_finite_at_no_rate_say_nothing_of_rates(gradient_alone):
    problem = Sparse(0.1, gradient_alone)
    record = tuning.tune(problem, "Sgd", 5, 10, seed=1)
    clean = tuning.tune(Bowl(1.0), "Sgd", 5, 10)
    assert record["learning_rate"] == clean["learning_rate"] == 1.0
    assert (record["interior"], record["safe"]) == (True, True)
    draws = seeds.fold(seeds.root(1), seeds.Purpose.TUNING)
    starts = [seeds.fold(seeds.fold(draws, i), seeds.Purpose.PROBLEM) for i in range(100)]
    rare = [i for i, start in enumerate(starts) if bool(problem.sample(start))]
    assert len(rare) > 3
    assert rare[0] < 10  # One of those that the search itself is on.
    assert record["left_out_draws"] == rare
    assert {trial["num_draws"] for trial in record["trials"]} == {10 - sum(draw < 10 for draw in rare)}
    assert record["safety_tests"][-1]["num_draws"] == 100 - len(rare)
    assert clean["left_out_draws"] == []


def test_a_search_that_went_astray_before_draws_were_left_out_is_done_again(tmp_path):
    cache = TuningCache(tmp_path / "tuning.json")
    record = tuning.tune(Bowl(1.0), "Sgd", 1, 1, cache=cache)
    for changes, again in (({}, False), ({"interior": False}, True), ({"safety_tests": []}, True)):
        old = (
            {k: v for k, v in record.items() if k not in ("left_out_draws", "safe")} | {"learning_rate": 7.0} | changes
        )
        cache.add(old)
        found = tuning.tune(Bowl(1.0), "Sgd", 1, 1, cache=cache)
        assert found["learning_rate"] == (record["learning_rate"] if again else 7.0)


def test_ties_go_to_the_lower_rate():
    measure, _ = measured(lambda rate, num_draws: 0.0 if 0.09 < rate < 1.1 else 1.0)
    found = tuning.search(measure, Grid(-8, 6), 3)
    assert 0.09 < found.best.learning_rate <= 0.1


def test_a_best_rate_that_rarely_diverges_is_left_out():
    # The loss falls up to 1, where all draws diverge; from 0.5 one in 20 does, which 4 draws did not show.
    def mean(rate, num_draws):
        return 1 / rate if rate < 0.5 or (rate < 1 and num_draws < 20) else math.inf

    measure, asked = measured(mean)
    found = tuning.search(measure, Grid(-8, 6), 4)
    assert [test.num_draws for test in found.safety_tests] == [40] * len(found.safety_tests)
    assert [test.mean_final_loss for test in found.safety_tests[:-1]] == [math.inf] * (len(found.safety_tests) - 1)
    assert len(found.safety_tests) >= 2
    best = found.best.learning_rate
    assert 0.5 / SIXTEENTH**2 < best < 0.5 / 10 ** (1 / 32)
    assert found.safety_tests[-1].learning_rate == pytest.approx(best * 10 ** (1 / 32), rel=1e-3)
    assert len({rate for rate, num_draws in asked if num_draws == 4}) == len(found.trials)
    assert found.interior


@pytest.mark.parametrize(
    ("test", "holds"),
    [
        ((1.0, 1.0), True),
        ((1.39, 1.0), True),  # four standard errors of 0.1
        ((1.41, 1.0), False),  # one draw in a hundred ends at 42
        ((1.9, 1.5), True),  # slightly worse for all draws
        ((1.5, 1.5), True),
        ((2.5, 1.5), False),
        ((4.0, 4.0), False),  # worse than any lower rate: all draws diverge
        ((math.inf, math.inf), False),
    ],
)
def test_what_a_safe_rate_is(test, holds):
    best = Trial(0.5, 1.0, 1.0, 0.2, 4)
    assert tuning._holds(Trial(0.54, *test, 0.2, 40), best, worst_below=3.0) == holds


def test_a_rate_with_one_draw_that_is_not_finite_is_the_worst():
    trial = tuning._trial(0.1, np.array([1.0, np.nan, 1.0]))
    assert trial == Trial(0.1, math.inf, math.inf, math.inf, 3)
    trial = tuning._trial(0.1, np.array([1.0, 2.0, 6.0], np.float32))
    assert trial == Trial(0.1, 3.0, 2.0, pytest.approx(np.sqrt(7)), 3)


def test_held_out_data_decides_where_there_is_any():
    # One step from 1 down f = x^2 / 2 ends at 1 - rate; the validation loss wants it at 0.9.
    record = tuning.tune(Bowl(1.0, held_out=0.9), "Sgd", 1, 1)
    assert record["key"]["criterion"] == "mean loss on validation"
    assert record["learning_rate"] == 0.1


def test_all_rates_run_in_one_graph():
    problem = Bowl(1.0)
    tuning.tune(problem, "Adam", 2, 1)
    evaluated = Bowl(1.0)
    Evaluator(evaluated, networks.get("Adam"), 2)(seeds.root(0), 1)
    assert problem.traces == evaluated.traces


def test_draws_are_not_those_of_the_evaluation():
    problem, network = Quadratic(batch_size=1, num_dims=2), networks.get("Sgd", learning_rate=0.01)
    record = tuning.tune(problem, "Sgd", 1, 2, seed=5)
    finals = {
        purpose: Evaluator(problem, network, 1)(seeds.fold(seeds.root(5), purpose), 2).final().mean()
        for purpose in (seeds.Purpose.TUNING, seeds.Purpose.EVALUATION)
    }
    assert record["trials"][0]["learning_rate"] == 0.01
    assert record["trials"][0]["mean_final_loss"] == pytest.approx(finals[seeds.Purpose.TUNING], rel=1e-6)
    assert finals[seeds.Purpose.TUNING] != pytest.approx(finals[seeds.Purpose.EVALUATION], rel=1e-3)


def test_a_search_that_was_done_is_not_done_again(tmp_path):
    path = tmp_path / "new" / "tuning.json"
    record = tuning.tune(Bowl(1.0), "Sgd", 1, 1, cache=TuningCache(path))
    again = Bowl(1.0)
    trials = []
    assert tuning.tune(again, "Sgd", 1, 1, cache=TuningCache(path), on_trial=trials.append) == record
    assert (again.traces, trials) == (0, [])
    assert json.loads(path.read_text())["searches"] == [record]


@pytest.mark.parametrize(
    "changed",
    [
        {"problem": Bowl(2.0)},
        {"optimizer": "Momentum"},
        {"num_steps": 2},
        {"num_draws": 2},
        {"seed": 1},
        {"problem": Bowl(1.0, held_out=0.5)},
    ],
)
def test_another_search_is_done_and_both_are_kept(changed, tmp_path):
    cache = TuningCache(tmp_path / "tuning.json")
    arguments = {"problem": Bowl(1.0), "optimizer": "Sgd", "num_steps": 1, "num_draws": 1, "cache": cache}
    tuning.tune(**arguments)
    trials = []
    tuning.tune(**{**arguments, **changed}, on_trial=trials.append)
    assert len(trials) >= 15
    assert len(json.loads(cache.path.read_text())["searches"]) == 2


def test_where_data_is_does_not_matter_to_the_cache(tmp_path):
    cache, trials = TuningCache(tmp_path / "tuning.json"), []
    for folder in ("here", "there"):
        problem = Bowl(1.0)
        problem.options |= {"data_dir": folder, "download": folder == "here", "problems": [{"data_dir": folder}]}
        tuning.tune(problem, "Sgd", 1, 1, cache=cache, on_trial=trials.append)
    assert len(trials) < 30


def test_a_problem_of_the_users_own_is_known_by_its_file_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    source = 'import problems\nown = problems.from_function(lambda p: {} * p["x"] ** 2, {{"x": 1.0}})\n'
    cache, rates = TuningCache("tuning.json"), []
    for scale in (0.5, 0.5, 5.0):
        (tmp_path / "tuned_of_mine.py").write_text(source.format(scale))
        sys.modules.pop("tuned_of_mine", None)
        rates.append(tuning.tune(problems.get("tuned_of_mine:own"), "Sgd", 1, 1, cache=cache)["learning_rate"])
    sys.modules.pop("tuned_of_mine", None)
    assert rates == [1.0, 1.0, 0.1]
    assert len(json.loads(cache.path.read_text())["searches"]) == 2


def test_a_problem_without_a_name_to_know_it_by_is_not_cached(tmp_path):
    problem = problems.from_function(lambda p: p["x"] ** 2, {"x": 1.0})
    tuning.tune(problem, "Sgd", 1, 1, cache=TuningCache(tmp_path / "tuning.json"))
    assert not (tmp_path / "tuning.json").exists()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ('{"format_version": 1, "searches": [{"key"', r"not whole JSON \(.*\)"),
        ("", r"not whole JSON \(.*\)"),
        ("[" * 100_000, r"not whole JSON \(.*\)"),
        ('{"format_version": 3, "searches": []}', "of the format version 3, not 2"),
        ("[]", "of the format version None, not 2"),
        ('{"format_version": 2, "searches": []}', r"not as it was written \(other digest\)"),
        ('{"format_version": 1, "searches": [{}]}', "without the searches and their keys"),
    ],
)
def test_a_damaged_cache_is_one_clear_error(content, what, tmp_path):
    path = tmp_path / "tuning.json"
    path.write_text(content)
    with pytest.raises(
        ValueError, match=rf"^The tuning cache '{path}' is {what}\. Delete it, and .* --tuning_cache\.$"
    ):
        TuningCache(path)
    assert path.read_text() == content


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"optimizer": "CoordinateWiseDeepLSTM"}, r"^Learning rates are searched for \['Adam', .*\]\. Received: 'Coor"),
        ({"num_draws": 0}, r"^tune: num_draws is a whole number of at least 1\. Received: num_draws=0\.$"),
        (
            {"problem": Bowl(1e30)},
            r"^No learning rate from 1e-06 to 31\.62 gives Sgd a finite loss after 1 steps of",
        ),
        (
            {"problem": Bowl(math.inf, 1.0), "num_draws": 2},
            r"^Of the 2 draws of 'quadratic' none has a finite loss even at a learning rate of 0, so that rates cannot "
            r"be compared\. At theta_0 of draw 0 it is the loss, the gradient for 'x' \(in 1 of 2 entries\)\.$",
        ),
    ],
)
def test_bad_searches(arguments, message):
    with pytest.raises(ValueError, match=message):
        tuning.tune(**{"problem": Bowl(1.0), "optimizer": "Sgd", "num_steps": 1, "num_draws": 1, **arguments})
