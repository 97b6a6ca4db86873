"""Every option of every network and problem, and values that mean nothing: taken where they mean something, or refused.

A refusal is a ValueError that says what was received, by the constructor itself. What is taken is in `MEANS_SOMETHING`,
by the kind of value; a new option joins by its name in a catalogue.
"""

import functools
import inspect

import numpy as np
import pytest
import tensorflow as tf

import problems
from l2l_tf import networks
from l2l_tf.networks import catalogue as networks_catalogue
from problems import catalogue as problems_catalogue
from tests.conformance import bad_values
from tests.problems import art_files

_SCALES = {"scale", "magnitude_scale", "initializer"}
_RATES = {"learning_rate", "epsilon", "initial_scale", "condition_number", "low", "high", "memory"}
_AT_LEAST_0 = {
    *("stddev", "input_noise", "log_range", "content_weight", "style_weight", "variation_weight"),
    *("l1", "l2", "linear_decay", "exponential_decay", "weight_decay", "final"),
}
_NUMBERS = {*_SCALES, *_RATES, *_AT_LEAST_0}
_OR_NONE = {
    "preprocess_options",
    "trained_steps",
    "initializer",
    "function_axis",
    "labels",
    "data_dir",
    "weights",
    "memory",
}
# Of a task that is given by its configuration.
_OF_TASKS = {"family", "seed"}
MEANS_SOMETHING = {
    "true": {"magnitude", "learned_scale", "batch_norm", "download", "nesterov", "told"},
    "1.5": _NUMBERS,
    "negative": _SCALES,
    "zero": {*_SCALES, *_AT_LEAST_0, "learning_rate", "epsilon", "beta_1", "beta_2", "momentum", "rho", "seed"}
    | {"global_cells", "function_axis", "second_moment_decay", "warmup", "constant"},
    "none": _OR_NONE,
    "text": {"data_dir"},
    "text of a number": {"data_dir"},
    "empty list": {"layers", "linear_layers", "losses", "weights"},
    "empty dictionary": {"preprocess_options", "initializer"},
    "list of zero": {"decays", "labels", "weights"},
    "list of fractions": {"weights"},
    "list of -1": {"weights"},
}
# What goes into the same constructor, so that it is quick; and what it cannot do without.
SMALL = {
    "layers": [2],
    "global_cells": 1,
    "cells": 2,
    "messages": 1,
    "decays": [0.9],
    "history": 1,
    "output_size": 2,
    "kernel_shape": [1, 1],
}
# Taken by one and not by another.
REFUSED = {
    ("RNNProp", "epsilon", "zero"),
    ("LearnedMomentum", "epsilon", "zero"),
    ("LearnedMomentum", "learning_rate", "zero"),
    ("LearnedAdam", "epsilon", "zero"),
    ("LearnedAdam", "learning_rate", "zero"),
    # One problem has one weight.
    ("neural_art", "style_weight", "none"),
} | {(name, "layers", "empty list") for name in networks.names() if not name.endswith("DeepLSTM")}


def _taken(name, option):
    return {
        kind for kind, options in MEANS_SOMETHING.items() if option in options and (name, option, kind) not in REFUSED
    }


@pytest.mark.parametrize("name", networks.names())
def test_of_networks(name):
    entry = networks_catalogue.CATALOGUE[name]
    given = {option: value for option, value in SMALL.items() if option in entry.options}
    found = []
    for option in entry.options:
        others = {other: value for other, value in given.items() if other != option}
        constructor = functools.partial(networks.NETWORKS[name], **others)
        found += bad_values.faults(option, constructor, _taken(name, option))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", sorted({*problems.names()} - {"taskset"}))
def test_of_problems(name, tiny_data_dir, tmp_path):
    entry = problems_catalogue.CATALOGUE[name]
    given = {
        "data_dir": tiny_data_dir,
        "validation_size": 20,
        "problem": {"name": "simple"},
        "problems": [{"name": "simple"}],
        "size": 16,
        **(art_files.write(tmp_path / "files") if name == "neural_art" else {}),
    }
    given = {option: value for option, value in given.items() if option in entry.options}
    # Where data is, is another matter than what an option may be.
    constructors = [functools.partial(problems.get, name)]
    if inspect.isclass(problems.PROBLEMS[name]):
        constructors.append(problems.PROBLEMS[name])
    found = []
    for option in set(entry.options) - {"data_dir"}:
        others = {other: value for other, value in given.items() if other != option}
        for constructor in constructors:
            found += bad_values.faults(option, functools.partial(constructor, **others), _taken(name, option))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("value", [np.int64(3), np.array(3), tf.constant(3)])
def test_numbers_of_numpy_and_tensorflow_are_numbers(value):
    problem = problems.get("quadratic", num_dims=value, batch_size=value, stddev=value)
    assert {option: type(problem.options[option]) for option in ("num_dims", "batch_size", "stddev")} == {
        "num_dims": int,
        "batch_size": int,
        "stddev": int,
    }
    network = networks.get("CoordinateWiseDeepLSTM", layers=[value], scale=value, seed=value)
    assert network.options["layers"] == [3]
    assert type(network.options["layers"][0]) is type(network.options["seed"]) is int
