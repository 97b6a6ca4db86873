"""Random scaling against the problem it wraps."""

import numpy as np
import pytest
import tensorflow as tf

import problems
from problems import reparameterization
from problems.scaling import RandomScaling, Reparameterized

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


@pytest.mark.parametrize(("how", "count"), [("whole", 1), ("tensor", 2), ("parameter", 8)])
def test_a_reparameterized_problem_starts_where_it_would_in_other_units(how, count):
    inner = problems.from_function(
        lambda p: tf.reduce_sum(p["w"] ** 2) + tf.reduce_sum(p["b"]), {"w": tf.ones([3, 2]), "b": tf.ones([2])}
    )
    problem = Reparameterized(inner, how, low=0.01, high=100.0)
    scales = []
    for i in range(40):
        instance = problem.sample(tf.constant([5, i]))
        theta = problem.initial_parameters(instance, SEED)
        c = instance["scales"]
        assert float(problem.loss(theta, instance, SEED)) == pytest.approx(8.0, rel=1e-5)
        np.testing.assert_allclose(theta["w"] * c["w"], tf.ones([3, 2]), rtol=1e-6)
        drawn = np.concatenate([np.ravel(c["w"]), np.ravel(c["b"])])
        assert len(set(drawn.tolist())) == count
        scales += drawn.tolist()
    assert 0.01 <= min(scales) < 0.1 and 10 < max(scales) <= 100
    assert np.mean(np.log10(scales)) == pytest.approx(0, abs=0.6)


def test_how_a_command_says_it():
    assert reparameterization.parsed("tensor:0.001:1000") == ("tensor", 0.001, 1000.0)
    for wrong in ("tensor", "all:1:2", "whole:2:1", "whole:0:1", "whole:a:b", "whole:1:2:3", "whole:1:inf", 3):
        with pytest.raises(ValueError, match=r"^reparameterize is whole or tensor or parameter, .* Received: "):
            reparameterization.parsed(wrong)


def test_ends_the_wrong_way_round():
    with pytest.raises(ValueError, match=r"low is at most high\. Received: low=2\.0, high=1\.0"):
        problems.get("reparameterized", problem={"name": "simple"}, low=2.0, high=1.0)


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
