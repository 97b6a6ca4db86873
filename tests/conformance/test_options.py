"""Every option of every network and problem, with values that mean nothing: taken where they mean something, or refused.

A refusal is a ValueError that says what was received, by the constructor itself. What is taken is in `MEANS_SOMETHING`,
by the kind of value; a new option joins by its name in a catalogue.
"""

import inspect
import math

import numpy as np
import pytest
import tensorflow as tf

import problems
from l2l_tf import networks
from l2l_tf.networks import catalogue as networks_catalogue
from problems import catalogue as problems_catalogue
from tests.problems import art_files

VALUES = {
    "object": object(),
    "text": "nonesuch",
    "bytes": b"1",
    "complex": 1j,
    "function": len,
    "dictionary": {"a": 1},
    "list of text": ["a"],
    "list of lists": [[1]],
    "list of nan": [math.nan],
    "list of fractions": [1.5],
    "list of zero": [0],
    "list of -1": [-1],
    "list of true": [True],
    "list of huge": [10**30],
    "nan": math.nan,
    "numpy nan": np.float32("nan"),
    "array of nan": np.full([2], math.nan),
    "infinity": math.inf,
    "-infinity": -math.inf,
    "true": True,
    "1.5": 1.5,
    "text of a number": "1",
    "negative": -1,
    "zero": 0,
    "huge": 1e30,
    "huge integer": 10**30,
    "beyond float": 10**400,
    "none": None,
    "empty text": "",
    "empty list": [],
    "empty dictionary": {},
}

_SCALES = {"scale", "magnitude_scale", "initializer"}
_RATES = {"learning_rate", "epsilon", "initial_scale", "condition_number"}
_AT_LEAST_0 = {
    *("stddev", "input_noise", "log_range", "content_weight", "style_weight", "variation_weight"),
}
_NUMBERS = {*_SCALES, *_RATES, *_AT_LEAST_0}
_OR_NONE = {"preprocess_options", "trained_steps", "initializer", "function_axis", "labels", "data_dir", "weights"}
# Of a task that is given by its configuration.
_OF_TASKS = {"family", "seed"}
MEANS_SOMETHING = {
    "true": {"magnitude", "learned_scale", "batch_norm", "download"},
    "1.5": _NUMBERS,
    "negative": _SCALES,
    "zero": {*_SCALES, *_AT_LEAST_0, "learning_rate", "epsilon", "beta_1", "beta_2", "momentum", "rho", "seed"}
    | {"global_cells", "function_axis", "second_moment_decay"},
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


def _construct(constructor, options):
    """The object, or None where the constructor refuses as it should."""
    try:
        return constructor(**options)
    except ValueError as error:
        assert "Received: " in str(error), error
        return None


def _check(name, constructor, option, given, faults):
    for kind, value in VALUES.items():
        taken = option in MEANS_SOMETHING.get(kind, ()) and (name, option, kind) not in REFUSED
        try:
            made = _construct(constructor, {**given, option: value})
        except Exception as error:
            faults.append(f"{option}, {kind}: {type(error).__name__}: {str(error)[:200]}")
            continue
        if (made is not None) != taken:
            faults.append(f"{option}, {kind}: {'taken' if made is not None else 'refused'}")


@pytest.mark.parametrize("name", networks.names())
def test_of_networks(name):
    entry = networks_catalogue.CATALOGUE[name]
    given = {option: value for option, value in SMALL.items() if option in entry.options}
    faults: list[str] = []
    for option in entry.options:
        _check(name, networks.NETWORKS[name], option, given, faults)
    assert not faults, "\n".join(faults)


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
    constructors = [lambda **options: problems.get(name, **options)]
    if inspect.isclass(problems.PROBLEMS[name]):
        constructors.append(problems.PROBLEMS[name])
    faults: list[str] = []
    for option in set(entry.options) - {"data_dir"}:
        for constructor in constructors:
            _check(name, constructor, option, given, faults)
    assert not faults, "\n".join(faults)


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
