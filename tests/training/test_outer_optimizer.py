"""The optimizer of phi: Adam, clipping, averages, and gradients that are not finite."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from l2l_tf.training.outer_optimizer import OuterOptimizer


def variable():
    return tf.Variable([1.0, -2.0])


def test_a_step_is_adams():
    ours, theirs = variable(), variable()
    outer, adam = OuterOptimizer([ours], 0.1), keras.optimizers.Adam(0.1, epsilon=1e-8)
    for gradient in ([3.0, 4.0], [-1.0, 0.5]):
        step = outer.apply([tf.constant(gradient)])
        adam.apply([tf.constant(gradient)], [theirs])
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert float(step.gradient_norm) == pytest.approx(np.hypot(1, 0.5))


def test_the_update_norm_is_the_distance_moved():
    phi = variable()
    step = OuterOptimizer([phi], 0.1).apply([tf.constant([3.0, 4.0])])
    assert float(step.update_norm) == pytest.approx(np.linalg.norm(phi.numpy() - [1.0, -2.0]), rel=1e-6)


@pytest.mark.parametrize(
    ("limits", "clipped"),
    [({"clip_norm": 1.0}, [0.6, 0.8]), ({"clip_value": 0.5}, [0.5, 0.5]), ({"clip_norm": 10.0}, [3.0, 4.0])],
)
def test_clipping(limits, clipped):
    outer = OuterOptimizer([variable()], 0.1, **limits)
    outer.apply([tf.constant([3.0, 4.0])])
    momenta = next(value for name, value in outer.state.items() if np.shape(value) == (2,))
    np.testing.assert_allclose(momenta, 0.1 * np.array(clipped), rtol=1e-5)


def test_going_back_forgets_the_direction_and_keeps_the_size_of_gradients():
    phi = variable()
    outer = OuterOptimizer([phi], 0.1, average_decay=0.9)
    outer.apply([tf.constant([3.0, 4.0])])
    outer.go_back([np.array([5.0, 6.0], np.float32)])
    np.testing.assert_array_equal(phi, [5.0, 6.0])
    np.testing.assert_array_equal(outer.averages[0], [5.0, 6.0])
    momenta, mean_squares, _ = (value for value in outer.state.values() if np.shape(value) == (2,))
    np.testing.assert_array_equal(momenta, [0.0, 0.0])
    np.testing.assert_allclose(mean_squares, 0.001 * np.square([3.0, 4.0]), rtol=1e-5)


def test_averages_follow_phi():
    phi = variable()
    outer = OuterOptimizer([phi], 0.1, average_decay=0.9)
    outer.apply([tf.constant([3.0, 4.0])])
    decay = 2 / 11  # The first steps forget where phi began.
    np.testing.assert_allclose(outer.averages[0], decay * np.array([1.0, -2.0]) + (1 - decay) * phi.numpy(), rtol=1e-6)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_gradients_that_are_not_finite_are_dropped_and_counted(bad):
    phi = variable()
    outer = OuterOptimizer([phi], 0.1, average_decay=0.9)
    apply = tf.function(outer.apply)
    before = {name: np.asarray(value).copy() for name, value in outer.state.items()}
    step = apply([tf.constant([bad, 1.0])])
    assert not step.finite
    assert int(outer.dropped) == 1
    np.testing.assert_array_equal(phi.numpy(), [1.0, -2.0])
    for name, value in outer.state.items():
        if name != "dropped":
            np.testing.assert_array_equal(value, before[name])
    assert apply([tf.constant([1.0, 1.0])]).finite


@pytest.mark.parametrize("options", [{"clip_norm": 0.0}, {"clip_value": -1.0}, {"average_decay": 1.0}])
def test_options_out_of_range(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))} .*Received: .*={next(iter(options.values()))}"):
        OuterOptimizer([variable()], 0.1, **options)


@pytest.mark.parametrize("size", [1e19, 1e30, 3e38])
@pytest.mark.parametrize("clip_norm", [None, 1.0])
def test_a_gradient_whose_norm_overflows_is_clipped_and_not_dropped(size, clip_norm):
    """Adam's step does not depend on the gradient's size."""
    ours, theirs = variable(), variable()
    outer, plain = OuterOptimizer([ours], 0.1, clip_norm), OuterOptimizer([theirs], 0.1, clip_norm)
    for _ in range(2):
        step = outer.apply([tf.constant([0.6, 0.8]) * size])
        plain.apply([tf.constant([0.6, 0.8])])
    assert step.finite
    assert int(outer.dropped) == 0
    assert float(step.gradient_norm) == pytest.approx(size, rel=1e-5)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    for value in outer.state.values():
        assert np.all(np.isfinite(value))
    if clip_norm:
        momenta = next(value for value in outer.state.values() if np.shape(value) == (2,))
        np.testing.assert_allclose(momenta, 0.19 * np.array([0.6, 0.8]), rtol=1e-5)


def test_entries_are_clipped_before_a_norm_that_overflows():
    outer = OuterOptimizer([variable()], 0.1, clip_value=0.5)
    outer.apply([tf.constant([1e30, 0.25])])
    momenta = next(value for value in outer.state.values() if np.shape(value) == (2,))
    np.testing.assert_allclose(momenta, [0.05, 0.025], rtol=1e-5)


@pytest.mark.parametrize("name", ["clip_norm", "clip_value", "learning_rate", "average_decay"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_options_that_are_no_numbers(name, value):
    with pytest.raises(ValueError, match=rf"Received: \w+={value}"):
        OuterOptimizer([variable()], **{"learning_rate": 0.1, name: value})
