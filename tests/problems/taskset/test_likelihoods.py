"""Likelihoods are likelihoods: flows integrate to 1, a bound is below what it bounds."""

import numpy as np
import pytest
import tensorflow as tf

from problems.taskset.families.flow import Flow
from problems.taskset.families.maf import Autoregressive, Maf
from problems.taskset.families.mlp_vae import bound
from problems.taskset.families.nvp import Nvp
from problems.taskset.parts import weights
from problems.taskset.parts.gaussian import divergence_from_standard, log_density
from tests.problems.taskset import configs

SEED = tf.constant([3, 4])


def _in_two_dimensions(monkeypatch, family: type[Flow], **changes) -> Flow:
    monkeypatch.setattr("problems.taskset.data.tables.image_shape", lambda data: (2, 1, 1))
    return family({**configs.CONFIGS["maf"], "bijectors": 3, **changes})


@pytest.mark.parametrize("family", [Nvp, Maf])
def test_a_flow_integrates_to_one(family, monkeypatch):
    flow = _in_two_dimensions(monkeypatch, family, initializer={"name": "normal", "scale": 0.25})
    parameters = flow.initial_parameters(SEED)
    # The shifts and scales matter: far from the standard normal distribution that they start from.
    axis = np.linspace(-12, 12, 601, dtype=np.float32)
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    density = np.exp(flow.log_density(parameters, tf.constant(grid)).numpy().astype(float))
    assert density.sum() * (axis[1] - axis[0]) ** 2 == pytest.approx(1, abs=2e-3)
    standard = np.exp(-0.5 * (grid.astype(float) ** 2).sum(1)) / (2 * np.pi)
    assert np.max(np.abs(density - standard)) > 0.02


@pytest.mark.parametrize("hidden", [[7], [3, 12], [40]])
def test_the_jacobian_of_maf_is_triangular(hidden):
    bijector = Autoregressive("b", 6, hidden, tf.tanh)
    parameters = weights.draw(bijector.weights({"name": "normal", "scale": 0.4}), SEED)
    x = tf.random.stateless_normal([1, 6], SEED)
    with tf.GradientTape() as tape:
        tape.watch(x)
        z, log_determinant = bijector(parameters, x)
    jacobian = tape.jacobian(z, x)[0, :, 0].numpy()
    np.testing.assert_array_equal(np.triu(jacobian, 1), np.zeros([6, 6]))
    assert np.all(np.diag(jacobian) > 0)
    # Every output but the first sees something, so that not all is masked.
    assert np.all(np.abs(np.tril(jacobian, -1)).sum(1)[1:] > 0)
    np.testing.assert_allclose(log_determinant[0], np.log(np.linalg.det(jacobian.astype(float))), rtol=1e-4, atol=1e-5)


def test_a_coupling_knows_its_determinant(monkeypatch):
    flow = _in_two_dimensions(monkeypatch, Nvp)
    coupling = flow._bijectors[0]
    parameters = weights.draw(coupling.weights({"name": "normal", "scale": 1.0}), SEED)
    x = tf.random.stateless_normal([1, 2], SEED)
    with tf.GradientTape() as tape:
        tape.watch(x)
        z, log_determinant = coupling(parameters, x)
    jacobian = tape.jacobian(z, x)[0, :, 0].numpy()
    assert abs(float(log_determinant[0])) > 1e-3
    np.testing.assert_allclose(log_determinant[0], np.log(np.linalg.det(jacobian.astype(float))), rtol=1e-4)


def test_normal_densities():
    x, mean, log_stddev = np.random.RandomState(0).randn(3, 4, 2).astype(np.float32)
    stddev = np.exp(log_stddev)
    expected = -0.5 * ((x - mean) / stddev) ** 2 - np.log(stddev * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(log_density(tf.constant(x), mean, log_stddev), expected.sum(1), rtol=1e-5)
    divergence = -np.log(stddev) + (stddev**2 + mean**2 - 1) / 2
    np.testing.assert_allclose(divergence_from_standard(mean, log_stddev), divergence.sum(1), rtol=1e-4)


def test_the_bound_is_below_the_likelihood_and_meets_it_at_the_posterior():
    # x = W z + b + N(0, s^2), z one number: p(x) = N(b, W W^T + s^2), and the posterior is normal.
    rng = np.random.RandomState(0)
    w, b, s = rng.randn(2), rng.randn(2), 0.6
    x = rng.randn(3, 2)
    covariance = np.outer(w, w) + s**2 * np.eye(2)
    inverse = np.linalg.inv(covariance)
    centred = x - b
    exact = -0.5 * np.einsum("bi,ij,bj->b", centred, inverse, centred)
    exact -= 0.5 * np.log(np.linalg.det(2 * np.pi * covariance))
    variance = 1 / (1 + w @ w / s**2)
    count = 20_000
    noise = rng.randn(count, 1).astype(np.float32)

    def decode(z):
        return z * tf.constant(w[np.newaxis], tf.float32) + tf.constant(b, tf.float32), tf.fill(
            [z.shape[0], 2], float(np.log(s))
        )

    def encoder(shift, stretch):
        def encode(inputs):
            mean = variance * tf.linalg.matvec(inputs - b.astype(np.float32), w.astype(np.float32)) / s**2
            log_stddev = 0.5 * np.log(variance) + np.log(stretch)
            return mean[:, tf.newaxis] + shift, tf.fill([inputs.shape[0], 1], float(log_stddev))

        return encode

    for row, likelihood in zip(x, exact, strict=True):
        inputs = tf.constant(np.tile(row, [count, 1]), tf.float32)
        at_posterior = bound(inputs, encoder(0.0, 1.0), decode, tf.constant(noise)).numpy()
        margin = 4 * at_posterior.std() / np.sqrt(count)
        assert at_posterior.mean() == pytest.approx(likelihood, abs=margin)
        beside = bound(inputs, encoder(0.7, 1.6), decode, tf.constant(noise)).numpy()
        gap = (0.7**2 / variance + 1.6**2 - 1) / 2 - np.log(1.6)  # KL between the two posteriors.
        assert beside.mean() == pytest.approx(likelihood - gap, abs=4 * beside.std() / np.sqrt(count))
        assert beside.mean() < likelihood
