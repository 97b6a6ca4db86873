"""What a network takes from the problem."""

import numpy as np
import pytest

import problems
from l2l_tf import networks
from l2l_tf.training.config import TrainingConfig
from l2l_tf.training.loop import Training
from l2l_tf.unrolling import fitting


def test_shapes_of_the_parameters():
    assert fitting.shapes_of(problems.get("quadratic", batch_size=2, num_dims=3)) == {"x": (2, 3)}


def test_a_fitted_network_has_the_very_variables():
    network = networks.get("HierarchicalLSTM", layers=[3], cells=2, messages=2)
    other = fitting.fitted(network, problems.get("quadratic"))
    assert other.options == network.options | {"function_axis": 0}
    assert [v.ref() for v in other.trainable_variables] == [v.ref() for v in network.trainable_variables]
    assert "loss" in network.observes and "loss" not in other.observes
    assert fitting.fitted(other, problems.get("quadratic")) is other
    other.trainable_variables[0].assign_add(np.ones(other.trainable_variables[0].shape))
    np.testing.assert_array_equal(network.trainable_variables[0], other.trainable_variables[0])


def test_a_network_that_observes_the_validation_loss_needs_one(tmp_path):
    net = {"net": "HierarchicalLSTM", "net_options": {"losses": ["validation"]}}
    config = TrainingConfig(problem="simple", problem_options={}, networks={"net": net})
    with pytest.raises(ValueError, match=r"A network that observes the validation loss needs a problem with .* no val"):
        Training(config, tmp_path)
