"""The weighted sum of problems."""

import numpy as np
import pytest
import tensorflow as tf

import problems
from problems import Ensemble
from problems.problem import split_seed

SEED = tf.constant([1, 2])


def test_loss_is_the_weighted_sum_over_parameters_of_their_own():
    parts = [problems.get("quadratic", batch_size=2, num_dims=3), problems.get("simple-multi", num_dims=2)]
    ensemble = Ensemble(parts, weights=[0.5, 3.0])
    instance = ensemble.sample(SEED)
    parameters = ensemble.initial_parameters(instance, SEED)
    assert list(parameters) == ["problem_0/x", "problem_1/x_0", "problem_1/x_1"]
    expected = 0.5 * parts[0].loss({"x": parameters["problem_0/x"]}, instance[0], split_seed(SEED, 2)[0]) + 3.0 * 2
    np.testing.assert_allclose(ensemble.loss(parameters, instance, SEED), expected, rtol=1e-6)


def test_weights_are_one_by_default():
    ensemble = problems.get("ensemble", problems=[{"name": "simple"}, {"name": "simple"}])
    assert float(ensemble.loss(ensemble.initial_parameters([(), ()], SEED), [(), ()], SEED)) == 2.0


def test_held_out_splits_are_the_common_ones(tiny_data_dir):
    mnist = problems.get("mnist", data_dir=tiny_data_dir, layers=[2], validation_size=20)
    assert Ensemble([mnist, problems.get("simple")]).held_out_splits == ()
    both = Ensemble([mnist, mnist], weights=[1, 2])
    assert both.held_out_splits == ("validation", "test")
    parameters = both.initial_parameters([(), ()], SEED)
    own = [{n.removeprefix(f"problem_{i}/"): x for n, x in parameters.items() if f"_{i}/m" in n} for i in range(2)]
    expected = mnist.held_out_loss(own[0], (), "test") + 2 * mnist.held_out_loss(own[1], (), "test")
    np.testing.assert_allclose(both.held_out_loss(parameters, [(), ()], "test"), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"problems": []}, r"problems is a list of 1 or more, each a problem.* Received: problems=\[\]\."),
        ({"problems": [{"name": "simple"}], "weights": [1, 2]}, r"of 1 problems needs as many weights. .*\[1, 2\]"),
        ({"problems": ["simple"]}, "inside of another is given as .* Received: 'simple'"),
        ({"problems": [{"name": "simpel"}]}, "A problem is one of .* Received: 'simpel'"),
        ({}, r"The problem ensemble needs the options \['problems'\]. Received: \[\]"),
    ],
)
def test_options_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        problems.get("ensemble", **options)
