import numpy as np
import pytest
import tensorflow as tf

import problems


def _draw(**options):
    problem = problems.get("quadratic", batch_size=3, num_dims=6, dtype="float64", **options)
    return problem, problem.sample(tf.constant([1, 2]))


def test_ill_conditioned_draws_have_that_condition_number_and_no_preferred_axes():
    problem, instance = _draw(draw="ill_conditioned", condition_number=1e4)
    assert problem.options["condition_number"] == 1e4
    values = np.linalg.svd(instance["w"].numpy(), compute_uv=False)
    np.testing.assert_allclose(values, np.tile(10 ** -np.linspace(0, 2, 6), (3, 1)), rtol=1e-10)
    hessians = 2 * tf.matmul(instance["w"], instance["w"], transpose_a=True).numpy()
    np.testing.assert_allclose(np.linalg.cond(hessians), 1e4, rtol=1e-6)
    off_diagonal = hessians[:, ~np.eye(6, dtype=bool)]
    assert np.all(np.abs(off_diagonal) > 1e-6)
    assert np.all(np.abs(instance["w"][0] - instance["w"][1]) > 1e-6)


def test_a_condition_number_is_of_the_ill_conditioned_draws_alone():
    for draw in ("uniform", "gaussian"):
        problem, instance = _draw(draw=draw, condition_number=1e4)
        assert "condition_number" not in problem.options
        np.testing.assert_array_equal(instance["w"], _draw(draw=draw)[1]["w"])


@pytest.mark.parametrize("draw", ["uniform", "gaussian", "ill_conditioned"])
def test_loss_is_the_mean_of_squared_residuals(draw):
    problem, instance = _draw(draw=draw)
    theta = tf.reshape(tf.range(18, dtype=tf.float64), [3, 6])
    residuals = np.einsum("fij,fj->fi", instance["w"], theta) - instance["y"]
    expected = np.mean(np.sum(residuals**2, axis=1))
    np.testing.assert_allclose(problem.loss({"x": theta}, instance, tf.constant([0, 0])), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"condition_number": 0.5}, r"condition_number is a number of at least 1\. Received: condition_number=0\.5\."),
        (
            {"draw": "cauchy"},
            r"draw is one of \['uniform', 'gaussian', 'ill_conditioned'\]\. Received: draw='cauchy'",
        ),
        ({"num_dims": 0}, r"num_dims is a whole number of at least 1\. Received: num_dims=0\."),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        problems.get("quadratic", **options)
