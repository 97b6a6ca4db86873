import keras
import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import networks
from l2l_tf.networks import Observation

PARAMETERS = {"scalar": (), "vector": (3,), "matrix": (2, 3)}
NUM_STEPS = 100

CASES = [
    ("Sgd", {}, keras.optimizers.SGD, {}),
    ("Sgd", {"learning_rate": 0.2}, keras.optimizers.SGD, {"learning_rate": 0.2}),
    ("Momentum", {}, keras.optimizers.SGD, {"momentum": 0.9}),
    (
        "Momentum",
        {"learning_rate": 0.05, "momentum": 0.5},
        keras.optimizers.SGD,
        {"learning_rate": 0.05, "momentum": 0.5},
    ),
    ("Nesterov", {}, keras.optimizers.SGD, {"momentum": 0.9, "nesterov": True}),
    (
        "Nesterov",
        {"learning_rate": 0.05, "momentum": 0.7},
        keras.optimizers.SGD,
        {"learning_rate": 0.05, "momentum": 0.7, "nesterov": True},
    ),
    ("RMSProp", {}, keras.optimizers.RMSprop, {}),
    (
        "RMSProp",
        {"learning_rate": 0.02, "rho": 0.6, "epsilon": 1e-3},
        keras.optimizers.RMSprop,
        {"learning_rate": 0.02, "rho": 0.6, "epsilon": 1e-3},
    ),
    ("Adam", {}, keras.optimizers.Adam, {}),
    (
        "Adam",
        {"learning_rate": 0.01, "beta_1": 0.7, "beta_2": 0.95, "epsilon": 1e-2},
        keras.optimizers.Adam,
        {"learning_rate": 0.01, "beta_1": 0.7, "beta_2": 0.95, "epsilon": 1e-2},
    ),
]


def _start() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    return {name: generator.normal(size=shape).astype(np.float32) for name, shape in PARAMETERS.items()}


def _gradients(parameters):
    """Of a sum of log cosh(a x - 1), a different curvature for every tensor."""
    return {name: a * tf.tanh(a * x - 1) for a, (name, x) in zip((0.5, 1.0, 3.0), parameters.items(), strict=True)}


def _keras_trajectory(optimizer):
    variables = {name: tf.Variable(value) for name, value in _start().items()}
    trajectory = []
    for _ in range(NUM_STEPS):
        optimizer.apply(list(_gradients(variables).values()), list(variables.values()))
        trajectory.append({name: variable.numpy() for name, variable in variables.items()})
    return trajectory


def _network_trajectory(network):
    @tf.function
    def step(parameters, state):
        updates, state = network(Observation(_gradients(parameters)), state)
        return {name: value + updates[name] for name, value in parameters.items()}, state

    parameters = {name: tf.constant(value) for name, value in _start().items()}
    state = network.initial_state(parameters)
    trajectory = []
    for _ in range(NUM_STEPS):
        parameters, state = step(parameters, state)
        trajectory.append({name: value.numpy() for name, value in parameters.items()})
    return trajectory


@pytest.mark.parametrize(("name", "options", "keras_class", "keras_options"), CASES)
def test_agrees_with_keras_over_100_steps(name, options, keras_class, keras_options):
    ours = _network_trajectory(networks.get(name, **options))
    theirs = _keras_trajectory(keras_class(**keras_options))
    for step in range(NUM_STEPS):
        for parameter in PARAMETERS:
            np.testing.assert_allclose(
                ours[step][parameter], theirs[step][parameter], rtol=0, atol=1e-6, err_msg=f"step {step}"
            )
    start = _start()
    assert all(np.abs(theirs[-1][name] - start[name]).max() > 0.01 for name in PARAMETERS)


def test_the_learning_rate_is_a_variable_that_is_not_learned():
    network = networks.get("Sgd", learning_rate=0.5)
    gradients = {"x": tf.constant([1.0, -2.0])}
    network.learning_rate.assign(0.25)
    updates, _ = network(Observation(gradients), network.initial_state(gradients))
    np.testing.assert_allclose(updates["x"], [-0.25, 0.5])
    assert network.trainable_variables == ()
    assert network.options == {"learning_rate": 0.25}


@pytest.mark.parametrize("learning_rate", [-0.1, float("nan")])
def test_refuses_a_learning_rate_below_zero(learning_rate):
    with pytest.raises(
        ValueError, match=r"Adam: learning_rate is a number of at least 0\. Received: learning_rate=(-0.1|nan)\."
    ):
        networks.get("Adam", learning_rate=learning_rate)
