"""What LearnedOptimizer does with gradients that are NaN, infinite or missing, and what one application costs."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import LearnedOptimizer, networks
from l2l_tf.deployment.application import applications
from l2l_tf.deployment.in_blocks import layout
from l2l_tf.networks import Observation
from l2l_tf.networks.classic import Sgd
from l2l_tf.unrolling.coordinates import AssignedNetworks

LOG_AND_SIGN = {"preprocess_name": "LogAndSign", "preprocess_options": {"k": 10.0}, "scale": 0.1}

COORDINATEWISE = {
    "blocks": lambda: networks.get("CoordinateWiseDeepLSTM", layers=[4, 3], **LOG_AND_SIGN),
    "rnnprop": lambda: networks.get("RNNProp", layers=[4]),
    "whole": lambda: networks.get("CoordinateWiseDeepLSTM", layers=[4], dtype="float64", **LOG_AND_SIGN),
    "slots": lambda: networks.get("RMSProp"),
}


def _step(optimizer, variables, *gradients):
    optimizer.apply([None if g is None else tf.constant(g, tf.float32) for g in gradients], variables)


@pytest.mark.parametrize(("bad", "in_function"), [(np.nan, True), (-np.inf, False), (1e20, False)])
@pytest.mark.parametrize("rule", COORDINATEWISE)
def test_a_coordinate_without_a_finite_gradient_waits(rule, bad, in_function):
    """Coordinate 1 misses a step: it stays, and goes on later as if that step had not been."""
    network = COORDINATEWISE[rule]()
    optimizer, variable = LearnedOptimizer(network), keras.Variable([0.0, 0.0])
    optimizer.build([variable])

    def step(gradient):
        optimizer.apply([gradient], [variable])

    step = tf.function(step) if in_function else step
    for gradient in ([1.0, 2.0], [0.5, bad], [-1.0, 3.0]):
        step(tf.constant(gradient))
    alone, other = LearnedOptimizer(network), keras.Variable([0.0, 0.0])
    for gradient in ([9.0, 2.0], [9.0, 3.0]):
        _step(alone, [other], gradient)
    np.testing.assert_allclose(variable.numpy()[1], other.numpy()[1], rtol=1e-6)
    assert np.all(np.isfinite(variable.numpy()))
    assert optimizer.nonfinite_gradients.numpy() == 1


def test_a_kernel_waits_as_a_whole():
    network = networks.get("KernelDeepLSTM", kernel_shape=[2], layers=[4], **LOG_AND_SIGN)
    optimizer, variable = LearnedOptimizer(network), keras.Variable(np.zeros([2, 1, 2], np.float32))
    _step(optimizer, [variable], [[[np.nan, 1.0]], [[1.0, 1.0]]])
    assert (variable.numpy() == 0).tolist() == [[[True, False]], [[True, False]]]


def test_shared_state_goes_on_as_if_the_gradient_were_zero():
    """Coordinate 0 hears of the others through the averaging cells; the NaN of coordinate 1 counts as 0 there."""
    network = networks.get("GlobalAveragingLSTM", layers=[4], global_cells=2, **LOG_AND_SIGN)
    results = []
    for middle in (np.nan, 0.0):
        optimizer, variable = LearnedOptimizer(network), keras.Variable([0.0, 0.0, 0.0])
        _step(optimizer, [variable], [1.0, middle, 2.0])
        results.append(variable.numpy())
    np.testing.assert_array_equal(results[0], results[1])
    assert results[0][1] == 0 and np.all(results[0][[0, 2]] != 0)


def test_global_clipnorm_leaves_the_whole_step_out():
    optimizer, variable = LearnedOptimizer(COORDINATEWISE["blocks"](), global_clipnorm=1.0), keras.Variable([0.0, 0.0])
    _step(optimizer, [variable], [1.0, np.nan])
    np.testing.assert_array_equal(variable.numpy(), 0)
    assert optimizer.nonfinite_gradients.numpy() == 2


@pytest.mark.parametrize("rule", COORDINATEWISE)
def test_a_variable_without_a_gradient_waits(rule):
    network = COORDINATEWISE[rule]()
    optimizer, variables = LearnedOptimizer(network), [keras.Variable([0.0]), keras.Variable([0.0, 0.0])]
    optimizer.build(variables)
    _step(optimizer, variables, [1.0], [1.0, 2.0])
    with pytest.warns(UserWarning, match="Gradients do not exist for variables"):
        _step(optimizer, variables, [0.5], None)
    _step(optimizer, variables[1:], [3.0, 3.0])  # a part of the variables
    alone, other = LearnedOptimizer(network), keras.Variable([0.0, 0.0])
    for gradient in ([1.0, 2.0], [3.0, 3.0]):
        _step(alone, [other], gradient)
    np.testing.assert_allclose(variables[1].numpy(), other.numpy(), rtol=1e-6)
    assert optimizer.nonfinite_gradients.numpy() == 0
    assert variables[0].numpy() != 0


def test_no_gradient_at_all_is_an_error():
    optimizer, variable = LearnedOptimizer(COORDINATEWISE["slots"]()), keras.Variable([0.0])
    with pytest.raises(ValueError, match="No gradients provided"):
        _step(optimizer, [variable], None)


def test_a_failed_step_leaves_nothing_behind():
    optimizer, variables = LearnedOptimizer(networks.get("Sgd")), [keras.Variable([0.0]), keras.Variable([0.0])]
    optimizer.build(variables)
    with pytest.raises((ValueError, TypeError, tf.errors.InvalidArgumentError)):
        _step(optimizer, variables, [1.0], [1.0, 2.0, 3.0])
    before = [variable.numpy() for variable in variables]
    _step(optimizer, variables, [1.0], [1.0])
    for variable, value in zip(variables, before):
        np.testing.assert_allclose(variable.numpy(), value - 0.01, rtol=1e-6)


@pytest.mark.parametrize("shapes", [[(0,)], [(0, 3), (2,), ()]], ids=["only", "among others"])
@pytest.mark.parametrize("rule", COORDINATEWISE)
def test_parameters_without_entries(rule, shapes):
    variables = [keras.Variable(np.zeros(shape, np.float32)) for shape in shapes]
    optimizer = LearnedOptimizer(COORDINATEWISE[rule]())
    _step(optimizer, variables, *[np.ones(shape) for shape in shapes])
    assert [tuple(v.shape) for v in variables] == shapes
    assert all(np.all(v.numpy() != 0) for v in variables)


# One application of all variables together.


class Counting(Sgd):
    def __call__(self, observation, state):
        self.calls = getattr(self, "calls", 0) + 1
        return super().__call__(observation, state)


def test_a_network_is_called_once_for_all_its_variables():
    network = Counting()
    variables = [keras.Variable([0.0]) for _ in range(5)]
    _step(LearnedOptimizer(network), variables, *[[1.0]] * 5)
    assert network.calls == 1


@pytest.mark.parametrize(
    ("num_rows", "expected"),
    [(0, (1, 16)), (1, (1, 16)), (4096, (1, 4096)), (100_000, (24, 4176)), (1_000_000, (244, 4112))],
)
def test_blocks_stay_as_checkpoints_have_them(num_rows, expected):
    """The state is saved in blocks. With others than these, the checkpoints of earlier versions do not load."""
    assert layout(num_rows)[1:] == expected


@pytest.mark.parametrize("num_rows", [1, 15, 2047, 2049, 5_000, 131_072, 600_000])
def test_blocks_hold_all_rows(num_rows):
    _, num_blocks, rows_per_block = layout(num_rows)
    assert num_rows <= num_blocks * rows_per_block < num_rows + rows_per_block + 16


def test_state_takes_what_the_documentation_says():
    variable = keras.Variable(np.zeros(4096, np.float32))
    for state_dtype, size in (("float32", 320), ("bfloat16", 160)):
        optimizer = LearnedOptimizer(networks.get("CoordinateWiseDeepLSTM"), state_dtype=state_dtype)
        optimizer.build([variable])
        state = [v for v in optimizer.variables if "block" in v.path]
        assert sum(v.value.dtype.size * int(np.prod(v.shape)) for v in state) == 4096 * size


@pytest.mark.parametrize("rule", ["blocks", "rnnprop"])
def test_several_blocks_are_one_network(rule):
    """8,000 coordinates in blocks against one call."""
    network = COORDINATEWISE[rule]()
    parameters = {"a": tf.TensorSpec([5000]), "b": tf.TensorSpec([3000])}
    (application,) = applications(AssignedNetworks({"n": network}), parameters).values()
    blocks = [h for _, h in application.initial_state()]
    assert len(blocks) > 1
    state = network.initial_state({name: tf.zeros(p.shape) for name, p in parameters.items()})
    for step in range(2):
        generator = np.random.default_rng(step)
        gradients = {name: tf.constant(generator.normal(size=p.shape), tf.float32) for name, p in parameters.items()}
        updates, blocks = application(Observation(gradients), blocks)
        expected, state = network(Observation(gradients), state)
        for name in parameters:
            np.testing.assert_allclose(updates[name], expected[name], atol=1e-6, rtol=0)


def test_a_variable_twice_is_refused():
    optimizer, variable = LearnedOptimizer(networks.get("Sgd")), keras.Variable([1.0], name="shared")
    for given in (
        lambda: optimizer.build([variable, variable]),
        lambda: _step(optimizer, [variable] * 2, [1.0], [1.0]),
    ):
        with pytest.raises(ValueError, match=r"every variable once. Received more than once: \['shared', 'shared_1'\]"):
            given()


def test_a_gradient_of_another_shape_is_refused_and_moves_nothing():
    optimizer, variable = LearnedOptimizer("mnist"), keras.Variable(np.zeros([3, 2]), name="w")
    optimizer.build([variable])
    before = [v.numpy() for v in optimizer.variables]
    with pytest.raises(ValueError, match=r"gradient of 'w' has its shape, \(3, 2\). Received: \(2, 3\)"):
        optimizer.apply([tf.ones([2, 3])], [variable])
    for now, then in zip(optimizer.variables, before):
        np.testing.assert_array_equal(now.numpy(), then)


@pytest.mark.parametrize("rule", ["general", "mnist", "mnist_adafactor", "mnist_per_parameter"])
def test_a_gradient_of_unknown_shape(rule):
    optimizer, variable = LearnedOptimizer(rule), keras.Variable(np.zeros([3, 2]))
    other, twin = LearnedOptimizer(rule), keras.Variable(np.zeros([3, 2]))

    @tf.function(input_signature=[tf.TensorSpec([None, None])])
    def step(gradient):
        optimizer.apply([gradient], [variable])

    gradient = tf.reshape(tf.range(6.0), [3, 2])
    step(gradient)
    other.apply([gradient], [twin])
    np.testing.assert_allclose(variable.numpy(), twin.numpy(), rtol=1e-5)


@pytest.mark.parametrize(
    "rule", ["general", "mnist", "mnist_momentum", "mnist_adafactor", "mnist_per_parameter", "quadratic"]
)
def test_a_gradient_whose_square_is_no_float_spoils_nothing(rule):
    optimizer, variable = LearnedOptimizer(rule), keras.Variable([1.0, 2.0])
    for gradient in ([1.0, 1.0], [1e25, 1.0], [1.0, 1.0]):
        _step(optimizer, [variable], gradient)
    assert np.all(np.isfinite(variable.numpy()))
    assert optimizer.nonfinite_gradients.numpy() == 1


def test_a_parameter_may_be_named_as_an_entry_of_the_state():
    """Adam's count of steps goes on where the gradient of a scalar called "step" is NaN."""
    moved = []
    for name in ("step", "other"):
        variables = [keras.Variable(0.0, name=name), keras.Variable(1.0, name="x")]
        optimizer = LearnedOptimizer(networks.get("Adam", learning_rate=0.1))
        optimizer.build(variables)
        for gradient in (np.nan, 1.0, np.nan):
            _step(optimizer, variables, gradient, 0.5)
        moved.append([float(variable) for variable in variables])
    assert moved[0] == moved[1]
    assert moved[0][1] == pytest.approx(0.7, abs=1e-5)


def test_variables_are_of_floating_point_numbers():
    with pytest.raises(ValueError, match=r"Optimizers update floating-point numbers\. Received: complex64"):
        LearnedOptimizer(networks.get("RNNProp", layers=[2])).build([tf.Variable(tf.zeros([3], "complex64"))])
