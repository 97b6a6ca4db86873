"""A learned optimizer as the optimizer of phi."""

import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import LearnedOptimizer
from l2l_tf.networks.hierarchical_lstm import HierarchicalLSTM
from l2l_tf.saving import saved_optimizer
from l2l_tf.training.outer_optimizer import OuterOptimizer
from l2l_tf.unrolling.coordinates import AssignedNetworks

RULE = "mnist_adafactor"


def _variables():
    return [tf.Variable([[1.0, -2.0, 3.0]]), tf.Variable([0.5])]


def _gradients(step):
    generator = np.random.default_rng(step)
    return [tf.constant(generator.normal(size=v.shape), tf.float32) for v in _variables()]


def test_it_steps_as_the_rule_does_in_keras():
    ours, theirs = _variables(), _variables()
    outer, optimizer = OuterOptimizer(ours, 0.5, kind=RULE), LearnedOptimizer(RULE, learning_rate=0.5)
    optimizer.build(theirs)
    apply = tf.function(outer.apply)
    for step in range(3):
        assert apply(_gradients(step)).finite
        optimizer.apply(_gradients(step), theirs)
    for our, their in zip(ours, theirs):
        np.testing.assert_allclose(our, their, rtol=1e-5, atol=1e-6)


def test_its_state_is_all_that_a_resumed_run_needs():
    undisturbed = _variables()
    outer = OuterOptimizer(undisturbed, 1.0, kind=RULE)
    for step in range(2):
        outer.apply(_gradients(step))
    resumed = [tf.Variable(v) for v in undisturbed]
    another = OuterOptimizer(resumed, 1.0, kind=RULE)
    for name, variable in another.state.items():
        variable.assign(outer.state[name])
    for optimizer in (outer, another):
        optimizer.set_learning_rate(0.25)
        optimizer.apply(_gradients(2))
    for our, their in zip(undisturbed, resumed):
        np.testing.assert_array_equal(our, their)


def test_a_gradient_that_is_not_finite_changes_nothing():
    phi = _variables()
    outer = OuterOptimizer(phi, 1.0, kind=RULE)
    outer.apply([tf.constant([[np.nan, 0.0, 1.0]]), tf.constant([1.0])])
    for ours, before in zip(phi, _variables()):
        np.testing.assert_array_equal(ours, before)
    assert int(outer.dropped) == 1 and not any(np.any(v != 0) for n, v in outer.state.items() if n in ("rule/0",))


def test_what_cannot_be_one(tmp_path):
    with pytest.raises(ValueError, match="weight_decay is of the outer optimizer adam"):
        OuterOptimizer(_variables(), 1.0, weight_decay=0.1, kind=RULE)
    with pytest.raises(ValueError, match=r"a pretrained name .*Received: 'nobody'"):
        OuterOptimizer(_variables(), 1.0, kind="nobody")
    saved_optimizer.save(AssignedNetworks({"rule": HierarchicalLSTM((3,), 2, 2, (0.9,))}), tmp_path)
    with pytest.raises(ValueError, match="An outer optimizer is not told the loss"):
        OuterOptimizer(_variables(), 1.0, kind=str(tmp_path))
