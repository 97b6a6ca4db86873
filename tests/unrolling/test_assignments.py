"""Networks and assignments as users give them: what is wrong is said before anything heavy is imported."""

import pytest

from l2l_tf.unrolling import assignments

LSTM = {"net": "CoordinateWiseDeepLSTM"}


@pytest.mark.parametrize(
    ("networks", "message"),
    [
        ({"a": 1}, r"A network is given as .* Received for 'a': 1"),
        ({"a": {}}, r"A network is given as .* Received for 'a': \{\}"),
        ({"a": {"net": 5}}, r"Received for 'a': \{'net': 5\}"),
        ({"a": {**LSTM, "net_options": [1]}}, r"Received for 'a'"),
        ({"a": {**LSTM, "typo": {}}}, r"Received for 'a'"),
        ({"a": {"net": "LSTN"}}, r"Networks are .* Received: 'LSTN'"),
        ({"a": {**LSTM, "net_options": {"cells": 3}}}, r"not 'cells'"),
        ({"../a": LSTM}, r"files are named after them. Received: \['../a'\]"),
        ({"": LSTM}, r"files are named after them. Received: \[''\]"),
    ],
    ids=str,
)
def test_networks(networks, message):
    with pytest.raises(ValueError, match=message):
        assignments.check_networks(networks)


@pytest.mark.parametrize("given", [[], [1], ["cw"], [["cw"]], [["cw", ["x"], 3]], 5], ids=str)
def test_assignments_are_pairs(given):
    with pytest.raises(ValueError, match=r"net_assignments are pairs of a network and .* Received: "):
        assignments.check(given, ["cw"])


@pytest.mark.parametrize("patterns", [5, None, [5], "x"], ids=str)
def test_patterns_are_a_list(patterns):
    with pytest.raises(ValueError, match=r"gives 'cw' a list of names or patterns. Received: "):
        assignments.check([["cw", patterns]], ["cw"])


@pytest.mark.parametrize("network", ["adam", ["cw"]], ids=str)
def test_assignments_name_a_network(network):
    with pytest.raises(ValueError, match=r"names the network .*; the networks are \['cw'\]"):
        assignments.check([[network, ["x"]]], ["cw"])


def test_what_is_fine():
    assignments.check_networks({"conv 1": {**LSTM, "net_options": {"layers": [2]}}, "b.c": {"net": "nag"}})
    assignments.check([("conv 1", ("x*", "y"))], ["conv 1", "b.c"])
