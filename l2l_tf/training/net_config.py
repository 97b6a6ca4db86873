"""The networks of a `MetaOptimizer` as its `net_config` gives them: by themselves, or by what they are made from."""

from collections.abc import Mapping
from typing import Any

from l2l_tf import networks
from l2l_tf.networks.network import Network
from l2l_tf.saving import hub, saved_optimizer
from l2l_tf.unrolling import fitting
from problems import option_values

DEFAULT_NETWORKS = {
    "coordinatewise": {
        "net": "CoordinateWiseDeepLSTM",
        "net_options": {
            "layers": (20, 20),
            "preprocess_name": "LogAndSign",
            "preprocess_options": {"k": 5},
            "scale": 0.01,
        },
    }
}

_CONFIG = {
    "net": option_values.text(),
    "net_options": option_values.or_none(option_values.dictionary("of the network's options")._replace(kept=True)),
    "net_path": option_values.or_none(option_values.text()),
}


def built(name: str, config: Network | Mapping[str, Any]) -> Network:
    """The network that the configuration `config` of that name gives.

    Raises:
      ValueError: it gives none.
    """
    if isinstance(config, Network):
        return config
    if not isinstance(config, Mapping) or "net" not in config or not set(config) <= set(_CONFIG):
        raise ValueError(
            f"The network {name!r} is a Network, or a dictionary with 'net' and optionally 'net_options' and "
            f"'net_path'. Received: {config!r}."
        )
    config = option_values.enter(name, _CONFIG, config)
    network = networks.get(config["net"], **config.get("net_options") or {})
    if config.get("net_path"):
        _, weights = saved_optimizer.read(hub.local(config["net_path"]))
        if name not in weights:
            raise ValueError(f"{config['net_path']!r} has the networks {list(weights)}, and not {name!r}.")
        networks.assign_weights(network, weights[name])
    return network


def asks_problem(config: Network | Mapping[str, Any]) -> bool:
    """Whether a network is to have the problem's `function_axis`."""
    return isinstance(config, Mapping) and fitting.asks_problem(config["net"], config.get("net_options") or {})
