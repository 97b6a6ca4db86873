"""A deep LSTM's step in native code, its state in variables, as Keras takes it: against the call that XLA compiles."""

import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import networks
from l2l_tf.deployment.in_blocks import Blocks
from l2l_tf.fast import native
from l2l_tf.fast.rules import rule_of
from l2l_tf.networks import Observation

LOG_AND_SIGN = {"preprocess_name": "LogAndSign", "preprocess_options": {"k": 5.0}}


@pytest.fixture(name="operations")
def _operations():
    operations = native.operations()
    if operations is None:
        pytest.skip("there is no C++ compiler here")
    return operations


@pytest.mark.parametrize(
    ("name", "options", "shapes"),
    [
        ("CoordinateWiseDeepLSTM", {"layers": [20, 20], **LOG_AND_SIGN}, {"x": (70, 90), "y": (), "z": (5,)}),
        ("CoordinateWiseDeepLSTM", {"layers": [3], "preprocess_options": {"gain": 2.0}}, {"x": (70,)}),
        ("KernelDeepLSTM", {"layers": [4], "kernel_shape": [3, 2], **LOG_AND_SIGN}, {"x": (3, 2, 5, 7)}),
        ("RNNProp", {"layers": [6]}, {"x": (70, 9), "y": (3,)}),
        ("RNNProp", {"layers": [6, 5], "magnitude": True, "beta_1": 0.9}, {"x": (70,)}),
    ],
    ids=str,
)
def test_steps_are_those_of_compiled_blocks(operations, name, options, shapes):
    random = np.random.default_rng(0)
    network = networks.get(name, scale=0.1, **options)
    for i, variable in enumerate(network.trainable_variables):
        variable.assign_add(tf.random.stateless_normal(variable.shape, [0, i], stddev=0.1))
    parameters = {key: tf.TensorSpec(shape, tf.float32) for key, shape in shapes.items()}
    blocks = Blocks(network, rule_of(network), parameters, "float32", operations)
    state = [h for _, h in blocks.initial_state()]
    variables = [tf.Variable(h) for h in state]
    assert blocks.works_in_place(variables)
    for t in range(3):
        gradients = {key: np.asarray(random.normal(size=s, scale=10.0**-t), np.float32) for key, s in shapes.items()}
        if t == 1:
            gradients["x"].flat[[0, 17, 69]] = np.nan, np.inf, -2e15
        observation = Observation({key: tf.constant(g) for key, g in gradients.items()})
        expected, state = blocks(observation, state)
        updates, unusable = blocks.in_place(observation, variables)
        assert unusable is None if name == "KernelDeepLSTM" else int(unusable) == (3 if t == 1 else 0)
        for key, update in updates.items():
            np.testing.assert_allclose(update, expected[key], rtol=1e-5, atol=1e-6)
            assert np.abs(update).max() > 1e-4
    rows = sum(map(int, map(np.prod, shapes.values()))) // (6 if name == "KernelDeepLSTM" else 1)
    size = blocks._layout.rows_per_block
    for i, (variable, h) in enumerate(zip(variables, state)):  # what fills the last block up is nobody's
        own = min(size, rows - i * size)
        np.testing.assert_allclose(variable[:, :own], h[:, :own], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"gradients": tf.zeros([3])}, "gradients are"),
        ({"gradients": tf.zeros([1, 200])}, "states have n"),
        ({"states": [[6, 64], [6, 32]]}, "all of them alike"),
        ({"states": [[5, 64], [5, 64]]}, "states are"),
        ({"linear": tf.zeros([3, 1])}, "linear layer"),
    ],
    ids=str,
)
def test_arguments_that_do_not_fit(operations, changed, message):
    arguments = {"gradients": tf.zeros([1, 100]), "states": [[6, 64], [6, 64]], "linear": tf.zeros([4, 1]), **changed}
    variables = [tf.Variable(tf.zeros(shape)) for shape in arguments["states"]]
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        operations.l2l_lstm_update(
            arguments["gradients"],
            [2],
            [variable.handle for variable in variables],
            arguments["linear"],
            [tf.zeros([6, 12])],
            log_scale=5.0,
            gain=1.0,
            averages=[],
            magnitude=False,
            waits=False,
            threads=1,
        )
