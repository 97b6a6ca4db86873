"""Which network owns which parameter."""

import fnmatch
from collections.abc import Iterable, Mapping, Sequence

import tensorflow as tf

from l2l_tf.networks.network import Network, Observation, Tensors, variables_by_name
from l2l_tf.unrolling import assignments

Assignments = Sequence[tuple[str, Sequence[str]]]


class AssignedNetworks(Network):
    """Several networks on one problem, as one network.

    A parameter that is given to two networks gets the sum of their updates; one that is given to none stays put.

    Args:
      networks: name to network.
      net_assignments: pairs of a network's name and the parameters it gets, by name or shell pattern
        (`"conv_net_2d/*/w"`). None gives every parameter to the only network.
      trained_weights: names of weights, or shell patterns (`"general/control_*"`), that make up phi; the others stay as
        they are. None for all.

    Raises:
      ValueError: None with several networks, a network that `networks` does not have, assignments that are
        no pairs of a name and a list, a name that no file can have, or trained weights that fit none.
    """

    def __init__(
        self,
        networks: Mapping[str, Network],
        net_assignments: Assignments | None = None,
        trained_weights: Sequence[str] | None = None,
    ):
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
        self._trained_weights = None if trained_weights is None else tuple(trained_weights)
        for pattern in self._trained_weights or ():
            if not self._variables_of([pattern]):
                names = sorted(self._by_name())
                raise ValueError(f"trained_weights are names or patterns of {names}. Received: {pattern!r}.")

    @property
    def trainable_variables(self) -> tuple[tf.Variable, ...]:
        """phi: of the trained weights alone where there are such."""
        if self._trained_weights is None:
            return super().trainable_variables
        return self._variables_of(self._trained_weights)

    @property
    def frozen_variables(self) -> tuple[tf.Variable, ...]:
        """The weights that are no part of phi."""
        own = {variable.ref() for variable in self.trainable_variables}
        return tuple(variable for variable in super().trainable_variables if variable.ref() not in own)

    def _variables_of(self, patterns: Sequence[str]) -> tuple[tf.Variable, ...]:
        by_name = self._by_name()
        return tuple(v for name, v in by_name.items() if any(fnmatch.fnmatchcase(name, p) for p in patterns))

    def _by_name(self) -> dict[str, tf.Variable]:
        return {
            f"{name}/{weight}": variable
            for name, network in self.networks.items()
            for weight, variable in variables_by_name(network).items()
        }

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
