"""The fast path under every objective, over long unrolls, and along steps that nothing is differentiated through."""

import functools
import importlib

import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import fast, networks
from l2l_tf.fast import recompute
from l2l_tf.unrolling import seeds, unroll
from l2l_tf.unrolling.coordinates import AssignedNetworks
from l2l_tf.unrolling.objectives import trajectory_objective
from tests.fast.outer_gradient_cases import Network, assert_agrees, lstm


@pytest.mark.parametrize(
    "objective", [{"transform": "log"}, {"weights": "final"}, {"weights": (0.0, 1.0, -0.5, 2.0)}], ids=str
)
def test_objectives(objective):
    assert_agrees(AssignedNetworks({"cw": lstm(preprocess_name="identity", preprocess_options={})}), **objective)


@pytest.mark.parametrize(("other", "len_unroll"), [("RNNProp", 4), ("Adam", 1), ("HierarchicalLSTM", 2)])
def test_objectives_of_validation_losses(other, len_unroll):
    """The gradients of other losses than the networks see; one of the networks sees validation losses too."""
    network = AssignedNetworks({"one": lstm(), "two": networks.get(other)}, [("one", ["kernel", "b"]), ("two", ["w"])])
    for in_native_code in (True, False):
        options = {"rows_per_block": 16, "in_native_code": in_native_code}
        assert_agrees(network, len_unroll, True, "log", loss="validation", **options)


def test_objectives_of_validation_losses_need_second_derivatives():
    network = AssignedNetworks({"cw": lstm()})
    run = unroll.start(Network(), network, seeds.root(0))
    with pytest.raises(ValueError, match="validation losses need second_derivatives=True"):
        fast.outer_gradient(Network(), network, run, 2, trajectory_objective(2, loss="validation"))


@pytest.mark.parametrize(("len_unroll", "length"), [(5, 2), (4, 2)], ids=str)
def test_long_unrolls_are_recomputed_in_segments(monkeypatch, len_unroll, length):
    monkeypatch.setattr(recompute, "segment_length", lambda *_: length)
    network = AssignedNetworks({"only": networks.get("RNNProp", layers=(3, 2), scale=0.1, epsilon=1e-3)})
    assert_agrees(network, len_unroll, rows_per_block=48, memory="recompute", in_native_code=False)


def test_long_unrolls_in_native_code():
    """More steps than a chunk keeps in memory at a time, the last of those segments shorter than the others."""
    network = AssignedNetworks({"only": networks.get("RNNProp", layers=(3, 2), scale=0.1, epsilon=1e-3)})
    assert_agrees(network, len_unroll=43)


@pytest.mark.parametrize(
    ("len_unroll", "most_bytes", "expected"), [(20, 20 * 400, 20), (100, 100, 10), (100, 2 * 30 * 400, 30), (2, 1, 1)]
)
def test_segment_length(len_unroll, most_bytes, expected):
    assert recompute.segment_length([tf.zeros([100])], len_unroll, most_bytes) == expected


def test_double_precision_stays_on_the_readable_path_within_the_fast_one():
    network = AssignedNetworks(
        {"double": lstm(dtype="float64"), "single": lstm()}, [("double", ["w"]), ("single", ["kernel", "b"])]
    )
    assert_agrees(network)


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
    assert_agrees(network, 2, second_derivatives)


@pytest.mark.parametrize("in_native_code", [True, False])
@pytest.mark.parametrize("loss", ["training", "validation"])
def test_steps_that_nothing_is_differentiated_through(monkeypatch, loss, in_native_code):
    """Blocked parts and a whole one, on the training and on the validation losses, twice in a row."""
    monkeypatch.setattr(importlib.import_module("l2l_tf.fast.outer_gradient"), "_FEWEST_COORDINATES", 1)
    problem, network = (
        Network(),
        AssignedNetworks(
            {
                "one": lstm(),
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
        {"lstm": lstm(), "mlp": networks.get("AdafactorMLP", decays=(0.5,)), "adam": networks.get("Adam")},
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
