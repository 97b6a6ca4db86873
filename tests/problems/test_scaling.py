"""Random scaling against the problem it wraps."""

import numpy as np
import pytest
import tensorflow as tf

import problems
from problems.scaling import RandomScaling

SEED = tf.constant([3, 4])


def test_it_is_the_problem_in_stretched_coordinates():
    inner = problems.get("quadratic", batch_size=2, num_dims=3, stddev=1.0, dtype="float64")
    problem = RandomScaling(inner, log_range=2.0)
    instance = problem.sample(SEED)
    theta = problem.initial_parameters(instance, SEED)
    c = instance["scales"]["x"].numpy()
    assert np.exp(-2) <= c.min() < 0.7 and 1.4 < c.max() <= np.exp(2)
    np.testing.assert_allclose(c * theta["x"], inner.initial_parameters(instance["instance"], SEED)["x"], rtol=1e-14)
    w, y = (instance["instance"][name].numpy() for name in "wy")
    residual = np.einsum("bij,bj->bi", w, c * theta["x"]) - y
    np.testing.assert_allclose(problem.loss(theta, instance, SEED), np.mean(np.sum(residual**2, 1)), rtol=1e-12)
    assert problem.function_axis == inner.function_axis


def test_every_draw_has_other_scales():
    problem = RandomScaling(problems.get("simple-multi", num_dims=3))
    first, second = (problem.sample(tf.constant([0, i]))["scales"] for i in (1, 2))
    assert len({float(c) for c in [*first.values(), *second.values()]}) == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"problem": {"name": "simple"}, "log_range": -1.0},
            r"log_range is a number of at least 0\. Received: log_range=-1\.0\.",
        ),
        ({"problem": "simple"}, "inside of another is given as .*Received: 'simple'"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        problems.get("scaled", **arguments)
