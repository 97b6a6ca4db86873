"""Scheduled classics against NumPy, step by step, and against Keras where the two coincide."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import networks
from l2l_tf.networks import Observation, search_spaces

NUM_STEPS = 100


def adam8p(theta, gradients, learning_rate, beta_1, beta_2, epsilon, l1, l2, linear_decay, exponential_decay):
    """TaskSet's, for runs of 10,000 steps."""
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    for t, gradient in enumerate(gradients(), 1):
        g = gradient(theta) + 2 * l2 * theta + l1 * np.sign(theta)
        m, v = beta_1 * m + (1 - beta_1) * g, beta_2 * v + (1 - beta_2) * g**2
        first, second = m / (1 - beta_1**t), v / (1 - beta_2**t)
        s = (t - 1) * 10_000 / NUM_STEPS
        rate = learning_rate * max(1 - linear_decay * s, 0) * math.exp(-exponential_decay * s)
        theta = theta - rate * first / (np.sqrt(second + 1e-10) + epsilon)
    return theta


def nadamw(
    theta, gradients, learning_rate, beta_1, beta_2, epsilon, nesterov, weight_decay, l2, warmup, constant, final
):
    """opt_list's, with the sign of l2 that shrinks weights."""
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    for t, gradient in enumerate(gradients(), 1):
        at = (t - 1) / NUM_STEPS
        rising = min(warmup, constant)
        if at < rising:
            rate = learning_rate * at / rising
        elif at < constant:
            rate = learning_rate
        else:
            share = (at - constant) / (1 - constant)
            rate = learning_rate * (final + (1 - final) * (1 + math.cos(math.pi * share)) / 2)
        g = gradient(theta) + l2 * theta
        m, v = beta_1 * m + (1 - beta_1) * g, beta_2 * v + (1 - beta_2) * g**2
        direction = (beta_1 * m + (1 - beta_1) * g if nesterov else m) / (np.sqrt(v) + epsilon)
        theta = theta - rate * math.sqrt(1 - beta_2**t) / (1 - beta_1**t) * (direction + weight_decay * theta)
    return theta


def momentum_cosine(theta, gradients, learning_rate, momentum, nesterov, final):
    velocity = np.zeros_like(theta)
    for t, gradient in enumerate(gradients(), 1):
        g = gradient(theta)
        velocity = momentum * velocity + g
        rate = learning_rate * (final + (1 - final) * (1 + math.cos(math.pi * (t - 1) / NUM_STEPS)) / 2)
        theta = theta - rate * (momentum * velocity + g if nesterov else velocity)
    return theta


def gradients():
    """Of a bowl, with noise: what each step's gradient is at theta."""
    rng = np.random.default_rng(0)
    for _ in range(NUM_STEPS):
        noise = rng.normal(size=3)
        yield lambda theta, noise=noise: np.array([1.0, 0.1, 5.0]) * theta + 0.1 * noise


START = np.array([1.0, -2.0, 0.5])
# Powers of two and what single precision holds: the reference computes with the numbers that the network has.
ADAM = {"learning_rate": 0.0625, "beta_1": 0.875, "beta_2": 1 - 2.0**-7, "epsilon": 2.0**-20}
NO_EXTRAS = {"l1": 0.0, "l2": 0.0, "linear_decay": 0.0, "exponential_decay": 0.0}
PLAIN = {"nesterov": False, "weight_decay": 0.0, "l2": 0.0, "warmup": 0.0, "constant": 0.0, "final": 0.0}
ALL = {"nesterov": True, "weight_decay": 0.0625, "l2": 0.125, "warmup": 0.125, "constant": 0.25, "final": 0.0625}
CASES = [
    ("Adam8p", adam8p, {**ADAM, "l1": 0.125, "l2": 0.25, "linear_decay": 2.0**-15, "exponential_decay": 2.0**-13}),
    ("Adam8p", adam8p, {**ADAM, **NO_EXTRAS, "linear_decay": 2.0**-13}),
    ("Adam8p", adam8p, {**ADAM, **NO_EXTRAS, "beta_1": 0.0, "beta_2": 0.0}),
    ("NAdamW", nadamw, {**ADAM, **ALL}),
    ("NAdamW", nadamw, {**ADAM, **PLAIN, "warmup": 0.5, "constant": 0.25}),
    ("NAdamW", nadamw, {**ADAM, **PLAIN, "weight_decay": 0.25, "final": 1.0}),
    ("MomentumCosine", momentum_cosine, {"learning_rate": 0.0625, "momentum": 0.875, "nesterov": True, "final": 0.125}),
    ("MomentumCosine", momentum_cosine, {"learning_rate": 0.0625, "momentum": 0.5, "nesterov": False, "final": 0.0}),
]


