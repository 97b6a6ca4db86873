"""Exports of every kind of network: what a row is, what is observed, what is refused."""

import json

import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import export_saved_model, networks
from l2l_tf.networks import Observation

LOG_AND_SIGN = {"preprocess_name": "LogAndSign", "preprocess_options": {"k": 10.0}, "scale": 0.1}


def _gradients(step, n=5):
    return (np.random.default_rng(step).normal(size=n) * 10.0 ** np.arange(-3, n - 3)).astype(np.float32)


def _updates_as(network, loaded, num_steps, rtol):
    """Asserts that the export gives the network's own updates of 5 coordinates; its state after the steps."""
    state, own_state = loaded.initial_state(5), network.initial_state({"x": tf.zeros([5])})
    for step in range(num_steps):
        gradients = tf.constant(_gradients(step))
        updates, state = loaded.update(gradients, state)
        own_updates, own_state = network(Observation({"x": gradients}), own_state)
        np.testing.assert_allclose(updates, own_updates["x"], rtol=rtol)
    return state


@pytest.mark.parametrize("name", ["Sgd", "Nesterov", "RMSProp", "Adam", "RNNProp"])
def test_other_coordinatewise_rules(name, tmp_path):
    network = networks.get(name)
    export_saved_model(network, tmp_path / "classic")
    loaded = tf.saved_model.load(str(tmp_path / "classic"))
    _updates_as(network, loaded, num_steps=3, rtol=1e-5)


def test_kernels_are_rows(tmp_path):
    network = networks.get("KernelDeepLSTM", kernel_shape=[3, 2], layers=[4], **LOG_AND_SIGN)
    export_saved_model(network, tmp_path / "kernels")
    loaded = tf.saved_model.load(str(tmp_path / "kernels"))
    gradients = tf.random.stateless_normal([3, 2, 2, 4], [0, 1])
    rows = tf.reshape(tf.transpose(gradients, [2, 3, 0, 1]), [8, 6])
    updates, _ = loaded.update(rows, loaded.initial_state(8))
    own, _ = network(Observation({"x": gradients}), network.initial_state({"x": gradients}))
    np.testing.assert_allclose(
        tf.transpose(tf.reshape(updates, [2, 4, 3, 2]), [2, 3, 0, 1]), own["x"], atol=1e-6, rtol=0
    )
    assert json.loads(loaded.metadata().numpy())["row_size"] == 6


@pytest.mark.parametrize("name", ["GlobalAveragingLSTM", "NtmBfgs", "NtmLBfgs"])
def test_rules_that_share_between_coordinates(name, tmp_path):
    network = networks.get(name, layers=[4], global_cells=2, scale=0.1)
    export_saved_model(network, tmp_path / "sharing")
    loaded = tf.saved_model.load(str(tmp_path / "sharing"))
    state = _updates_as(network, loaded, num_steps=4, rtol=1e-4)
    state_specs = json.loads(loaded.metadata().numpy())["state"]
    assert (name == "NtmBfgs") == ([1, None, None] in [spec["shape"] for spec in state_specs])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"gradients of n coordinates.*initial_state\(n\)"):
        loaded.update(tf.ones([4]), state)


def test_networks_that_group_coordinates_are_refused(tmp_path):
    network = networks.get("GlobalAveragingLSTM", layers=[4], global_cells=1, function_axis=0)
    with pytest.raises(ValueError, match=r"by tensors or functions; use it .* Received: GlobalAveragingLSTM"):
        export_saved_model(network, tmp_path / "no")
    assert list(tmp_path.iterdir()) == []


