"""The clock of the rules that see the step: beyond what they learned from, it stands still."""

import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import networks
from l2l_tf.networks import Observation, assign_weights, weights_of
from tests.networks import mlp_reference as reference

RULES = {
    "PerParameterMLP": {"layers": (4,), "decays": (0.9,)},
    "AdafactorMLP": {"layers": (4,), "decays": (0.9,)},
    "ControlledMLP": {"layers": (4,), "control_layers": (4,), "decays": (0.9,)},
    "HierarchicalLSTM": {"layers": (4,), "decays": (0.9,), "cells": 3, "messages": 2, "losses": ()},
}


def _update_at(step, net, **options):
    """The first update of a rule that believes it to be that step."""
    network = networks.get(net, **RULES[net], dtype="float64", **options)
    assign_weights(network, reference.random_weights(weights_of(network)))
    x = {"x": tf.constant([[1.0, 2.0], [3.0, -4.0]], tf.float64)}
    observation = Observation(x, parameters=x, step=tf.constant(float(step)))
    return network(observation, network.initial_state(x))[0]["x"].numpy()


@pytest.mark.parametrize("net", RULES)
def test_later_steps_are_seen_as_the_last(net):
    at = {step: _update_at(step, net, trained_steps=10) for step in (8, 9, 10, 500)}
    np.testing.assert_array_equal(at[10], at[9])
    np.testing.assert_array_equal(at[500], at[9])
    assert np.any(at[8] != at[9])
    np.testing.assert_array_equal(at[8], _update_at(8, net))
    assert np.any(_update_at(10, net) != _update_at(9, net))


@pytest.mark.parametrize("net", [*RULES, "LearnedAdam"])
@pytest.mark.parametrize("steps", [0, 1.5, True, "10"])
def test_what_is_no_number_of_steps(net, steps):
    with pytest.raises(
        ValueError, match=r"trained_steps is a whole number of at least 1, or null\. Received: trained_steps="
    ):
        networks.get(net, trained_steps=steps)
