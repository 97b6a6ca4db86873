"""The shape of `networks` and `net_assignments` as users give them. Needs no TensorFlow."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from l2l_tf.networks import catalogue

_NAME = re.compile(r"\w[\w.+ -]*")
_NETWORK = {"net", "net_options"}


def check_names(names: Iterable[str]) -> None:
    """Checks the names of an optimizer's networks.

    Raises:
      ValueError: one that is no plain name of a file.
    """
    if wrong := [name for name in names if not isinstance(name, str) or not _NAME.fullmatch(name)]:
        raise ValueError(
            "Names of networks are of letters, digits, spaces and . _ + -, as files are named after them. "
            f"Received: {wrong}."
        )


def check_networks(networks: Mapping[str, Any]) -> None:
    """Checks networks as data: `{"name": {"net": ..., "net_options": {...}}}`. Needs no TensorFlow.

    Raises:
      ValueError: something else, an unknown network, an option that it does not take or a value that one cannot have.
    """
    check_names(networks)
    for name, network in networks.items():
        if (
            not isinstance(network, Mapping)
            or not {"net"} <= set(network) <= _NETWORK
            or not isinstance(network["net"], str)
            or not isinstance(network.get("net_options", {}), Mapping)
        ):
            raise ValueError(
                f'A network is given as {{"net": "Adam", "net_options": {{"learning_rate": 0.1}}}}, say. '
                f"Received for {name!r}: {network!r}."
            )
        options = network.get("net_options", {})
        catalogue.check_options(network["net"], options)
        catalogue.check_values(network["net"], options)


def check(assignments: Any, networks: Iterable[str]) -> None:
    """Checks that `assignments` are pairs of one of `networks` and a list of names or patterns.

    Raises:
      ValueError: they are something else.
    """
    networks = list(networks)
    pairs = assignments if isinstance(assignments, list | tuple) else ()
    if not pairs or not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
        raise ValueError(
            'net_assignments are pairs of a network and the parameters it gets, [["conv", ["conv_*/w"]], ...]. '
            f"Received: {assignments!r}."
        )
    for network, patterns in pairs:
        if not isinstance(network, str) or network not in networks:
            raise ValueError(f"net_assignments names the network {network!r}; the networks are {networks}.")
        if not isinstance(patterns, list | tuple) or not all(isinstance(pattern, str) for pattern in patterns):
            raise ValueError(f"net_assignments gives {network!r} a list of names or patterns. Received: {patterns!r}.")
