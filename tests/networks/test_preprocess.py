import numpy as np
import pytest
import tensorflow as tf

from l2l_tf.networks import preprocess

VALUES = np.array([0.0, 1e-30, -1e-30, 1e-6, -1e-6, 4e-5, -6e-5, 5e-3, -9e-3, 0.1, -0.5, 1.0, -1.0, 30.0, -1e6])


def _log_and_sign(x: np.ndarray, k: float) -> np.ndarray:
    """Appendix A of the paper, as it is written there: `[n, size]` to `[n, size, 2]`."""
    with np.errstate(divide="ignore"):
        large = np.abs(x) >= np.exp(-k)
        return np.stack(
            [np.where(large, np.log(np.abs(x)) / k, -1.0), np.where(large, np.sign(x), np.exp(k) * x)], axis=-1
        )


@pytest.mark.parametrize("k", [5, 10])
@pytest.mark.parametrize("column", [True, False])
def test_log_and_sign_is_the_papers_formula(k, column):
    x = VALUES[:, None] if column else VALUES.reshape(5, 3)
    features = preprocess.get("LogAndSign", k=k)(tf.constant(x, tf.float64)).numpy()
    assert features.shape == (len(x), 2 * x.shape[1])
    np.testing.assert_allclose(features.reshape(*x.shape, 2), _log_and_sign(x, k), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("k", [5, 10])
def test_log_and_sign_in_float32_differs_by_the_epsilon_in_the_logarithm(k):
    x = VALUES.astype(np.float32)[:, None]
    features = preprocess.get("LogAndSign", k=k)(tf.constant(x)).numpy()
    epsilon = np.finfo(np.float32).eps
    magnitude = np.maximum(np.log(np.abs(x).astype(np.float64) + epsilon) / k, -1)
    np.testing.assert_allclose(features[:, :1], magnitude, rtol=1e-6, atol=1e-6)
    # At |x| = e^-10 the epsilon moves log|x| / 10 by log(1 + 1.2e-7 / 4.5e-5) / 10 = 2.6e-4.
    np.testing.assert_allclose(features[:, None, :], _log_and_sign(x, k), rtol=1e-5, atol=3e-4)


def test_log_and_sign_of_zero_is_finite_with_a_finite_derivative():
    x = tf.zeros([2, 1])
    with tf.GradientTape() as tape:
        tape.watch(x)
        features = preprocess.get("LogAndSign", k=10)(x)
    np.testing.assert_array_equal(features, [[-1.0, 0.0], [-1.0, 0.0]])
    np.testing.assert_allclose(tape.gradient(features, x), np.full([2, 1], np.exp(10)), rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [-2.0, 0.5, 3.0]),
        ({"min_value": -1}, [-1.0, 0.5, 3.0]),
        ({"max_value": 1}, [-2.0, 0.5, 1.0]),
        ({"min_value": -1, "max_value": 1}, [-1.0, 0.5, 1.0]),
        ({"min_value": 0.0}, [0.0, 0.5, 3.0]),
    ],
)
def test_clamp(options, expected):
    clamped = preprocess.get("Clamp", **options)(tf.constant([[-2.0, 0.5, 3.0]]))
    np.testing.assert_array_equal(clamped, [expected])


def test_identity_and_its_gain():
    x = tf.constant([[-2.0, 0.5]])
    np.testing.assert_array_equal(preprocess.get("identity")(x), x)
    np.testing.assert_array_equal(preprocess.get("identity", gain=100.0)(x), [[-200.0, 50.0]])


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("Log", {}, r"Preprocessors are \['identity', 'Clamp', 'LogAndSign', .*\]\. Received: 'Log'\."),
        (
            "LogAndSign",
            {},
            r"The preprocessor LogAndSign does not take these options: it takes \['k'\]\. Received: \{\}\.",
        ),
        (
            "Clamp",
            {"k": 5},
            r"The preprocessor Clamp does not take these options: it takes \[.*\]\. Received: \{'k': 5\}\.",
        ),
        ("LogAndSign", {"k": 0}, r"LogAndSign: k is a number above 0\. Received: k=0\."),
        (
            "Clamp",
            {"min_value": 1, "max_value": -1},
            r"Clamp needs min_value <= max_value\. Received: min_value=1, max_value=-1\.",
        ),
    ],
)
def test_bad_input(name, options, message):
    with pytest.raises(ValueError, match=message):
        preprocess.get(name, **options)


@pytest.mark.parametrize(
    ("name", "options"), [("identity", {"gain": 2.0}), ("Clamp", {"max_value": 0.1}), ("LogAndSign", {"k": 5})]
)
def test_rows_may_stand_side_by_side(name, options):
    rows = tf.constant([[0.5, -1e-4], [3.0, 0.0], [-2.0, 1e-9]])
    along = preprocess.get(name, **options)
    np.testing.assert_array_equal(along(tf.transpose(rows), axis=0), tf.transpose(along(rows)))
