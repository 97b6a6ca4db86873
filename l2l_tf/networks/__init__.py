"""Update rules as Sonnet modules. Knows nothing of the problems they are used on."""

from typing import Any

from l2l_tf.networks.classic import Adam, Momentum, Nesterov, RMSProp, Sgd
from l2l_tf.networks.lstm import CoordinateWiseDeepLSTM, KernelDeepLSTM, StandardDeepLSTM
from l2l_tf.networks.network import Network, Observation, assign_weights, weights_of

__all__ = ["NETWORKS", "Network", "Observation", "assign_weights", "get", "names", "weights_of"]

NETWORKS: dict[str, type[Network]] = {
    network.__name__: network
    for network in (
        StandardDeepLSTM,
        CoordinateWiseDeepLSTM,
        KernelDeepLSTM,
        Sgd,
        Momentum,
        Nesterov,
        RMSProp,
        Adam,
    )
}


def names() -> list[str]:
    """The names that `get` knows."""
    return sorted(NETWORKS)


def get(name: str, **options: Any) -> Network:
    """Builds a network by its class name; case and underscores do not count.

    Raises:
      ValueError: an unknown name, or options that the network does not take.
    """
    found = {_plain(known): network for known, network in NETWORKS.items()}.get(_plain(name))
    if found is None:
        raise ValueError(f"Networks are {names()}. Received: {name!r}.")
    try:
        return found(**options)
    except TypeError as error:
        raise ValueError(f"{found.__name__} does not take these options: {error}. Received: {options}.") from error


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")
