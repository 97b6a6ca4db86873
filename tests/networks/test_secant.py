"""What a step tells of the inverse Hessian, and when it tells nothing."""

import numpy as np
import pytest
import tensorflow as tf

from l2l_tf.networks.secant import secant_vectors

EPS = float(np.finfo(np.float32).eps)


def _vectors(step, change, predicted, largest_gradient):
    rows = [tf.constant([row], tf.float32) for row in (step, change, predicted)]
    return secant_vectors(*rows, tf.constant([[largest_gradient]], tf.float32))[0].numpy()


def test_three_vectors_are_the_formulas():
    s, y, z = np.array([1.0, 2.0]), np.array([3.0, 0.5]), np.array([0.5, -0.25])
    sy, yz = s @ y, y @ z
    q = np.sqrt(yz / sy)
    expected = [s / np.sqrt(sy), z / np.sqrt(yz), q * s / np.sqrt(sy)]
    np.testing.assert_allclose(_vectors(s, y, z, 1.0), expected, rtol=1e-6)


@pytest.mark.parametrize(("units", "known"), [(20, False), (40, True)])
def test_a_change_within_round_off_is_not_written(units, known):
    """Of the largest gradient so far, along the step: 30 units of round-off is the limit."""
    vectors = _vectors([1.0, 0.0], [units * EPS * 7.0, 0.0], [1.0, 0.0], 7.0)
    assert np.any(vectors != 0) == known


@pytest.mark.parametrize(("cosine", "known"), [(0.5e-5, False), (2e-5, True), (-1.0, False)])
def test_a_change_across_the_step_is_not_written(cosine, known):
    vectors = _vectors([1.0, 0.0], [cosine, 1.0], [1.0, 1.0], 0.0)
    assert np.any(vectors != 0) == known


def test_a_prediction_against_the_change_leaves_the_step_alone():
    vectors = _vectors([1.0, 0.0], [1.0, 0.0], [-1.0, 0.0], 1.0)
    np.testing.assert_array_equal(vectors, [[1, 0], [0, 0], [0, 0]])
