"""LearnedMomentum against its formulas in NumPy, and against the classic that it starts as."""

import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import networks
from l2l_tf.networks import Observation
from tests.networks import lstm_reference

GRADIENTS = np.array([[1e-5, -2.0], [1e-3, 0.0], [-0.7, 1.0]])


def test_it_starts_as_nesterov_momentum():
    """The iterates of Sutskever's form and the lookahead's differ; the steps of the latter are lr (g + mu m)."""
    network = networks.get("LearnedMomentum", layers=(3,), learning_rate=0.5, beta_1=0.8)
    state = network.initial_state({"x": tf.zeros([2])})
    momentum = np.zeros(2)
    for gradient in GRADIENTS:
        updates, state = network(Observation({"x": tf.constant(gradient, tf.float32)}), state)
        momentum = 0.8 * momentum + gradient
        np.testing.assert_allclose(updates["x"], -0.5 * (gradient + 0.8 * momentum), rtol=1e-5)


def test_three_steps_are_the_formulas():
    network = networks.get(
        "LearnedMomentum",
        layers=(3,),
        learning_rate=0.5,
        beta_1=0.8,
        beta_2=0.6,
        epsilon=1e-8,
        initializer={"linear": None},
        seed=1,
        dtype="float64",
    )
    weights = networks.weights_of(network)
    assert np.all(weights["linear/w"] != 0)
    state = network.initial_state({"x": tf.zeros([2], tf.float64)})
    m, v, h, c = np.zeros([2, 1]), np.zeros([2, 1]), np.zeros([2, 3]), np.zeros([2, 3])
    for t, gradient in enumerate(GRADIENTS, start=1):
        updates, state = network(Observation({"x": tf.constant(gradient)}), state)
        g = gradient[:, None]
        m, v = 0.8 * m + 0.2 * g, 0.6 * v + 0.4 * g**2
        root = np.sqrt(v / (1 - 0.6**t) + 1e-16)
        x = np.concatenate([g / root, m / (1 - 0.8**t) / root, np.maximum(np.log(root) / 10, -1)], 1)
        output, h, c = lstm_reference.step(weights, x, h, c)
        s, d = np.split(output, 2, 1)
        expected = -0.5 * np.exp(3 * np.tanh(s / 3)) * (g + 4 * m + d * root)
        np.testing.assert_allclose(updates["x"], expected[:, 0], rtol=1e-10)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": ()}, r"layers is a list of 1 or more, .* Received: layers=\[\]\."),
        ({"learning_rate": 0.0}, r"learning_rate is a number above 0\. Received: learning_rate=0\.0\."),
        ({"beta_2": -0.1}, r"beta_2 is a number of at least 0 and below 1\. Received: beta_2=-0\.1"),
    ],
)
def test_options_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        networks.get("LearnedMomentum", **options)
