"""Rates and other hyperparameters side by side, against the runs one by one."""

import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import networks
from l2l_tf.evaluation import side_by_side, space_search, tuning
from l2l_tf.evaluation.evaluator import Evaluator
from l2l_tf.evaluation.side_by_side import SideBySide
from l2l_tf.networks import search_spaces
from l2l_tf.unrolling import seeds
from problems.function import from_function
from problems.image import ImageClassification
from problems.layers import Mlp
from problems.problem import Problem
from problems.quadratic import Quadratic

STEPS = 6
DRAWS = [seeds.root(1), seeds.root(2)]


def images(split):
    generator = np.random.default_rng(1)
    pixels = generator.integers(0, 256, (40, 4, 4, 1)).astype(np.uint8)
    return tf.constant(pixels), tf.constant(generator.integers(0, 3, 40), tf.int32)


PROBLEMS = {
    "quadratic": (Quadratic(batch_size=3, num_dims=4), None),
    "images": (
        ImageClassification(Mlp(16, [3], 3, "tanh"), images, batch_size=5, validation_size=10, stddev=0.3),
        "validation",
    ),
}
PROBLEMS["images"][0].name, PROBLEMS["images"][0].options = "tiny", {}


def one_by_one(problem, network, variables, values, split):
    evaluator = Evaluator(problem, network, STEPS, [split] if split else [])
    rows = []
    for own in values:
        for variable, value in zip(variables, own, strict=True):
            variable.assign(value)
        rows.append([evaluator(seed, 1).final(split)[0] for seed in DRAWS])
    return np.array(rows)


@pytest.fixture(name="always")
def _always(monkeypatch):
    """However few the steps are; what is asked of populations."""
    asked, call = [], SideBySide.__call__
    monkeypatch.setattr(side_by_side, "_FEWEST_STEPS", 0)
    monkeypatch.setattr(
        SideBySide, "__call__", lambda self, values, draws: asked.append(len(values)) or call(self, values, draws)
    )
    return asked


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("name", tuning.GRIDS)
def test_each_rate_is_its_run_one_by_one(name, problem, monkeypatch):
    monkeypatch.setattr(side_by_side, "_AT_ONCE", 3)  # Two groups, the second of which is filled.
    problem, split = PROBLEMS[problem]
    network = networks.get(name)
    values = np.geomspace(1e-3, 0.1, 5)[:, np.newaxis]
    before = float(network.learning_rate)
    population = SideBySide(problem, network, [network.learning_rate], STEPS, split)
    got = population(values, [seeds.fold(seed, 0) for seed in DRAWS])
    assert float(network.learning_rate) == before
    np.testing.assert_allclose(got, one_by_one(problem, network, [network.learning_rate], values, split), rtol=1e-5)
    assert got.shape == (5, 2)
    assert np.ptp(got, axis=0).min() > 1e-4
    assert np.ptp(got, axis=1).min() > 1e-4


