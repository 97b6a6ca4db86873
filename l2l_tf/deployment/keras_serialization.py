"""Learned optimizers as what Keras saves: flat arrays for weight files, JSON for configurations."""

import base64
import io
from typing import Any

import numpy as np

from l2l_tf import networks
from l2l_tf.networks.network import class_name
from l2l_tf.saving import archive
from l2l_tf.unrolling.coordinates import AssignedNetworks


def flat_weights(network: AssignedNetworks) -> dict[str, np.ndarray]:
    """All weights by `network.layer.weight`: a slash would make groups of them in a file."""
    return {
        f"{name}/{key}".replace("/", "."): value
        for name, member in network.networks.items()
        for key, value in networks.weights_of(member).items()
    }


def assign_flat_weights(network: AssignedNetworks, weights: dict[str, Any]) -> None:
    """The inverse of `flat_weights`.

    Raises:
      ValueError: they are of other networks.
    """
    own = flat_weights(network)
    if weights.keys() != own.keys():
        raise ValueError(
            f"The file holds the weights of another rule. This one has {sorted(own)}. Received: {sorted(weights)}."
        )
    for name, member in network.networks.items():
        keys = {key: f"{name}/{key}".replace("/", ".") for key in networks.weights_of(member)}
        networks.assign_weights(member, {key: np.asarray(weights[flat]) for key, flat in keys.items()})


def to_config(network: AssignedNetworks) -> dict[str, Any]:
    """JSON-able: all that `from_config` needs to make the networks again, weights included.

    Raises:
      ValueError: a network that `networks.get` does not know.
    """
    config = {}
    for name, member in network.networks.items():
        buffer = io.BytesIO()
        archive.write(buffer, networks.weights_of(member), compressed=True)
        weights = base64.b64encode(buffer.getvalue()).decode()
        config[name] = {"net": class_name(member), "net_options": member.options, "weights": weights}
    return {"networks": config, "net_assignments": [list(pair) for pair in network.net_assignments]}


def from_config(config: dict[str, Any]) -> AssignedNetworks:
    """The networks of `to_config`. Networks are built by their names in the catalogue: nothing else is imported.

    Raises:
      ValueError: an unknown network or option, or a configuration that is not whole.
    """
    try:
        members = {}
        for name, entry in config["networks"].items():
            members[name] = networks.get(entry["net"], **entry["net_options"])
            weights = archive.read(base64.b64decode(entry["weights"], validate=True))
            networks.assign_weights(members[name], weights)
        return AssignedNetworks(members, config["net_assignments"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"The configuration of a LearnedOptimizer is not what get_config wrote ({type(error).__name__}: {error}). "
            "Save the model again, or compile with a new LearnedOptimizer."
        ) from error
