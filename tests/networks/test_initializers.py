import numpy as np
import pytest

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
            r"names layers among \['lstm_1', 'lstm_2', 'linear'\]\. Received: \['lstm_3'\]\.",
        ),
        (
            {"lstm_1": {"w": "zeros"}},
            r"names weights of 'lstm_1' among \['w_i', 'w_h', 'b'\]\. Received: \['w'\]\.",
        ),
        (
            {"linear": {"w": np.zeros([2, 2])}},
            r"The weight linear/w has the shape \(2, 1\)\. Received: an array \(2, 2\)\.",
        ),
    ],
)
def test_bad_input(initializer, message):
    with pytest.raises(ValueError, match=message):
        _weights(initializer)
