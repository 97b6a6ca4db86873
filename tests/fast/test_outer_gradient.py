"""The fast path's outer gradient, in every mode and mixture of networks."""

import functools

import pytest
import tensorflow as tf

from l2l_tf import fast, networks
from l2l_tf.fast.parts import parts_of
from l2l_tf.unrolling import seeds, unroll
from l2l_tf.unrolling.coordinates import AssignedNetworks
from l2l_tf.unrolling.objectives import trajectory_objective
from tests.fast.outer_gradient_cases import XLA, Network, assert_agrees, lstm

NATIVE, NATIVE_EXACT = {}, {"second_derivatives": True}
ACTIVATIONS, STATES, RECOMPUTE = ({"memory": memory, **XLA} for memory in ("activations", "states", "recompute"))
EXACT = {"second_derivatives": True, **XLA}
EXACT_STATES = {"second_derivatives": True, "memory": "states", **XLA}


def _one():
    return AssignedNetworks({"cw": lstm()})


def _two_names():
    shared = lstm()
    return AssignedNetworks({"kernels": shared, "rest": shared}, [("kernels", ["kernel"]), ("rest", ["w", "b"])])


def _several():
    """LSTMs over coordinates, kernels and vectors, and Adam; two networks on one parameter."""
    return AssignedNetworks(
        {
            "one": lstm(),
            "kernels": lstm("KernelDeepLSTM", kernel_shape=[2, 2]),
            "vectors": lstm("StandardDeepLSTM", output_size=2, layers=(2,)),
            "adam": networks.get("Adam", learning_rate=0.01),
        },
        [("kernels", ["kernel"]), ("vectors", ["w"]), ("one", ["b"]), ("adam", ["b"])],
    )


def _no_layers():
    """And a parameter that nobody owns."""
    return AssignedNetworks({"linear": lstm(layers=())}, [("linear", ["kernel", "w"])])


def _rnnprop():
    """Running averages lie before the LSTM layers; with second derivatives their cotangents go back in time too."""
    return AssignedNetworks({"only": networks.get("RNNProp", layers=(3, 2), scale=0.1, epsilon=1e-3, magnitude=True)})


def _short():
    return AssignedNetworks({"cw": lstm(layers=(2,))})


# What the fast path does with memory depends on the rule, so that both rules have all modes; mixtures and edges have
# those that differ for them.
CASES = {
    "138 coordinates in blocks of 48": (
        *(_one, {"rows_per_block": 48}),
        [NATIVE, NATIVE_EXACT, ACTIVATIONS, STATES, RECOMPUTE, EXACT, EXACT_STATES],
    ),
    "RNNProp": (
        *(_rnnprop, {"rows_per_block": 48}),
        [NATIVE, NATIVE_EXACT, ACTIVATIONS, STATES, RECOMPUTE, EXACT, EXACT_STATES],
    ),
    "one network under two names": (
        *(_two_names, {"rows_per_block": 16}),
        [NATIVE, NATIVE_EXACT, ACTIVATIONS, EXACT_STATES],
    ),
    "several networks at once": (_several, {}, [NATIVE, NATIVE_EXACT, STATES, EXACT]),
    "no layers": (_no_layers, {}, [NATIVE, NATIVE_EXACT, ACTIVATIONS, RECOMPUTE, EXACT_STATES]),
    "one step": (_short, {"len_unroll": 1}, [NATIVE, NATIVE_EXACT, RECOMPUTE, EXACT]),
}


@functools.cache
def _network(case):
    return CASES[case][0]()


@pytest.mark.parametrize(("case", "mode"), [(case, mode) for case in CASES for mode in CASES[case][2]], ids=str)
def test_in_blocks(case, mode):
    assert_agrees(_network(case), **CASES[case][1], **mode)


def test_memory_is_chosen_by_the_budget():
    """Of layers of 3 and 2 cells with one feature, a row has 10 numbers of state; its activations are 20 gates, and 5
    and 6 inputs in place of 5 numbers of h."""
    network = AssignedNetworks({"lstm": lstm(preprocess_name="identity", preprocess_options={})})
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
    network = AssignedNetworks({"cw": lstm()})
    run = unroll.start(Network(), network, seeds.root(0))
    with pytest.raises(ValueError, match=r"memory is one of \['activations', 'states', .*\], .* Received: 'none'"):
        fast.outer_gradient(Network(), network, run, 2, trajectory_objective(2), memory="none")


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