def test_the_matrix_of_ntm_bfgs_has_its_limit(tmp_path):
    export_saved_model(networks.get("NtmBfgs", layers=[2], global_cells=1), tmp_path / "dense")
    loaded = tf.saved_model.load(str(tmp_path / "dense"))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"NtmBfgs takes up to 4,096 coordinates"):
        loaded.initial_state(4097)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"NtmBfgs takes up to 4,096 coordinates"):
        loaded.update(tf.zeros([4097]), loaded.initial_state(1))
    assert loaded.initial_state(3)[0].shape[0] == 3


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("PerParameterMLP", {"layers": [3], "decays": [0.5]}),
        ("AdafactorMLP", {"layers": [3], "decays": [0.5]}),
        ("HierarchicalLSTM", {"layers": [3], "decays": [0.5], "cells": 2}),
        ("CoordinateWiseDeepLSTM", {"layers": [3]}),
    ],
)
def test_an_export_for_given_shapes(name, options, tmp_path):
    shapes = {"w": (2, 3), "scalar": (), "b": (3,)}
    network = networks.get(name, **options)
    if name == "AdafactorMLP":
        with pytest.raises(ValueError, match=r"sees to which tensor .*shapes=.* Received: AdafactorMLP without shapes"):
            export_saved_model(network, tmp_path / "shapes")
    export_saved_model(network, tmp_path / "shapes", shapes)
    loaded = tf.saved_model.load(str(tmp_path / "shapes"))
    metadata = json.loads(loaded.metadata().numpy())
    assert metadata["shapes"] == {"w": [2, 3], "scalar": [], "b": [3]}
    parameters = {key: tf.fill(shape, 0.5 + i) for i, (key, shape) in enumerate(shapes.items())}
    state, own_state = loaded.initial_state(10), network.initial_state(parameters)
    flat = tf.concat([tf.reshape(p, [-1]) for p in parameters.values()], 0)
    for step in range(3):
        gradients = np.random.default_rng(step).normal(size=10).astype(np.float32)
        own = {"w": gradients[:6].reshape(2, 3), "scalar": gradients[6].reshape([]), "b": gradients[7:]}
        fields = {"parameters": flat, "loss": tf.constant(2.0 - step), "step": tf.constant(float(step))}
        seen = [fields[field] for field in metadata["observes"][1:]]
        updates, state = loaded.update(tf.constant(gradients), state, *seen)
        own_observation = Observation(
            {key: tf.constant(g) for key, g in own.items()}, parameters, fields["loss"], fields["step"]
        )
        own_updates, own_state = network(own_observation, own_state)
        expected = np.concatenate([np.ravel(u) for u in own_updates.values()])
        np.testing.assert_allclose(updates, expected, rtol=1e-5)
    with pytest.raises(tf.errors.InvalidArgumentError, match="This export is for 10 coordinates"):
        loaded.initial_state(9)


def test_a_rule_of_tensors_takes_one_tensor_a_call(tmp_path):
    network = networks.get("PerParameterMLP", layers=[3], decays=[0.5])
    export_saved_model(network, tmp_path / "tensor")
    loaded = tf.saved_model.load(str(tmp_path / "tensor"))
    for n in (0, 4):
        gradients, parameters, step = tf.range(float(n)), tf.ones([n]), tf.constant(0.0)
        updates, _ = loaded.update(gradients, loaded.initial_state(n), parameters, step)
        observation = Observation({"x": gradients}, {"x": parameters}, step=step)
        own, _ = network(observation, network.initial_state({"x": parameters}))
        np.testing.assert_allclose(updates, own["x"], rtol=1e-5)


@pytest.mark.parametrize("name", ["CoordinateWiseDeepLSTM", "RNNProp", "LearnedMomentum", "AdafactorMLP"])
def test_a_network_of_double_precision_takes_single_precision_gradients(name, tmp_path):
    options = {"shapes": {"x": (5,)}} if name == "AdafactorMLP" else {}
    export_saved_model(networks.get(name, dtype="float64"), tmp_path, **options)
    loaded = tf.saved_model.load(str(tmp_path))
    network = networks.get(name, dtype="float64")
    expected_state = network.initial_state({"x": tf.zeros([5])})
    state = loaded.initial_state(5)
    for step in range(3):
        observed = {"parameters": {"x": tf.zeros([5])}, "step": tf.constant(float(step))}
        seen = {field: value for field, value in observed.items() if field in network.observes}
        expected, expected_state = network(Observation({"x": tf.constant(_gradients(step))}, **seen), expected_state)
        flat = [value["x"] if isinstance(value, dict) else value for value in seen.values()]
        updates, state = loaded.update(_gradients(step), state, *flat)
        assert updates.dtype == tf.float32
        np.testing.assert_allclose(updates, expected["x"], rtol=1e-5, atol=1e-8)
