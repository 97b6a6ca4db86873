"""Every preset of every problem, trained as it stands: its networks, assignments, steps and options, for one epoch."""

import dataclasses
import functools

import pytest

import problems
from l2l_tf import presets
from l2l_tf.evaluation import comparison
from l2l_tf.training.config import TrainingConfig
from l2l_tf.training.loop import Training
from problems import catalogue
from tests.problems import art_files

# What makes a problem small, or what it cannot do without: never what a preset says.
SMALL = {
    "quadratic": {"batch_size": 2, "num_dims": 2},
    "mnist": {"layers": [3], "batch_size": 2, "validation_size": 10},
    "cifar": {"conv_channels": [1], "linear_layers": [2], "batch_size": 2, "validation_size": 10},
    "cifar-multi": {"conv_channels": [1], "linear_layers": [2], "batch_size": 2, "validation_size": 10},
    "neural_art": {"size": 16},
    "ensemble": {"problems": [{"name": "quadratic", "options": {"batch_size": 2, "num_dims": 2}}, {"name": "simple"}]},
}
# And one problem without settings of its own, for those that all such problems get.
CASES = [(preset, problem) for preset, own in presets.PRESETS.items() for problem in (*own, "ensemble")]


@pytest.fixture(scope="module")
def art(tmp_path_factory):
    return functools.cache(lambda: art_files.write(tmp_path_factory.mktemp("art") / "files"))


@pytest.mark.parametrize(("preset", "problem"), CASES)
def test_a_preset_trains_as_it_stands(preset, problem, tiny_data_dir, art, tmp_path):
    settings = presets.get(preset, problem)
    options = {**settings.get("problem_options", {}), **SMALL.get(problem, {})}
    options |= art() if problem == "neural_art" else {}
    config = TrainingConfig(**{**settings, "problem": problem, "problem_options": options})
    # The length of things is made small too; all else is the preset's.
    lengths = {"num_epochs": 1, "unroll_length": 2, "num_steps": 2, "evaluation_epochs": 1}
    data = {"data_dir": tiny_data_dir} if catalogue.CATALOGUE[problem].dataset else {}
    training = Training(dataclasses.replace(config, **lengths), tmp_path, data=data)
    outcome = training.run()
    assert outcome.reason == "finished"
    assert outcome.best is not None  # The validation was finite.
    assert training.evaluate(1).losses.shape == (1, 3)


@pytest.mark.parametrize("problem", ["simple", "simple-multi", "quadratic"])
def test_evaluation_without_a_path_takes_networks_that_fit_the_problem(problem):
    built = problems.get(problem, **SMALL.get(problem, {}))
    contender = comparison.untrained("L2L", problem)
    result = comparison.run(built, contender, 2, 1, 0)
    assert result.curves.losses.shape == (1, 3)
