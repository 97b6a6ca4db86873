"""Which network owns which parameter."""

import fnmatch
from collections.abc import Iterable, Mapping, Sequence

import tensorflow as tf

from l2l_tf.networks.network import Network, Observation, Tensors
from l2l_tf.unrolling import assignments

Assignments = Sequence[tuple[str, Sequence[str]]]


class AssignedNetworks(Network):
    """Several networks on one problem, as one network.

    A parameter that is given to two networks gets the sum of their updates; one that is given to none stays put.

    Args:
      networks: name to network.
      net_assignments: pairs of a network's name and the parameters it gets, by name or shell pattern
        (`"conv_net_2d/*/w"`). None gives every parameter to the only network.

    Raises:
      ValueError: None with several networks, a network that `networks` does not have, assignments that are
        no pairs of a name and a list, or a name that no file can have.
    """

    def __init__(self, networks: Mapping[str, Network], net_assignments: Assignments | None = None):
        assignments.check_names(networks)
        super().__init__({}, name="assigned_networks")
        self.networks = dict(networks)
        self.observes = frozenset[str]().union(*(network.observes for network in networks.values()))
        if net_assignments is None:
            if len(self.networks) != 1:
                raise ValueError(
                    f"net_assignments is needed with several networks. Received: networks {list(self.networks)}."
                )
            net_assignments = [(next(iter(self.networks)), ["*"])]
        assignments.check(net_assignments, self.networks)
        self._net_assignments = [(network, list(patterns)) for network, patterns in net_assignments]

    @property
    def net_assignments(self) -> list[tuple[str, list[str]]]:
        """The pairs in plain lists: tf.Module wraps those it holds, and JSON takes no wrapped ones."""
        return [(network, list(patterns)) for network, patterns in self._net_assignments]

    def owned(self, parameter_names: Iterable[str]) -> dict[str, list[str]]:
        """Network name to the parameters it updates, in the problem's order.

        Raises:
          ValueError: a name or pattern that fits no parameter.
        """
        parameter_names = list(parameter_names)
        owned: dict[str, set[str]] = {network: set() for network in self.networks}
        for network, patterns in self.net_assignments:
            for pattern in patterns:
                matches = [name for name in parameter_names if name == pattern or fnmatch.fnmatchcase(name, pattern)]
                if not matches:
                    raise ValueError(
                        f"net_assignments gives {network!r} the parameter {pattern!r}, which fits none of the "
                        f"problem's parameters {parameter_names}."
                    )
                owned[network].update(matches)
        return {network: [n for n in parameter_names if n in names] for network, names in owned.items() if names}

    def initial_state(self, parameters: Tensors):
        return {
            network: self.networks[network].initial_state(_select(parameters, names))
            for network, names in self.owned(parameters).items()
        }

    def __call__(self, observation: Observation, state):
        updates = {name: tf.zeros_like(g) for name, g in observation.gradients.items()}
        next_state = {}
        for network, names in self.owned(observation.gradients).items():
            own = observation._replace(
                gradients=_select(observation.gradients, names),
                parameters=observation.parameters and _select(observation.parameters, names),
            )
            own_updates, next_state[network] = self.networks[network](own, state[network])
            for name, update in own_updates.items():
                updates[name] += update
        return updates, next_state


def _select(tensors: Tensors, names: Sequence[str]) -> Tensors:
    return {name: tensors[name] for name in names}