@pytest.mark.parametrize("space", ["adam8p", "nadamw"])
def test_each_configuration_is_its_run_one_by_one(space):
    problem, split = PROBLEMS["images"]
    built = [
        networks.get(name, **options)
        for name, options in (search_spaces.configuration(space, number, STEPS) for number in range(6))
    ]
    variables = list(built[0].hyperparameters.values())
    values = np.array([[float(value) for value in network.hyperparameters.values()] for network in built])
    got = SideBySide(problem, built[0], variables, STEPS, split)(values, [seeds.fold(seed, 0) for seed in DRAWS])
    np.testing.assert_allclose(got, one_by_one(problem, built[0], variables, values, split), rtol=1e-5)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_rate_that_diverges_spoils_no_other(problem):
    problem, split = PROBLEMS[problem]
    network = networks.get("Sgd")
    population = SideBySide(problem, network, [network.learning_rate], STEPS, split)
    values = np.array([0.01, np.inf, 0.02, 0.03])[:, np.newaxis]
    got = population(values, [seeds.fold(seed, 0) for seed in DRAWS])
    assert not np.any(np.isfinite(got[1]))
    sound = [0, 2, 3]
    wanted = one_by_one(problem, network, [network.learning_rate], values[sound], split)
    np.testing.assert_allclose(got[sound], wanted, rtol=1e-5)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_search_side_by_side_finds_what_one_by_one_does(problem, always, monkeypatch):
    problem, _ = PROBLEMS[problem]
    rates = []
    found = tuning.tune(problem, "Momentum", STEPS, 2, on_trial=lambda trial: rates.append(trial.learning_rate))
    grid = tuning.GRIDS["Momentum"]
    assert always[0] == grid.last - grid.first + 1
    assert rates[: always[0]] == [tuning._rate(i) for i in range(grid.first, grid.last + 1)]
    monkeypatch.setattr(side_by_side, "_FEWEST_STEPS", np.inf)
    calls = len(always)
    wanted = tuning.tune(problem, "Momentum", STEPS, 2)
    assert len(always) == calls
    for name in ("learning_rate", "interior", "safe", "left_out_draws", "key"):
        assert found[name] == wanted[name]
    assert found["mean_final_loss"] == pytest.approx(wanted["mean_final_loss"], rel=1e-5)
    for trial, other in zip(found["trials"], wanted["trials"], strict=True):
        assert trial == pytest.approx(other, rel=1e-4, abs=1e-6)


def test_a_search_of_a_space_side_by_side_finds_what_one_by_one_does(always, monkeypatch):
    problem, _ = PROBLEMS["images"]
    numbers = []
    found = space_search.search(problem, "adam6p", 5, STEPS, 2, on_trial=numbers.append)
    assert (always, numbers) == ([5], [0, 1, 2, 3, 4])
    monkeypatch.setattr(side_by_side, "_FEWEST_STEPS", np.inf)
    wanted = space_search.search(problem, "adam6p", 5, STEPS, 2)
    assert always == [5]
    assert found["configuration"] == wanted["configuration"]
    np.testing.assert_allclose(found["trials"], wanted["trials"], rtol=1e-5)


class Sparse(Problem):
    """x^2 / 2 from 1, in a share of the draws NaN wherever x is."""

    name = "sparse"

    def sample(self, seed):
        return tf.random.stateless_uniform([], seed) < 0.4

    def initial_parameters(self, instance, seed):
        return {"x": tf.ones([])}

    def loss(self, parameters, instance, seed):
        return tf.where(instance, float("nan"), tf.square(parameters["x"]) / 2)


def test_draws_that_are_finite_at_no_rate_are_left_out_side_by_side_too(always, monkeypatch):
    found = tuning.tune(Sparse(), "Sgd", 3, 4)
    assert always
    monkeypatch.setattr(side_by_side, "_FEWEST_STEPS", np.inf)
    wanted = tuning.tune(Sparse(), "Sgd", 3, 4)
    assert found["left_out_draws"] == wanted["left_out_draws"] != []
    assert (found["learning_rate"], found["trials"]) == (wanted["learning_rate"], wanted["trials"])


def in_python(parameters):
    return tf.ensure_shape(tf.py_function(tf.identity, [tf.reduce_sum(parameters["x"] ** 2)], tf.float32), [])


@pytest.mark.parametrize(
    ("problem", "members", "draws", "pays"),
    [
        (PROBLEMS["quadratic"][0], 2, 10_000, True),
        (PROBLEMS["quadratic"][0], 1, 10_000, False),  # Nothing to share steps with.
        (PROBLEMS["quadratic"][0], 2, 10, False),  # Tracing would take longer.
        (from_function(in_python, {"x": [1.0]}), 2, 10_000, False),  # It cannot be vectorised.
        (from_function(lambda p: tf.reduce_sum(p["x"] ** 2), {"x": [1.0] * 70_000}), 2, 10_000, False),
    ],
)
def test_where_it_pays(problem, members, draws, pays, caplog):
    network = networks.get("Sgd")
    population = SideBySide(problem, network, [network.learning_rate], STEPS, None)
    assert population.pays(members, seeds.root(0), draws) == pays
    assert caplog.text == ""  # Neither by us nor by TensorFlow: nothing became slower than it was.