def run(network, dtype=tf.float64):
    theta = {"x": tf.constant(START, dtype)}
    state = network.initial_state(theta)
    step = tf.function(lambda observed, state: network(observed, state), autograph=False)
    for gradient in gradients():
        observed = Observation(gradients={"x": tf.constant(gradient(theta["x"].numpy()), dtype)}, parameters=theta)
        updates, state = step(observed, state)
        theta = {"x": theta["x"] + updates["x"]}
    return theta["x"].numpy()


@pytest.mark.parametrize(("name", "reference", "options"), CASES)
def test_a_run_is_that_of_the_formula(name, reference, options):
    network = networks.get(name, **options, total_steps=NUM_STEPS)
    np.testing.assert_allclose(run(network), reference(START, gradients, **options), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "options", "theirs"),
    [
        ("NAdamW", {**ADAM, "constant": 1.0}, keras.optimizers.Adam(**ADAM)),
        (
            "NAdamW",
            {**ADAM, "final": 0.25},
            keras.optimizers.Adam(
                **{**ADAM, "learning_rate": keras.optimizers.schedules.CosineDecay(0.0625, 100, 0.25)}
            ),
        ),
        (
            "MomentumCosine",
            {"learning_rate": 0.0625, "final": 1.0, "nesterov": True},
            keras.optimizers.SGD(0.0625, momentum=0.9, nesterov=True),
        ),
    ],
)
def test_a_run_is_keras_where_the_two_coincide(name, options, theirs):
    variable = keras.Variable(START.astype("float32"))
    for gradient in gradients():
        theirs.apply([keras.ops.cast(gradient(variable.numpy().astype("float64")), "float32")], [variable])
    ours = run(networks.get(name, **options, total_steps=NUM_STEPS), tf.float32)
    np.testing.assert_allclose(ours, variable.numpy(), rtol=2e-4, atol=2e-5)


def test_decays_close_to_one_keep_their_digits():
    """In single precision 1 - 1e-6 is 1 - 9.5e-7; the corrected second moment after a step would be 5 % off."""
    network = networks.get("Adam8p", learning_rate=1.0, beta_1=0.0, beta_2=1 - 1e-6, epsilon=0.0)
    theta = {"x": tf.constant([1.0])}
    updates, _ = network(
        Observation(gradients={"x": tf.constant([3.0])}, parameters=theta), network.initial_state(theta)
    )
    np.testing.assert_allclose(updates["x"], [-1.0], rtol=1e-6)


def test_hyperparameters_are_variables_that_a_search_may_set():
    network = networks.get("NAdamW", total_steps=NUM_STEPS)
    assert not network.trainable_variables
    options = {**ADAM, "nesterov": True, "weight_decay": 0.0625, "final": 0.5}
    other = networks.get("NAdamW", **options, total_steps=NUM_STEPS)
    assert not np.allclose(run(network), run(other))
    for name, variable in network.hyperparameters.items():
        variable.assign(other.hyperparameters[name])
    np.testing.assert_array_equal(run(network), run(other))


@pytest.mark.parametrize("number", [0, 1, 6])
def test_entries_of_opt_list_run(number):
    name, options = search_spaces.configuration("opt_list", number, NUM_STEPS)
    end = run(networks.get(name, **options))
    assert np.isfinite(end).all() and not np.allclose(end, START)
