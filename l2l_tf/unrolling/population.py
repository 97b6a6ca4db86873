"""Populations: runs of one problem side by side, which differ in phi, in where they are, in the draw, or in all.

`costs_along` here is the definition: one member after the other, each as the run that it is. `l2l_tf.fast.population`
takes all of them along at once.
"""

import copy
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from l2l_tf.networks.network import Network
from l2l_tf.unrolling import optimizee, unroll
from l2l_tf.unrolling.objectives import Objective
from l2l_tf.unrolling.run import Run
from problems.problem import Problem


@dataclasses.dataclass(frozen=True)
class Members:
    """M runs of one problem under one network, and what each has of its own.

    Attributes:
      shared: the run whose fields all share, but for those of `fields`.
      fields: name of a field of `Run` to its values, tensors `[M, ...]`: `parameters` and `state` of particles,
        `seed` and `instance` of draws.
      variables: of the network, whose values differ from member to member.
      weights: their values, `[M, ...]` each.
    """

    shared: Run
    fields: dict[str, Any] = dataclasses.field(default_factory=dict)
    variables: Sequence[tf.Variable] = ()
    weights: Sequence[tf.Tensor] = ()

    @property
    def own(self) -> tuple[dict[str, Any], list[tf.Tensor]]:
        """All that has a first axis of members."""
        return dict(self.fields), list(self.weights)

    @property
    def count(self) -> int:
        """M.

        Raises:
          ValueError: the tensors do not agree on it, or there are none.
        """
        counts = {tensor.shape[0] for tensor in tf.nest.flatten(self.own)}
        if len(counts) != 1:
            raise ValueError(f"The tensors of a population have a first axis of members. Received: {sorted(counts)}.")
        return counts.pop()

    def part(self, begin: int, end: int) -> "Members":
        """The members from number `begin` to before `end`."""
        fields, weights = tf.nest.map_structure(lambda x: x[begin:end], self.own)
        return dataclasses.replace(self, fields=fields, weights=weights)

    def run(self, own: tuple[dict[str, Any], list[tf.Tensor]]) -> Run:
        """The run of the member whose share of `self.own` is `own`."""
        return self.shared._replace(**own[0])

    def network(self, network: Network, own: tuple[dict[str, Any], list[tf.Tensor]]) -> Network:
        """`network` at the weights of that member."""
        return substituted(network, self.variables, own[1])


def substituted(network: Network, variables: Sequence[tf.Variable], values: Sequence[tf.Tensor]) -> Network:
    """`network` with tensors in the place of some of its variables, which gradients reach like any input.

    The other variables are the network's own, and nothing is written.
    """
    if not variables:
        return network
    kept: dict[int, Any] = {id(variable): variable for variable in network.variables}
    return copy.deepcopy(network, kept | {id(variable): value for variable, value in zip(variables, values)})


def costs_along(
    problem: Problem,
    network: Network,
    members: Members,
    num_steps: int,
    objective: Objective,
    single: Callable = unroll.costs_along,
) -> tuple[tf.Tensor, tf.Tensor, dict[str, Any]]:
    """`unroll.costs_along` of every member.

    Args:
      problem, network, num_steps, objective: see `unroll.costs_along`.
      members: the runs.
      single: `unroll.costs_along`, or what gives the same.

    Returns:
      The losses `[M, num_steps + 1]`, those that the objective is of, and `parameters` and `state` after the steps,
      `[M, ...]`.
    """

    def of(own):
        run = members.run(own)
        losses, outer_losses, end = single(problem, members.network(network, own), run, num_steps, objective)
        return losses, outer_losses, {"parameters": end.parameters, "state": end.state}

    first = members.run(tf.nest.map_structure(lambda x: x[0], members.own))
    losses = [problem.outer_validation_loss if objective.of_validation else problem.loss, problem.loss]
    outer, inner = (optimizee.loss_at_step(loss, first).dtype for loss in losses)
    after = {"parameters": first.parameters, "state": first.state}
    return tf.map_fn(
        of,
        members.own,
        fn_output_signature=(
            tf.TensorSpec([num_steps + 1], inner),
            tf.TensorSpec([num_steps + 1], outer),
            tf.nest.map_structure(lambda x: tf.TensorSpec(x.shape, x.dtype), after),
        ),
        parallel_iterations=1,  # A member has all cores, and memory does not grow with their number.
    )
