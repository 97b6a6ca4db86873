"""The table of networks against the classes it describes."""

import inspect
import re
import subprocess
import sys

import pytest

from l2l_tf import networks
from l2l_tf.networks import catalogue, loss_features, preprocess
from problems import configurable, option_values


@pytest.mark.parametrize("name", catalogue.names())
def test_options_are_those_of_the_constructor(name):
    network = networks.NETWORKS[name]
    assert network.__name__ == name
    entry = catalogue.CATALOGUE[name]
    taken = dict(inspect.signature(network).parameters)
    del taken["name"]
    assert set(entry.options) == set(taken) == set(configurable.parameters(network))
    assert set(entry.required) == {
        option for option, parameter in taken.items() if parameter.default is parameter.empty
    }
    assert set(entry.options) <= set(catalogue.VALUES)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("adam", "Adam"),
        ("RMSprop", "RMSProp"),
        ("NAG", "Nesterov"),
        ("coordinate-wise_deep_lstm", "CoordinateWiseDeepLSTM"),
    ],
)
def test_find_overlooks_case_and_hyphens(written, meant):
    assert catalogue.find(written) == meant


def test_names_options_and_errors_need_no_tensorflow():
    code = (
        "import sys; from l2l_tf import networks; from l2l_tf.networks import catalogue; networks.names();"
        "catalogue.check_options('adam', {'beta_1': 0});"
        "catalogue.check_values('adam', {'beta_1': 0}); assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("name", "option", "bad"),
    [
        ("CoordinateWiseDeepLSTM", "layers", [0]),
        ("CoordinateWiseDeepLSTM", "preprocess_name", "log"),
        ("RNNProp", "layers", []),
        ("RNNProp", "beta_1", 1.0),
        ("RNNProp", "epsilon", 0.0),
        ("LearnedMomentum", "learning_rate", 0.0),
        ("GlobalAveragingLSTM", "global_cells", -1),
        ("NtmBfgs", "heads", "dfp"),
        ("NtmBfgs", "initial_scale", 0),
        ("NtmBfgs", "output", "write"),
        ("NtmBfgs", "write_heads", 0),
        ("NtmLBfgs", "history", 0),
        ("PerParameterMLP", "layers", [1]),
        ("PerParameterMLP", "decays", []),
        ("PerParameterMLP", "trained_steps", 0),
        ("AdafactorMLP", "second_moment_decay", 1.5),
        ("HierarchicalLSTM", "cells", 0),
        ("HierarchicalLSTM", "losses", ["test"]),
        ("Adam", "learning_rate", -1.0),
        ("RNNProp", "dtype", "bfloat16"),
        ("CoordinateWiseDeepLSTM", "dtype", "float16"),
        ("NtmBfgs", "dtype", "bfloat16"),
        ("AdafactorMLP", "dtype", "float16"),
        ("GlobalAveragingLSTM", "function_axis", 1),
        ("PerParameterMLP", "seed", -1),
    ],
)
def test_values_that_are_refused_are_refused_by_the_constructor_too(name, option, bad):
    with pytest.raises(ValueError, match=rf"^{name}: {option} is .*\. Received: {option}={re.escape(repr(bad))}\.$"):
        catalogue.check_values(name, {option: bad})
    with pytest.raises(ValueError, match=rf"^{name}: {option} is .*\. Received: {option}={re.escape(repr(bad))}\.$"):
        networks.NETWORKS[name](**{option: bad})


@pytest.mark.parametrize("name", catalogue.names())
def test_what_a_network_keeps_of_its_options_are_values_that_they_may_have(name):
    required = {"output_size": 2, "kernel_shape": [2, 2]}
    options = {option: required[option] for option in catalogue.CATALOGUE[name].required}
    catalogue.check_values(name, networks.NETWORKS[name](**options).options)


def test_words_are_those_of_the_modules():
    assert catalogue.VALUES["preprocess_name"].what == option_values.one_of(*preprocess.PREPROCESSORS).what
    for name, values in catalogue.PREPROCESSORS.items():
        assert set(values) == set(inspect.signature(preprocess.PREPROCESSORS[name]).parameters)
    assert all(catalogue.VALUES["losses"].fits([loss]) for loss in loss_features.FIELDS)


def test_check_options_names_what_is_missing():
    with pytest.raises(ValueError, match=r"^KernelDeepLSTM does not take these options: it needs 'kernel_shape'\. Rec"):
        catalogue.check_options("KernelDeepLSTM", {"scale": 1.0})


@pytest.mark.parametrize(
    ("name", "option", "bad"),
    [("RNNProp", "scale", None), ("RNNProp", "scale", "a"), ("HierarchicalLSTM", "magnitude_scale", [1])],
)
def test_values_that_commands_refuse(name, option, bad):
    with pytest.raises(
        ValueError, match=rf"^{name}: {option} is a number\. Received: {option}={re.escape(repr(bad))}\.$"
    ):
        catalogue.check_values(name, {option: bad})


def test_a_name_is_no_option():
    with pytest.raises(ValueError, match=r"it takes \['learning_rate', 'momentum'\], not 'name'"):
        catalogue.check_options("NAG", {"name": "x"})
