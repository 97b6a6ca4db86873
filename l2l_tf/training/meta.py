"""MetaOptimizer: the original code's `meta_loss` and `meta_minimize`, without sessions."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from l2l_tf import networks, pretrained
from l2l_tf.estimators import truncated_backpropagation
from l2l_tf.networks.network import Network
from l2l_tf.saving import hub, saved_optimizer
from l2l_tf.training.net_config import DEFAULT_NETWORKS, asks_problem, built
from l2l_tf.training.outer_optimizer import OuterOptimizer
from l2l_tf.training.step import MetaLoss, MetaMinimize
from l2l_tf.unrolling import arguments, fitting
from l2l_tf.unrolling.coordinates import AssignedNetworks, Assignments
from l2l_tf.unrolling.objectives import trajectory_objective
from problems.problem import Problem


class MetaOptimizer:
    """Networks that are trained to optimize.

    Args:
      **net_config: name to a `Network`, or to a dictionary with `net` (what `networks.get` knows), optionally
        `net_options`, and optionally `net_path`, a saved optimizer's folder (or address) whose network of that name
        gives the weights. A `function_axis` that `net_options` do not give is the problem's. Without any, one
        CoordinateWiseDeepLSTM with the original code's options.

    Raises:
      ValueError: a configuration that is neither.
    """

    def __init__(self, **net_config: Network | Mapping[str, Any]):
        configs: Mapping[str, Network | Mapping[str, Any]] = net_config or DEFAULT_NETWORKS
        self.networks = {name: built(name, config) for name, config in configs.items()}
        self._ask_problem = [name for name, config in configs.items() if asks_problem(config)]
        self.net_assignments: Assignments | None = None
        self.metadata: dict[str, Any] = {}

    @arguments.checked
    def meta_loss(
        self,
        problem: Problem,
        len_unroll: int,
        net_assignments: Assignments | None = None,
        second_derivatives: bool = False,
    ) -> MetaLoss:
        """Unrolls of `len_unroll` steps on `problem` under the networks as they are.

        `second_derivatives` changes nothing without a gradient and is taken so that calls match `meta_minimize`.
        """
        del second_derivatives
        return MetaLoss(problem, self._assigned(net_assignments, problem), len_unroll)

    @arguments.checked
    def meta_minimize(
        self,
        problem: Problem,
        len_unroll: int,
        learning_rate: float = 0.01,
        net_assignments: Assignments | None = None,
        second_derivatives: bool = False,
    ) -> MetaMinimize:
        """Unrolls of `len_unroll` steps on `problem`, and one Adam step on phi after each.

        Raises:
          ValueError: there is no phi to learn.
        """
        network = self._assigned(net_assignments, problem)
        if not network.trainable_variables:
            raise ValueError(f"None of the networks {list(network.networks)} has weights to learn.")
        objective = trajectory_objective(len_unroll)
        estimator = truncated_backpropagation(problem, network, len_unroll, objective, second_derivatives)
        outer_optimizer = OuterOptimizer(network.trainable_variables, learning_rate)
        return MetaMinimize(problem, network, estimator, outer_optimizer)

    def save(
        self, path: str | Path | None = None, metadata: dict[str, Any] | None = None, overwrite: bool = False
    ) -> dict[str, dict[str, np.ndarray]]:
        """Saves the networks and the assignments last used; `l2l_tf.load` reads them back.

        Args:
          path: of the folder. Without one, nothing is written.
          metadata: JSON-able, kept with them.
          overwrite: whether to replace a `config.json` of something else.

        Returns:
          The weights of each network, by their names.

        Raises:
          ValueError: see `saved_optimizer.save`: a `config.json` of something else, without `overwrite`.
        """
        if path is not None and hub.is_address(path):
            raise ValueError(f"save() writes a folder of this machine; push() is for the Hub. Received: {str(path)!r}.")
        if path is not None:
            saved_optimizer.save(self._assigned(self.net_assignments), path, metadata, overwrite)
        return {name: networks.weights_of(network) for name, network in self.networks.items()}

    def push(
        self,
        address: str,
        metadata: dict[str, Any] | None = None,
        overwrite: bool = False,
        private: bool | None = None,
    ) -> str:
        """Saves the networks to `hf://user/name` on the Hugging Face Hub; `l2l_tf.load` and others read them there.

        Args: as `hub.push`. `metadata` is by default what was said where the optimizer was loaded from.

        Returns:
          The address of the commit, `hf://user/name@commit`.

        Raises:
          HubError: not logged in, not allowed, no network, or the extra is not installed.
          ValueError: as `save`.
        """
        metadata = self.metadata if metadata is None else metadata
        return hub.push(self._assigned(self.net_assignments), address, metadata, overwrite, private)

    def _assigned(self, net_assignments: Assignments | None, problem: Problem | None = None) -> AssignedNetworks:
        if problem is not None:
            self.networks |= {name: fitting.fitted(self.networks[name], problem) for name in self._ask_problem}
        assigned = AssignedNetworks(self.networks, net_assignments or self.net_assignments)
        self.net_assignments = assigned.net_assignments
        return assigned


def load(path: str | Path = pretrained.GENERAL) -> MetaOptimizer:
    """The MetaOptimizer saved at `path`: a folder, a pretrained name, or `hf://user/name` or `hf://user/name@revision`.

    A folder comes before a pretrained optimizer of its name.

    Raises:
      SavedOptimizerError: the folder does not hold one.
      HubError: it cannot be had from the Hugging Face Hub.
    """
    folder = hub.local(path) if Path(path).is_dir() else pretrained.folder(str(path))
    assigned = saved_optimizer.load(folder)
    optimizer = MetaOptimizer(**assigned.networks)
    optimizer.net_assignments = assigned.net_assignments
    optimizer.metadata = saved_optimizer.read(folder)[0]["metadata"]
    return optimizer
