import json
import math

import keras
import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

from l2l_tf import networks
from l2l_tf.networks import weights_of

SHAPES = {
    "lstm_1/w_i": (1, 12),
    "lstm_1/w_h": (3, 12),
    "lstm_1/b": (12,),
    "lstm_2/w_i": (3, 8),
    "lstm_2/w_h": (2, 8),
    "lstm_2/b": (8,),
    "linear/w": (2, 1),
    "linear/b": (1,),
}


def _weights(initializer=None, seed=0, layers=(3, 2)):
    return weights_of(networks.get("CoordinateWiseDeepLSTM", layers=layers, initializer=initializer, seed=seed))


def _forget_gate(bias: np.ndarray) -> np.ndarray:
    return np.split(bias, 4)[1]


def test_names_and_shapes():
    assert {name: weight.shape for name, weight in _weights().items()} == SHAPES


def test_default_is_a_truncated_normal_of_fan_in_and_biases_that_keep_the_state():
    weights = _weights(layers=(100,))
    stddev = 1 / np.sqrt(101)
    for name in ("lstm_1/w_i", "lstm_1/w_h"):
        assert np.abs(weights[name]).max() <= 2 * stddev
    assert weights["lstm_1/w_h"].std() == pytest.approx(0.8796 * stddev, rel=0.02)  # cut off at 2 deviations
    assert weights["lstm_1/w_h"].mean() == pytest.approx(0, abs=0.002)
    np.testing.assert_array_equal(weights["lstm_1/b"], np.repeat([0.0, 1.0, 0.0, 0.0], 100))
    np.testing.assert_array_equal(weights["linear/b"], [0.0])


