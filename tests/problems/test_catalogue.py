"""The table of problems against the constructors it describes."""

import importlib
import inspect
import subprocess
import sys

import pytest

import problems
from problems import catalogue


@pytest.mark.parametrize("name", catalogue.names())
def test_options_are_those_of_the_constructor(name):
    entry = catalogue.CATALOGUE[name]
    module, _, attribute = entry.home.partition(":")
    constructor = getattr(importlib.import_module(module), attribute)
    assert problems.PROBLEMS[name] is constructor
    parameters = inspect.signature(constructor).parameters.values()
    assert set(entry.options) == {parameter.name for parameter in parameters}
    assert set(entry.required) == {parameter.name for parameter in parameters if parameter.default is parameter.empty}
    assert (entry.dataset is not None or entry.inner is not None) == ("data_dir" in entry.options)
    if inspect.isclass(constructor):
        assert constructor.name == name


def test_check_names_what_is_missing():
    with pytest.raises(ValueError, match=r"^The problem ensemble needs the options \['problems'\]\. Received: \[\]\.$"):
        catalogue.check("ensemble", {})


def test_names_options_and_missing_data_need_no_tensorflow(tmp_path):
    code = f"""
import sys, problems
from problems import catalogue, datasets
problems.names()
catalogue.check("quadratic", {{"num_dims": 2}})
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
