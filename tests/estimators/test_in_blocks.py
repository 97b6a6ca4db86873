"""Estimators whose members take the fast path, against the readable one."""

import numpy as np
import pytest
import tensorflow as tf

import problems
from l2l_tf import estimators, fast, networks
from l2l_tf.fast import population
from l2l_tf.unrolling import seeds, unroll
from l2l_tf.unrolling.coordinates import AssignedNetworks
from l2l_tf.unrolling.objectives import trajectory_objective


@pytest.fixture(scope="module")
def quadratic():
    problem = problems.get("quadratic", batch_size=64, num_dims=4)
    network = AssignedNetworks({"cw": networks.get("CoordinateWiseDeepLSTM", layers=[4], scale=0.1)})
    assert fast.applies(network, unroll.start(problem, network, seeds.root(1)).parameters)
    return problem, network


@pytest.mark.parametrize(
    ("name", "largest"), [("es", None), ("es", 0), ("pes", None), ("reparameterization", None), ("mix", None)]
)
def test_members_in_blocks_give_what_the_readable_path_gives(quadratic, monkeypatch, name, largest):
    """Side by side, and one after the other as where members are large."""
    problem, network = quadratic
    if largest is not None:
        monkeypatch.setattr(population, "LARGEST", largest)
    options = {"perturbations": 2, "perturbation_std": 0.2}

    def two_unrolls(in_blocks):
        estimator = estimators.get(name, problem, network, 2, trajectory_objective(2), in_blocks=in_blocks, **options)
        call = tf.function(estimator.__call__, autograph=False) if in_blocks else estimator
        first = call(estimator.begin(unroll.start(problem, network, seeds.root(1))), seeds.root(2))
        return first, call(first.run, seeds.root(3))

    for ours, theirs in zip(two_unrolls(True), two_unrolls(False), strict=True):
        for got, wanted in zip(ours.gradients, theirs.gradients, strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-5 * np.abs(wanted).max())
        np.testing.assert_allclose(ours.losses, theirs.losses, rtol=1e-5)
        for got, wanted in zip(tf.nest.flatten(ours.run), tf.nest.flatten(theirs.run), strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)
