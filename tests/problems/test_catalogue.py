"""The table of problems against the constructors it describes."""

import importlib
import inspect
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import problems
from problems import catalogue, layers, pictures

_WORDS = {*layers.ACTIVATIONS, *pictures.SPLITS, "all", "other"}


@pytest.mark.parametrize("name", catalogue.names())
def test_options_are_those_of_the_constructor(name):
    entry = catalogue.CATALOGUE[name]
    module, _, attribute = entry.home.partition(":")
    constructor = getattr(importlib.import_module(module), attribute)
    assert problems.PROBLEMS[name] is constructor
    parameters = inspect.signature(constructor).parameters.values()
    assert set(entry.options) == {parameter.name for parameter in parameters}
    assert set(entry.required) == {parameter.name for parameter in parameters if parameter.default is parameter.empty}
    needs_data = any(value is not None for value in (entry.dataset, entry.inner, entry.described_by))
    assert needs_data == ("data_dir" in entry.options)
    if inspect.isclass(constructor):
        assert constructor.name == name


@pytest.mark.parametrize(
    ("name", "option", "bad"),
    [
        ("quadratic", "draw", "normal"),
        ("quadratic", "num_dims", 0),
        ("quadratic", "num_dims", 2.5),
        ("quadratic", "condition_number", 0.5),
        ("quadratic", "dtype", "float99"),
        ("simple-multi", "num_dims", 0),
        ("mnist", "activation", "step"),
        ("mnist", "batch_size", 0),
        ("mnist", "input_noise", -1),
        ("mnist", "layers", [0]),
        ("mnist", "layers", 20),
        ("mnist", "mode", "eval"),
        ("mnist", "stddev", -0.1),
        ("mnist", "validation_size", 0),
        ("cifar", "conv_channels", ["a"]),
        ("cifar", "labels", []),
        ("cifar", "linear_layers", [-1]),
    ],
)
def test_values_that_are_refused_are_refused_by_the_constructor_too(name, option, bad):
    with pytest.raises(ValueError, match=rf"^{name}: {option} is .*\. Received: {option}={re.escape(repr(bad))}\.$"):
        catalogue.check_values(name, {option: bad})
    with pytest.raises(ValueError, match=rf"^{name}: {option} is .*\. Received: {option}={re.escape(repr(bad))}\.$"):
        problems.PROBLEMS[name](**{option: bad})


def test_words_are_those_of_the_constructors():
    def words(option):
        return sorted(word for word in _WORDS if catalogue.VALUES[option].fits(word))

    assert words("activation") == sorted(layers.ACTIVATIONS)
    assert words("split") == sorted([*pictures.SPLITS, "all"])


@pytest.mark.parametrize("name", catalogue.names())
def test_defaults_are_values_that_an_option_may_have(name):
    parameters = inspect.signature(problems.PROBLEMS[name]).parameters.values()
    defaults = {
        parameter.name: parameter.default for parameter in parameters if parameter.default is not parameter.empty
    }
    catalogue.check_values(name, defaults)


def test_values_of_numpy_and_tensorflow_are_values_too():
    given = {"dtype": tf.float64, "stddev": np.float32(0.5), "num_dims": np.int64(3)}
    entered = catalogue.enter("quadratic", given)
    assert entered == {"dtype": "float64", "stddev": 0.5, "num_dims": 3}
    assert {option: type(value) for option, value in entered.items()} == {
        "dtype": str,
        "stddev": float,
        "num_dims": int,
    }
    with pytest.raises(ValueError, match=r"^quadratic: stddev is a number of at least 0\. Received: stddev=-1\.0\.$"):
        catalogue.check_values("quadratic", {"stddev": np.float32(-1)})


@pytest.mark.parametrize("dtype", ["bfloat16", tf.bfloat16])
def test_options_that_do_not_go_together(dtype):
    message = r"^quadratic does not take draw=ill_conditioned with dtype=bfloat16: .* the other types only\. Received: "
    with pytest.raises(ValueError, match=message):
        problems.get("quadratic", draw="ill_conditioned", dtype=dtype)
    for draw, fine in (("ill_conditioned", "float16"), ("gaussian", dtype)):
        problem = problems.get("quadratic", draw=draw, dtype=fine, batch_size=2, num_dims=3)
        assert problem.sample([1, 2])["w"].shape == [2, 3, 3]


def test_check_names_what_is_missing():
    with pytest.raises(ValueError, match=r"^The problem ensemble needs the options \['problems'\]\. Received: \[\]\.$"):
        catalogue.check("ensemble", {})


def test_names_options_and_missing_data_need_no_tensorflow(tmp_path):
    code = f"""
import sys, problems
from problems import catalogue, datasets
problems.names()
catalogue.check("quadratic", {{"num_dims": 2}})
catalogue.check_values("quadratic", {{"num_dims": 2}})
for name, options in (("quadradic", {{}}), ("quadratic", {{"dims": 2}}), ("not_there:x", {{}}), (":x", {{}})):
    try:
        problems.get(name, **options)
    except ValueError:
        continue
    raise AssertionError(name)
try:
    datasets.check_present("mnist", {str(tmp_path)!r})
except problems.DatasetNotPreparedError as error:
    assert "The dataset mnist was looked for in {tmp_path} and is not there: " in str(error), error
assert "tensorflow" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
