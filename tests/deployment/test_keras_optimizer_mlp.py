"""LearnedOptimizer with the rules of an MLP on each coordinate."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import LearnedOptimizer, networks
from l2l_tf.networks import Observation
from l2l_tf.saving import saved_optimizer
from l2l_tf.unrolling.coordinates import AssignedNetworks

OPTIONS = {
    "PerParameterMLP": {"layers": [3], "decays": [0.5, 0.9]},
    "AdafactorMLP": {"layers": [3], "decays": [0.5, 0.9]},
    "ControlledMLP": {"layers": [3], "control_layers": [3], "decays": [0.5, 0.9]},
    "HierarchicalLSTM": {"layers": [3], "decays": [0.5, 0.9], "cells": 2, "messages": 2, "losses": []},
}
pytestmark = pytest.mark.filterwarnings(  # Keras 3.15 with NumPy 2, when it reads variables to save them
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)
every_rule = pytest.mark.parametrize("name", OPTIONS)


def _network(name):
    return networks.get(name, **OPTIONS[name], scale=0.1, seed=1)


def _variables():
    return [tf.Variable(tf.ones([2, 3])), tf.Variable(tf.zeros([3])), tf.Variable(2.0)]


def _gradients(step):
    generator = np.random.default_rng(step)
    return [tf.constant(generator.normal(size=v.shape), tf.float32) for v in _variables()]


@pytest.mark.parametrize(("name", "jit"), [*((name, False) for name in OPTIONS), ("AdafactorMLP", True)])
def test_three_steps_are_those_of_the_network(name, jit):
    network, variables = _network(name), _variables()
    optimizer = LearnedOptimizer(network)
    optimizer.build(variables)
    apply = tf.function(lambda gradients: optimizer.apply(gradients, variables), jit_compile=jit)
    own = {str(i): tf.convert_to_tensor(v) for i, v in enumerate(_variables())}
    state = network.initial_state(own)
    for step in range(3):
        apply(_gradients(step))
        gradients = dict(zip(own, _gradients(step)))
        updates, state = network(Observation(gradients, own, step=tf.constant(float(step))), state)
        own = {key: value + updates[key] for key, value in own.items()}
        for variable, value in zip(variables, own.values()):
            np.testing.assert_allclose(variable, value, rtol=1e-5, atol=1e-6)


@every_rule
def test_a_model_saved_and_loaded_goes_on_bit_for_bit(name, tmp_path):
    x, y = np.ones([4, 2], np.float32), np.ones([4, 1], np.float32)
    model = keras.Sequential([keras.Input([2]), keras.layers.Dense(2), keras.layers.Dense(1)])
    model.compile(optimizer=LearnedOptimizer(_network(name)), loss="mse")
    model.fit(x, y, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    for one in (model, again):
        one.fit(x, y, epochs=2, verbose=0, shuffle=False)
    for ours, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@every_rule
def test_a_gradient_that_is_not_finite_leaves_its_coordinate(name):
    variables = _variables()
    optimizer = LearnedOptimizer(_network(name))
    optimizer.build(variables)
    gradients = _gradients(0)
    gradients[0] = tf.tensor_scatter_nd_update(gradients[0], [[1, 2]], [np.nan])
    optimizer.apply(gradients, variables)
    assert variables[0][1, 2] == 1 and variables[0][0, 0] != 1
    assert int(optimizer.nonfinite_gradients) == 1
    optimizer.apply(_gradients(1), variables)
    assert all(np.all(np.isfinite(v)) for v in variables) and variables[0][1, 2] != 1


def test_a_rule_trained_on_losses_runs_without(tmp_path):
    trained = networks.get("HierarchicalLSTM", **{**OPTIONS["HierarchicalLSTM"], "losses": ["training"]})
    with pytest.raises(ValueError, match=r"not the loss, which the network 'network' observes"):
        LearnedOptimizer(trained)
    saved_optimizer.save(AssignedNetworks({"network": trained}), tmp_path)
    LearnedOptimizer(saved_optimizer.load(tmp_path, losses=[])).build(_variables())
