"""RNNProp against its formulas in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import networks
from l2l_tf.networks import Observation
from tests.networks import lstm_reference


@pytest.mark.parametrize("magnitude", [False, True])
def test_three_steps_are_the_formulas(magnitude):
    network = networks.get(
        "RNNProp", layers=(3,), beta_1=0.8, beta_2=0.6, scale=0.5, magnitude=magnitude, seed=1, dtype="float64"
    )
    weights = networks.weights_of(network)
    gradients = np.array([[1e-5, -2.0], [1e-3, 0.0], [-0.7, 1.0]])
    state = network.initial_state({"x": tf.zeros([2], tf.float64)})
    m, v, h, c = np.zeros([2, 1]), np.zeros([2, 1]), np.zeros([2, 3]), np.zeros([2, 3])
    for t, gradient in enumerate(gradients, start=1):
        updates, state = network(Observation({"x": tf.constant(gradient)}), state)
        g = gradient[:, None]
        m, v = 0.8 * m + 0.2 * g, 0.6 * v + 0.4 * g**2
        root = np.sqrt(v / (1 - 0.6**t) + 1e-16)
        x = np.concatenate([g / root, m / (1 - 0.8**t) / root], 1)
        if magnitude:
            x = np.concatenate([x, np.log(np.maximum(v / (1 - 0.6**t), np.exp(-20))) / 20], 1)
        output, h, c = lstm_reference.step(weights, x, h, c)
        expected = 0.5 * np.tanh(output)
        np.testing.assert_allclose(updates["x"], expected[:, 0], rtol=1e-10)


def test_the_scale_of_the_loss_does_not_matter():
    network = networks.get("RNNProp", layers=(3,), seed=1)

    def second_update(factor):
        state = network.initial_state({"x": tf.zeros([2])})
        for gradient in ([0.5, -2.0], [0.3, 0.1]):
            updates, state = network(Observation({"x": factor * tf.constant(gradient)}), state)
        return updates["x"]

    np.testing.assert_allclose(second_update(1e-4), second_update(1e3), rtol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": ()}, r"layers is a list of 1 or more, .* Received: layers=\[\]\."),
        ({"beta_1": 1.0}, r"beta_1 is a number of at least 0 and below 1\. Received: beta_1=1\.0\."),
        ({"epsilon": 0.0}, r"epsilon is a number above 0\. Received: epsilon=0\.0\."),
    ],
)
def test_options_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        networks.get("RNNProp", **options)
