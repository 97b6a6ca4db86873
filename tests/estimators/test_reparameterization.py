"""The reparameterisation gradient where its members take the fast path."""

import numpy as np
import tensorflow as tf

import problems
from l2l_tf import estimators, fast, networks, seeds, unroll
from l2l_tf.coordinates import AssignedNetworks
from l2l_tf.objectives import trajectory_objective


def test_members_in_blocks_give_what_the_readable_path_gives():
    problem = problems.get("quadratic", batch_size=64, num_dims=4)
    network = AssignedNetworks({"cw": networks.get("CoordinateWiseDeepLSTM", layers=[4], scale=0.1)})
    run = unroll.start(problem, network, seeds.root(1))
    assert fast.applies(network, run.parameters)
    blocks, readable = (
        tf.function(
            estimators.reparameterization(
                problem, network, 2, trajectory_objective(2), in_blocks=in_blocks, perturbations=2, perturbation_std=0.2
            ).__call__,
            autograph=False,
        )(run, seeds.root(2)).gradients
        for in_blocks in (True, False)
    )
    for ours, theirs in zip(blocks, readable, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5 * np.abs(theirs).max())
