"""The outer gradient of the rules of an MLP on each coordinate: replay and the fast path against the tape."""

import numpy as np
import pytest
import tensorflow as tf

import problems
from l2l_tf import fast, networks
from l2l_tf.unrolling import seeds, unroll
from l2l_tf.unrolling.coordinates import AssignedNetworks
from l2l_tf.unrolling.objectives import trajectory_objective

OPTIONS = {
    "PerParameterMLP": {"layers": [3], "decays": [0.9]},
    "AdafactorMLP": {"layers": [3], "decays": [0.9]},
    "HierarchicalLSTM": {"layers": [3], "decays": [0.9], "cells": 2, "messages": 2},
}


# Op by op, but for one: a graph of the tape and of replay takes far longer to make than to run.
@pytest.mark.parametrize(
    ("name", "second_derivatives", "traced"),
    [
        ("PerParameterMLP", True, False),
        ("AdafactorMLP", True, True),
        ("HierarchicalLSTM", True, False),
        ("HierarchicalLSTM", False, False),
    ],
)
def test_replay_and_the_fast_path_are_the_tape(name, second_derivatives, traced):
    network = networks.get(name, **OPTIONS[name], scale=0.1, dtype="float64")
    generator = np.random.default_rng(0)
    weights = networks.weights_of(network)
    networks.assign_weights(network, {key: w + 0.2 * generator.normal(size=w.shape) for key, w in weights.items()})
    assigned = AssignedNetworks({"network": network})
    problem = problems.get("quadratic", batch_size=2, num_dims=3, stddev=1.0, dtype="float64")
    objective = trajectory_objective(3)

    run = unroll.start(problem, assigned, seeds.root(0))

    @tf.function(autograph=False)
    def fast_path(run):
        return fast.outer_gradient(problem, assigned, run, 3, objective, second_derivatives).gradients

    def readable(run):
        tape = unroll.tape(problem, assigned, run, 3, objective, second_derivatives).gradients
        trajectory = unroll.roll_out(problem, assigned, run, 3, record_parameters=second_derivatives)
        return tape, unroll.replay(problem, assigned, run, trajectory, objective, second_derivatives).gradients

    tape, replay = (tf.function(readable, autograph=False) if traced else readable)(run)
    others = replay, fast_path(run)
    assert all(np.any(gradient != 0) for gradient in tape)
    for other in others:
        for ours, theirs in zip(other, tape, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)
