import numpy as np
import pytest
import tensorflow as tf

from l2l_tf.unrolling.objectives import trajectory_objective

LOSSES = np.array([4.0, 2.0, 1.0, 0.5])


@pytest.mark.parametrize(
    ("loss_weights", "transform", "expected"),
    [
        ("all", "identity", 7.5),
        ("mean", "identity", 1.875),
        ("final", "identity", 0.5),
        ("last:1", "identity", 0.5),
        ("last:2", "identity", 0.75),
        ("last:9", "identity", 1.875),
        ("best", "identity", 0.5),
        ("best", "log", np.log(0.5)),
        ([0, 0.5, 1, 2], "identity", 3.0),
        ("all", "log", np.log(4.0)),
        ("final", "log", np.log(0.5)),
        ((1.0, 0.0, 0.0, 3.0), "log", np.log(4.0) + 3 * np.log(0.5)),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_value_and_gradient(loss_weights, transform, expected, dtype):
    losses = tf.constant(LOSSES, dtype)
    objective = trajectory_objective(3, loss_weights, transform)
    with tf.GradientTape() as tape:
        tape.watch(losses)
        value = objective(losses)
    assert value.shape == ()
    assert value.dtype == losses.dtype
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    named = {"all": [1, 1, 1, 1], "mean": [0.25] * 4, "final": [0, 0, 0, 1], "best": [0, 0, 0, 1]}
    named |= {"last:1": [0, 0, 0, 1], "last:2": [0, 0, 0.5, 0.5], "last:9": [0.25] * 4}
    weights = named[loss_weights] if isinstance(loss_weights, str) else loss_weights
    derivative = 1 / LOSSES if transform == "log" else np.ones(4)
    np.testing.assert_allclose(tape.gradient(value, losses), weights * derivative, rtol=1e-6)


def test_the_default_is_the_sum_of_all_losses():
    np.testing.assert_allclose(trajectory_objective(3)(tf.constant(LOSSES)), 7.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": "test"}, r"loss is one of \['training', 'validation'\]\. Received: 'test'\."),
        ({"transform": "exp"}, r"transform is one of \['identity', 'log'\]\. Received: transform='exp'\."),
        (
            {"loss_weights": "last:0"},
            r"loss_weights is 'all', 'mean', 'final', 'best', 'last:N' or a list of numbers\. Received: 'last:0'\.",
        ),
        (
            {"loss_weights": [1.0, 2.0]},
            r"loss_weights needs 4 numbers, w_0 to w_3, for unrolls of 3 steps\. Received: 2\.",
        ),
        (
            {"loss_weights": [0.0, 0.0, 0, 0]},
            r"loss_weights that are all 0 ask for nothing\. Received: \[0\.0, 0\.0, 0, 0\]\.",
        ),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        trajectory_objective(3, **arguments)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
@pytest.mark.parametrize("loss_weights", ["all", "best"])
def test_the_logarithm_has_a_floor_under_losses_that_reach_zero(loss_weights, dtype):
    losses = tf.constant([4.0, 0.5, 0.0, 0.0], dtype)
    objective = trajectory_objective(3, loss_weights, "log")
    with tf.GradientTape() as tape:
        tape.watch(losses)
        value = objective(losses)
    floor = np.log(2.0**-14 if dtype == "float16" else 1e-12)
    expected, derivatives = (floor, [0.0] * 4) if loss_weights == "best" else (np.log(2.0) + 2 * floor, [0.25, 2, 0, 0])
    np.testing.assert_allclose(float(value), expected, rtol=0.01)
    np.testing.assert_allclose(tf.cast(tape.gradient(value, losses), tf.float64), derivatives, rtol=0.01)


def test_above_the_floor_the_logarithm_is_what_it_was_bit_for_bit():
    losses = tf.constant(np.exp(np.linspace(np.log(1.1e-12), 20.0, 1001)), tf.float32)
    objective = trajectory_objective(1000, "all", "log")
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(losses)
        value, plain = objective(losses), tf.tensordot(tf.ones([1001]), tf.math.log(losses), 1)
    np.testing.assert_array_equal(value, plain)
    np.testing.assert_array_equal(tape.gradient(value, losses), tape.gradient(plain, losses))


@pytest.mark.parametrize("loss", [-1e-20, -3.0, float("nan")])
def test_what_has_no_logarithm_is_not_hidden_by_the_floor(loss):
    losses = tf.constant([1.0, loss])
    with tf.GradientTape() as tape:
        tape.watch(losses)
        value = trajectory_objective(1, "all", "log")(losses)
    assert np.isnan(value)
    slopes = tape.gradient(value, losses).numpy()
    assert slopes[0] == 1 and np.isnan(slopes[1])


def test_the_best_loss_is_the_lowest_so_far_wherever_it_was():
    losses = tf.constant([4.0, 1.0, 3.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(losses)
        value = trajectory_objective(3, "best")(losses)
    assert float(value) == 1.0
    np.testing.assert_array_equal(tape.gradient(value, losses), [0.0, 1.0, 0.0, 0.0])
