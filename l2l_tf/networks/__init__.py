"""Update rules as Sonnet modules. Knows nothing of the problems they are used on.

Names are known without TensorFlow (see `catalogue`); the modules are imported with the first network.

May import: problems, for how options are checked. Imported by: all other wings.
"""

import importlib
from typing import TYPE_CHECKING, Any

from l2l_tf.networks import catalogue
from l2l_tf.networks.catalogue import names

if TYPE_CHECKING:
    from l2l_tf.networks.network import Network, Observation, assign_weights, weights_of

    NETWORKS: dict[str, type[Network]]

__all__ = ["NETWORKS", "Network", "Observation", "assign_weights", "get", "names", "weights_of"]

_HOMES = dict.fromkeys(("Network", "Observation", "assign_weights", "weights_of"), "l2l_tf.networks.network")
_HOMES |= {name: entry.module for name, entry in catalogue.CATALOGUE.items()}


def get(name: str, **options: Any) -> "Network":
    """Builds a network by its class name; case and underscores do not count.

    Raises:
      ValueError: an unknown name, or options that the network does not take.
    """
    name = catalogue.find(name)
    catalogue.check_options(name, options)
    try:
        return __getattr__(name)(**options)
    except (TypeError, OverflowError) as error:
        raise ValueError(f"{name} does not take these options: {error}. Received: {options}.") from error


def __getattr__(name: str) -> Any:
    if name == "NETWORKS":
        return {known: __getattr__(known) for known in names()}
    if name not in _HOMES:
        raise AttributeError(f"module 'l2l_tf.networks' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, "NETWORKS"})
