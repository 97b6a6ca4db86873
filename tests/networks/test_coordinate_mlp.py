"""What the rules with an MLP on each coordinate have in common."""

import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import LearnedOptimizer, networks
from l2l_tf.networks import Observation
from l2l_tf.networks.mlp_layers import COMPILED_FROM

OPTIONS = {
    "PerParameterMLP": {"layers": [3], "decays": [0.5, 0.9]},
    "AdafactorMLP": {"layers": [3], "decays": [0.5, 0.9]},
    "ControlledMLP": {"layers": [3], "control_layers": [3], "decays": [0.5, 0.9]},
    "HierarchicalLSTM": {"layers": [3], "decays": [0.5, 0.9], "cells": 2, "messages": 2, "losses": []},
}


def network(name):
    return networks.get(name, **OPTIONS[name], scale=0.1, initializer="glorot_normal", seed=1)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("columns", [3, COMPILED_FROM])
def test_a_parameter_that_is_no_number_is_seen_as_zero(name, columns, bad):
    if columns > 3 and not np.isnan(bad):
        pytest.skip("The compiled calls see the same views.")
    rule, generator = network(name), np.random.default_rng(0)
    theta = generator.normal(size=(2, columns)).astype(np.float32)
    gradients = {"w": tf.constant(generator.normal(size=(2, columns)), tf.float32)}
    moved = {}
    for value in (bad, 0.0):
        theta[1, 2] = value
        parameters = {"w": tf.constant(theta)}
        updates, state = rule(Observation(gradients, parameters, step=tf.constant(0.0)), rule.initial_state(parameters))
        moved[value] = updates["w"].numpy()
        assert all(np.all(np.isfinite(h)) for h in tf.nest.flatten(state))
    assert np.all(np.isfinite(moved[0.0])) and np.all(moved[0.0] != 0)
    np.testing.assert_array_equal(moved[bad], moved[0.0])


@pytest.mark.parametrize("name", OPTIONS)
def test_a_variable_that_is_nan_in_one_entry_trains_on_in_the_others(name):
    optimizer, variable = LearnedOptimizer(network(name)), tf.Variable([1.0, np.nan, 2.0])
    for _ in range(3):
        before = variable.numpy()
        optimizer.apply([tf.constant([0.5, np.nan, -1.0])], [variable])
        assert np.isnan(variable.numpy()).tolist() == [False, True, False]
        assert np.all(variable.numpy()[[0, 2]] != before[[0, 2]])