def test_a_name_is_for_every_weight():
    weights = _weights("zeros")
    for name in SHAPES:
        expected = (
            np.repeat([0, 1, 0, 0], SHAPES[name][0] // 4) if name.startswith("lstm") and name.endswith("b") else 0
        )
        np.testing.assert_array_equal(weights[name], np.broadcast_to(expected, SHAPES[name]))
    assert np.all(_weights("ones")["lstm_2/w_h"] == 1)


def test_a_number_is_for_every_weight():
    assert np.all(_weights(0.25)["lstm_1/w_i"] == 0.25)
    assert np.all(_weights(2)["linear/b"] == 2)


def test_arrays_per_weight_and_names_per_layer():
    w_i = np.arange(12.0).reshape(1, 12)
    weights = _weights({"lstm_1": {"w_i": w_i, "b": -0.5}, "lstm_2": "zeros", "linear": {"w": [[3.0], [4.0]]}})
    default = _weights()
    np.testing.assert_array_equal(weights["lstm_1/w_i"], w_i)
    np.testing.assert_array_equal(weights["lstm_1/b"], np.repeat([-0.5, 0.5, -0.5, -0.5], 3))
    np.testing.assert_array_equal(weights["lstm_1/w_h"], default["lstm_1/w_h"])
    np.testing.assert_array_equal(weights["lstm_2/w_i"], np.zeros([3, 8]))
    np.testing.assert_array_equal(weights["linear/w"], [[3.0], [4.0]])
    np.testing.assert_array_equal(weights["linear/b"], [0.0])


def test_the_seed_decides_and_every_weight_draws_its_own():
    first, again, other = (_weights(seed=seed, layers=(3, 3)) for seed in (5, 5, 6))
    for name in ("lstm_1/w_i", "lstm_1/w_h", "lstm_2/w_i", "lstm_2/w_h", "linear/w"):
        np.testing.assert_array_equal(first[name], again[name])
        assert np.all(first[name] != other[name])
    assert np.all(first["lstm_1/w_h"] != first["lstm_2/w_h"])
    assert np.all(first["lstm_2/w_i"] != first["lstm_2/w_h"])


def test_a_named_random_initializer_draws_from_the_seed_too():
    first, again, other = (_weights("random_normal", seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first["lstm_1/w_h"], again["lstm_1/w_h"])
    assert np.all(first["lstm_1/w_h"] != other["lstm_1/w_h"])


def test_one_dictionary_for_all_layers_passes_over_what_a_layer_does_not_have():
    """As the original code takes them."""
    weights = _weights({"w": "ones", "b": 0.5, "w_h": np.full([3, 12], 2.0)}, layers=(3,))
    np.testing.assert_array_equal(weights["linear/w"], np.ones([3, 1]))
    np.testing.assert_array_equal(weights["linear/b"], [0.5])
    np.testing.assert_array_equal(weights["lstm_1/b"], np.repeat([0.5, 1.5, 0.5, 0.5], 3))
    np.testing.assert_array_equal(weights["lstm_1/w_h"], np.full([3, 12], 2.0))
    np.testing.assert_array_equal(weights["lstm_1/w_i"], _weights(layers=(3,))["lstm_1/w_i"])


def test_layers_that_are_not_named_get_what_is_said_of_all():
    weights = _weights({"b": 0.25, "linear": {"b": 0.75, "w_i": "ones"}, "lstm_2": "ones"})
    np.testing.assert_array_equal(weights["linear/b"], [0.75])
    np.testing.assert_array_equal(weights["lstm_1/b"], np.repeat([0.25, 1.25, 0.25, 0.25], 3))
    np.testing.assert_array_equal(weights["lstm_2/w_i"], np.ones([3, 8]))


def test_one_a_layer_in_a_list():
    weights = _weights(["ones", None, {"w": [[3.0], [4.0]]}])
    np.testing.assert_array_equal(weights["lstm_1/w_h"], np.ones([3, 12]))
    np.testing.assert_array_equal(weights["linear/w"], [[3.0], [4.0]])
    by_name = _weights({"lstm_1": "ones", "linear": {"w": [[3.0], [4.0]]}})
    for name in SHAPES:
        np.testing.assert_array_equal(weights[name], by_name[name])


@pytest.mark.parametrize(
    "constant",
    [keras.initializers.Constant(0.5), snt.initializers.Constant(0.5), tf.compat.v1.constant_initializer(0.5)],
    ids=["keras", "sonnet", "tensorflow"],
)
def test_initializers_and_arrays_mixed(constant):
    weights = _weights({"lstm_1": {"w_i": constant, "w_h": np.full([3, 12], 0.25)}, "linear": constant})
    np.testing.assert_array_equal(weights["lstm_1/w_i"], np.full([1, 12], 0.5))
    np.testing.assert_array_equal(weights["lstm_1/w_h"], np.full([3, 12], 0.25))
    np.testing.assert_array_equal(weights["linear/w"], np.full([2, 1], 0.5))


@pytest.mark.parametrize("name", ["LearnedMomentum", "LearnedAdam"])
def test_what_is_said_of_all_layers_is_said_of_the_linear_one_too(name):
    weights = weights_of(networks.get(name, layers=[2], initializer={"w": "ones"}))
    np.testing.assert_array_equal(weights["linear/w"], np.ones([2, 2]))
    np.testing.assert_array_equal(weights["linear/b"], np.zeros([2]))
    assert not np.any(weights_of(networks.get(name, layers=[2], initializer={"w_h": "ones"}))["linear/w"])


def test_options_of_initializers_rebuild_the_network():
    for spec in (
        ["ones", np.ones([]), {"w": [[3.0], [4.0]]}],
        {"w": keras.initializers.Constant(0.5), "b": "ones"},
        np.float32(0.5),
    ):
        network = networks.get("CoordinateWiseDeepLSTM", layers=[3, 2], initializer=spec)
        again = networks.get("CoordinateWiseDeepLSTM", **json.loads(json.dumps(network.options)))
        assert again.options == network.options
    assert network.options["initializer"] == 0.5


def test_options_keep_what_json_can():
    network = networks.get(
        "CoordinateWiseDeepLSTM", layers=(2,), initializer={"lstm_1": np.ones([]), "linear": {"w": "ones", "b": 0.5}}
    )
    assert network.options["initializer"] == {"lstm_1": "zeros", "linear": {"w": "ones", "b": 0.5}}


@pytest.mark.parametrize(
    ("initializer", "message"),
    [
        ("nonesuch", r"An initializer is None, the name of a Keras initializer, .* Received: 'nonesuch'\."),
        (
            {"lstm_3": "zeros"},
            r"names \['b', 'linear', 'lstm_1', 'lstm_2', 'w', 'w_h', 'w_i'\]\. Received: \['lstm_3'\]\.",
        ),
        ({"lstm_1": {"w_gates": "zeros"}}, r"names \['b', 'w', 'w_h', 'w_i'\]\. Received: \['w_gates'\]\."),
        ({"lstm_1": {"lstm_2": "zeros"}}, r"names \['b', 'w', 'w_h', 'w_i'\]\. Received: \['lstm_2'\]\."),
        (["zeros", "ones"], r"The layers are \['lstm_1', 'lstm_2', 'linear'\]\. Received: a list of 2\."),
        ("function", r"An initializer is None, .* Received: 'function'\."),
        ("Initializer", r"An initializer is None, .* Received: 'Initializer'\."),
        ("constant", r"An initializer is None, .* Received: 'constant'\."),
        ("identity", r"The initializer of lstm_1/b fails for shape \(12,\): .*Received: 'identity'\."),
        ({"w": {"w": 1}}, r"An initializer is None, .* Received: \{'w': 1\} for the weight 'w'\."),
        ("", r"An initializer is None, .* Received: ''\."),
        (True, r"An initializer is None, .* Received: True\."),
        (math.nan, r"Initial weights are finite, and below 1e15\. Received: nan\."),
        ({"linear": {"w": [[1.0], [math.inf]]}}, r"Initial weights are finite, .* Received: \[\[1\.0\], \[inf\]\]\."),
        (object(), r"An initializer is None, .* Received: <object "),
        (
            lambda shape: tf.zeros(shape),
            r"The initializer of lstm_1/w_i fails for shape \(1, 12\): .* Received: <function ",
        ),
        (lambda shape, dtype: tf.zeros([7]), r"The weight lstm_1/w_i has the shape .* Received: an array \(7,\)\."),
        (
            {"linear": {"w": np.zeros([2, 2])}},
            r"The weight linear/w has the shape \(2, 1\)\. Received: an array \(2, 2\)\.",
        ),
    ],
)
def test_bad_input(initializer, message):
    with pytest.raises(ValueError, match=message):
        _weights(initializer)
