"""LearnedAdam against its formulas in NumPy, and against the classic that it starts as."""

import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import networks
from l2l_tf.networks import Observation
from tests.networks import lstm_reference, mlp_reference

GRADIENTS = np.array([[1e-5, -2.0], [1e-3, 0.0], [-0.7, 1.0]])
TIME_SCALES = [1, 3, 10, 30, 100, 300, 1e3, 3e3, 1e4, 3e4, 1e5]


def test_it_starts_as_adam():
    options = {"learning_rate": 0.5, "beta_1": 0.8, "beta_2": 0.9}
    learned = networks.get("LearnedAdam", layers=(3,), epsilon=1e-12, **options)
    adam = networks.get("Adam", epsilon=1e-12, **options)
    parameters = {"x": tf.zeros([2])}
    states = [network.initial_state(parameters) for network in (learned, adam)]
    for t, gradient in enumerate(GRADIENTS):
        observation = Observation({"x": tf.constant(gradient, tf.float32)}, step=tf.constant(float(t)))
        ours, states[0] = learned(observation, states[0])
        theirs, states[1] = adam(observation, states[1])
        assert np.all(theirs["x"] != 0)
        np.testing.assert_allclose(ours["x"], theirs["x"], rtol=1e-5)


def test_three_steps_are_the_formulas():
    options = {"learning_rate": 0.5, "beta_1": 0.8, "beta_2": 0.6, "epsilon": 1e-8, "trained_steps": 2}
    network = networks.get("LearnedAdam", layers=(3,), **options, dtype="float64")
    networks.assign_weights(network, mlp_reference.random_weights(networks.weights_of(network)))
    weights = networks.weights_of(network)
    state = network.initial_state({"x": tf.zeros([2], tf.float64)})
    m, v, h, c = np.zeros([2, 1]), np.zeros([2, 1]), np.zeros([2, 3]), np.zeros([2, 3])
    for t, gradient in enumerate(GRADIENTS, start=1):
        updates, state = network(Observation({"x": tf.constant(gradient)}), state)
        g = gradient[:, None]
        m, v = 0.8 * m + 0.2 * g, 0.6 * v + 0.4 * g**2
        root = np.sqrt(v / (1 - 0.6**t) + 1e-16)
        mean = m / (1 - 0.8**t) / root
        time = np.tanh(min(t - 1, 1) / np.array(TIME_SCALES) - 1)
        x = np.concatenate([g / root, mean, np.maximum(np.log(root) / 10, -1), np.tile(time, [2, 1])], 1)
        output, h, c = lstm_reference.step(weights, x, h, c)
        s, d = np.split(output, 2, 1)
        expected = -0.5 * np.exp(3 * np.tanh(s / 3)) * (mean + d * g / root)
        np.testing.assert_allclose(updates["x"], expected[:, 0], rtol=1e-10)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": ()}, r"layers is a list of 1 or more, .* Received: layers=\[\]\."),
        ({"learning_rate": 0.0}, r"learning_rate is a number above 0\. Received: learning_rate=0\.0\."),
        ({"beta_1": 1.0}, r"beta_1 is a number of at least 0 and below 1\. Received: beta_1=1.0"),
    ],
)
def test_options_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        networks.get("LearnedAdam", **options)
