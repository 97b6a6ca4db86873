import functools
import importlib

import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import fast, networks
from l2l_tf.fast import recompute
from l2l_tf.fast.parts import parts_of
from l2l_tf.unrolling import seeds, unroll
from l2l_tf.unrolling.coordinates import AssignedNetworks
from l2l_tf.unrolling.objectives import trajectory_objective
from problems.problem import Problem

LSTM = {"layers": (3, 2), "preprocess_name": "LogAndSign", "preprocess_options": {"k": 5.0}, "scale": 0.1}


class Network(Problem):
    """A convolution, a layer and a bias on minibatches of noise, and a table of which they use three rows: shapes for
    every network, more coordinates than a chunk of native code has, and a loss with a seed."""

    name = "network"
    options: dict = {}  # noqa: RUF012

    def initial_parameters(self, instance, seed):
        shapes = {"kernel": [2, 2, 1, 3], "w": [12, 2], "b": [2], "table": [50, 2]}
        return {
            name: tf.random.stateless_normal(shape, seeds.fold(seed, i), stddev=0.5)
            for i, (name, shape) in enumerate(shapes.items())
        }

    def loss(self, parameters, instance, seed):
        images = tf.random.stateless_normal([4, 3, 3, 1], seed)
        features = tf.tanh(tf.nn.conv2d(images, parameters["kernel"], 1, "VALID"))
        outputs = tf.tanh(tf.reshape(features, [4, 12]) @ parameters["w"] + parameters["b"])
        rows = 0.1 * tf.reduce_sum(tf.square(tf.gather(parameters["table"], [0, 7, 49]) - outputs[:3]))
        return tf.reduce_mean(tf.square(outputs - 0.5)) + 0.1 * tf.reduce_sum(tf.square(parameters["b"])) + rows

    def validation_loss(self, parameters, instance, seed):
        return 2 * self.loss(parameters, instance, seeds.fold(seed, 7))


def _lstm(name="CoordinateWiseDeepLSTM", seed=0, **options):
    return networks.get(name, **{**LSTM, "seed": seed, **options})


def _assert_agrees(
    network, len_unroll=3, second_derivatives=False, transform="identity", weights="all", loss="training", **options
):
    """The fast path and the tape: meta-loss, losses, gradients, and the run they leave, twice in a row.

    The tape runs op by op, as for so few steps a graph takes far longer to make."""
    problem = Network()
    objective = trajectory_objective(len_unroll, weights, transform, loss)

    def readable(run):
        return unroll.tape(problem, network, run, len_unroll, objective, second_derivatives)

    @tf.function(autograph=False)
    def in_blocks(run):
        return fast.outer_gradient(problem, network, run, len_unroll, objective, second_derivatives, **options)

    run = unroll.start(problem, network, seeds.root(1))
    for _ in range(2):
        expected, actual = readable(run), in_blocks(run)
        tf.nest.assert_same_structure(actual, expected)
        largest = max(float(tf.reduce_max(tf.abs(g))) for g in expected.gradients)
        assert largest > 0
        for got, wanted, variable in zip(actual.gradients, expected.gradients, network.trainable_variables):
            np.testing.assert_allclose(got, wanted, atol=1e-5 * largest, err_msg=variable.name)
        for got, wanted in zip(*(tf.nest.flatten(outer._replace(gradients=())) for outer in (actual, expected))):
            np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
        run = expected.run
    assert in_blocks.experimental_get_tracing_count() == 1


XLA = {"in_native_code": False}
MODES = [
    {},
    {"second_derivatives": True},
    {"memory": "activations", **XLA},
    {"memory": "states", **XLA},
    {"memory": "recompute", **XLA},
    {"second_derivatives": True, **XLA},
    {"second_derivatives": True, "memory": "states", **XLA},
]


@pytest.mark.parametrize("options", MODES, ids=str)
def test_blocks_with_a_remainder(options):
    """138 coordinates in blocks of 48."""
    _assert_agrees(AssignedNetworks({"cw": _lstm()}), rows_per_block=48, **options)


@pytest.mark.parametrize("options", MODES, ids=str)
def test_one_network_under_two_names(options):
    shared = _lstm()
    network = AssignedNetworks({"kernels": shared, "rest": shared}, [("kernels", ["kernel"]), ("rest", ["w", "b"])])
    _assert_agrees(network, rows_per_block=16, **options)


@pytest.mark.parametrize("options", [mode for mode in MODES if mode.get("memory") != "recompute"], ids=str)
def test_several_networks_at_once(options):
    """LSTMs over coordinates, kernels and vectors, and Adam; two networks on one parameter."""
    network = AssignedNetworks(
        {
            "one": _lstm(),
            "kernels": _lstm("KernelDeepLSTM", kernel_shape=[2, 2]),
            "vectors": _lstm("StandardDeepLSTM", output_size=2, layers=(2,)),
            "adam": networks.get("Adam", learning_rate=0.01),
        },
        [("kernels", ["kernel"]), ("vectors", ["w"]), ("one", ["b"]), ("adam", ["b"])],
    )
    _assert_agrees(network, **options)


