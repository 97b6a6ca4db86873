"""The experiments on information between coordinates: commands that train.py takes, and tables."""

import json
from pathlib import Path

import pytest

from experiments.paper.information import runs, table
from l2l_tf.networks import catalogue
from problems import catalogue as problems_catalogue


@pytest.mark.parametrize("family", runs.FAMILIES)
def test_commands_name_problems_and_networks_with_their_options(family):
    problems_catalogue.check(runs.FAMILIES[family].problem, runs.FAMILIES[family].options)
    for architecture, (network, options) in runs.architectures(family).items():
        catalogue.check_options(network, options)
        words = runs.command(family, architecture, 2, Path("there"), 7)
        assert {"--seed=2", "--num_epochs=7", "--save_path=there", f"--network={network}"} <= set(words)
        (given,) = [word for word in words if word.startswith("--network_options=")]
        assert json.loads(given.partition("=")[2]) == options | {"seed": 2}


def test_table_of_two_seeds():
    result = {
        "learned": {"LSTM": {"LSTM-0": [1.0, 0.1, 0.01], "LSTM-1": [1.0, 0.1, 0.03]}, "Other": {"0": [1, 1, 0.01]}},
        "classics": {"Adam, learning rate 0.1": [1.0, 1.0, 0.04]},
        "scipy": {"BFGS": {"loss": 1e-6, "evaluations": 12.0}},
    }
    text = "\n".join(table.render({"family": result}))
    assert "| LSTM | 0.000 (0.000 to 0.000) | -1.000 (-1.000 to -1.000) | -1.761 (-2.000 to -1.523) | 1 | 2 |" in text
    assert "| Other | 0.000 (0.000 to 0.000) | 0.000 (0.000 to 0.000) | -2.000 (-2.000 to -2.000) | 0.5 | 1 |" in text
    assert "| Adam, learning rate 0.1 | 0.000 | 0.000 | -1.398 | 2 | |" in text
    assert "| SciPy BFGS, at most 100 iterations (12 evaluations) | | | -6.000 | 5e-05 | |" in text