@pytest.mark.parametrize("options", MODES, ids=str)
def test_no_layers_and_a_parameter_that_nobody_owns(options):
    network = AssignedNetworks({"linear": _lstm(layers=())}, [("linear", ["kernel", "w"])])
    _assert_agrees(network, **options)


@pytest.mark.parametrize("options", MODES, ids=str)
def test_rnnprop(options):
    """Running averages lie before the LSTM layers; with second derivatives their cotangents go back in time too."""
    network = AssignedNetworks(
        {"only": networks.get("RNNProp", layers=(3, 2), scale=0.1, epsilon=1e-3, magnitude=True)}
    )
    _assert_agrees(network, rows_per_block=48, **options)


@pytest.mark.parametrize(
    "objective", [{"transform": "log"}, {"weights": "final"}, {"weights": [0.0, 1.0, -0.5, 2.0]}], ids=str
)
def test_objectives(objective):
    _assert_agrees(AssignedNetworks({"cw": _lstm(preprocess_name="identity", preprocess_options={})}), **objective)


@pytest.mark.parametrize(("other", "len_unroll"), [("RNNProp", 4), ("Adam", 1), ("HierarchicalLSTM", 2)])
def test_objectives_of_validation_losses(other, len_unroll):
    """The gradients of other losses than the networks see; one of the networks sees validation losses too."""
    network = AssignedNetworks({"one": _lstm(), "two": networks.get(other)}, [("one", ["kernel", "b"]), ("two", ["w"])])
    for in_native_code in (True, False):
        options = {"rows_per_block": 16, "in_native_code": in_native_code}
        _assert_agrees(network, len_unroll, True, "log", loss="validation", **options)


def test_objectives_of_validation_losses_need_second_derivatives():
    network = AssignedNetworks({"cw": _lstm()})
    run = unroll.start(Network(), network, seeds.root(0))
    with pytest.raises(ValueError, match="validation losses need second_derivatives=True"):
        fast.outer_gradient(Network(), network, run, 2, trajectory_objective(2, loss="validation"))


@pytest.mark.parametrize("options", MODES, ids=str)
def test_one_step(options):
    _assert_agrees(AssignedNetworks({"cw": _lstm(layers=(2,))}), len_unroll=1, **options)


@pytest.mark.parametrize(("len_unroll", "length"), [(5, 2), (4, 2)], ids=str)
def test_long_unrolls_are_recomputed_in_segments(monkeypatch, len_unroll, length):
    monkeypatch.setattr(recompute, "segment_length", lambda *_: length)
    network = AssignedNetworks({"only": networks.get("RNNProp", layers=(3, 2), scale=0.1, epsilon=1e-3)})
    _assert_agrees(network, len_unroll, rows_per_block=48, memory="recompute", in_native_code=False)


def test_long_unrolls_in_native_code():
    """More steps than a chunk keeps in memory at a time, the last of those segments shorter than the others."""
    network = AssignedNetworks({"only": networks.get("RNNProp", layers=(3, 2), scale=0.1, epsilon=1e-3)})
    _assert_agrees(network, len_unroll=43)


@pytest.mark.parametrize(
    ("len_unroll", "most_bytes", "expected"), [(20, 20 * 400, 20), (100, 100, 10), (100, 2 * 30 * 400, 30), (2, 1, 1)]
)
def test_segment_length(len_unroll, most_bytes, expected):
    assert recompute.segment_length([tf.zeros([100])], len_unroll, most_bytes) == expected


def test_double_precision_stays_on_the_readable_path_within_the_fast_one():
    network = AssignedNetworks(
        {"double": _lstm(dtype="float64"), "single": _lstm()}, [("double", ["w"]), ("single", ["kernel", "b"])]
    )
    _assert_agrees(network)


def test_memory_is_chosen_by_the_budget():
    """Of layers of 3 and 2 cells with one feature, a row has 10 numbers of state; its activations are 20 gates, and 5
    and 6 inputs in place of 5 numbers of h."""
    network = AssignedNetworks({"lstm": _lstm(preprocess_name="identity", preprocess_options={})})
    parameters = {"kernel": tf.zeros([64])}
    parts = parts_of(network, parameters, rows_per_block=32, in_native_code=False)
    state = network.initial_state(parameters)
    states, activations = (4 * 64 * 5 * numbers for numbers in (10, 10 + 20 + 5 + 6 - 5))

    def chosen(budget):
        return fast.memory.choose(parts, state, len_unroll=5, budget=budget)

    assert chosen(activations) == "activations"
    assert chosen(activations - 1) == chosen(states) == "states"
    assert chosen(states - 1) == "recompute"


def test_an_unknown_memory_mode():
    network = AssignedNetworks({"cw": _lstm()})
    run = unroll.start(Network(), network, seeds.root(0))
    with pytest.raises(ValueError, match=r"memory is one of \['activations', 'states', .*\], .* Received: 'none'"):
        fast.outer_gradient(Network(), network, run, 2, trajectory_objective(2), memory="none")


@pytest.mark.parametrize(
    ("name", "second_derivatives"), [("PerParameterMLP", True), ("AdafactorMLP", False), ("AdafactorMLP", True)]
)
def test_rules_with_an_mlp_on_each_coordinate(name, second_derivatives):
    network = AssignedNetworks(
        {"mlp": networks.get(name, decays=(0.5, 0.9), scale=0.1, seed=3), "adam": networks.get("Adam")},
        [("mlp", ["kernel", "w", "table"]), ("adam", ["b"])],
    )
    for i, variable in enumerate(network.trainable_variables):  # beyond the descent that it starts as
        variable.assign_add(tf.random.stateless_normal(variable.shape, [0, i], stddev=0.1))
    _assert_agrees(network, 2, second_derivatives)


@pytest.mark.parametrize(
    ("name", "options", "num_coordinates", "expected"),
    [
        ("CoordinateWiseDeepLSTM", {}, 256, True),
        ("CoordinateWiseDeepLSTM", {}, 255, False),
        ("CoordinateWiseDeepLSTM", {"dtype": "float64"}, 256, False),
        ("RNNProp", {}, 256, True),
        ("RNNProp", {"dtype": "float64"}, 256, False),
        ("Adam", {}, 256, False),
    ],
)
def test_applies(name, options, num_coordinates, expected):
    network = AssignedNetworks({"only": networks.get(name, **options)})
    assert fast.applies(network, {"x": tf.zeros([num_coordinates])}) is expected


@pytest.mark.parametrize("in_native_code", [True, False])
@pytest.mark.parametrize("loss", ["training", "validation"])
def test_steps_that_nothing_is_differentiated_through(monkeypatch, loss, in_native_code):
    """Blocked parts and a whole one, on the training and on the validation losses, twice in a row."""
    monkeypatch.setattr(importlib.import_module("l2l_tf.fast.outer_gradient"), "_FEWEST_COORDINATES", 1)
    problem, network = (
        Network(),
        AssignedNetworks(
            {
                "one": _lstm(),
                "two": networks.get("RNNProp", layers=(3,)),
                "adam": networks.get("Adam", learning_rate=0.01),
            },
            [("one", ["kernel", "b"]), ("two", ["w"]), ("adam", ["b"])],
        ),
    )
    objective = trajectory_objective(3, loss=loss)
    arguments = {"num_steps": 3, "objective": objective}
    readable = functools.partial(unroll.costs_along, problem, network, **arguments)
    blocks = {"rows_per_block": 16, "in_native_code": in_native_code}
    in_blocks = tf.function(
        functools.partial(fast.costs_along, problem, network, **arguments, **blocks), autograph=False
    )
    run = unroll.start(problem, network, seeds.root(1))
    for _ in range(2):
        expected, actual = readable(run=run), in_blocks(run=run)
        tf.nest.assert_same_structure(actual, expected)
        for got, wanted in zip(tf.nest.flatten(actual), tf.nest.flatten(expected)):
            np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
        assert not np.allclose(run.parameters["w"], expected[2].parameters["w"], atol=1e-4)
        run = expected[2]
    assert in_blocks.experimental_get_tracing_count() == 1


def test_losses_and_statistics_along(monkeypatch):
    """Those of the readable path, by LSTMs and MLPs in native code and a network without any."""
    monkeypatch.setattr(importlib.import_module("l2l_tf.fast.outer_gradient"), "_FEWEST_COORDINATES", 1)

    class Averaged(Network):
        """With statistics of the run's parameters."""

        def statistics(self, parameters, instance, seed):
            return {"table": tf.reduce_mean(parameters["table"], 0)}

    problem = Averaged()
    network = AssignedNetworks(
        {"lstm": _lstm(), "mlp": networks.get("AdafactorMLP", decays=(0.5,)), "adam": networks.get("Adam")},
        [("lstm", ["kernel"]), ("mlp", ["w", "table"]), ("adam", ["b"])],
    )
    run = unroll.start(problem, network, seeds.root(1))
    for along in ("losses_along", "statistics_along"):
        expected = getattr(unroll, along)(problem, network, run, 3)
        in_blocks = functools.partial(getattr(fast, along), problem, network, num_steps=3)
        actual = tf.function(in_blocks, autograph=False)(run=run)
        tf.nest.assert_same_structure(actual, expected)
        for got, wanted in zip(tf.nest.flatten(actual), tf.nest.flatten(expected)):
            np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
