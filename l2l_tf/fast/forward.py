"""Steps that nothing is differentiated through: those of `unroll`, with the networks in compiled code."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from l2l_tf.fast import native
from l2l_tf.fast.outer_gradient import ROWS_PER_BLOCK, applies
from l2l_tf.fast.parts import Part, parts_of
from l2l_tf.networks.network import Network, Observation, Tensors
from l2l_tf.unrolling import unroll
from l2l_tf.unrolling.coordinates import AssignedNetworks
from l2l_tf.unrolling.objectives import Objective
from l2l_tf.unrolling.run import Run
from problems.problem import Problem


class _InParts(Network):
    """Networks in parts as one network; its state is in the parts' own form, between `enter` and `leave`."""

    def __init__(self, network: AssignedNetworks, parts: dict[str, Part]):
        super().__init__({}, name="in_parts")
        self.observes = network.observes
        self._network = network
        self._parts = parts

    def initial_state(self, parameters: Tensors) -> dict[str, Any]:
        return self.enter(self._network.initial_state(parameters))

    def entered(self, run: Run) -> Run:
        """The run with its state in the parts' form."""
        return run._replace(state=self.enter(run.state))

    def left(self, run: Run, like: Run) -> Run:
        """The inverse of `entered`, in the structure of the state of `like`."""
        return run._replace(state=self.leave(run.state, like.state))

    def enter(self, state: dict[str, Any]) -> dict[str, Any]:
        return {name: part.enter(state[name]) for name, part in self._parts.items()}

    def leave(self, state: dict[str, Any], like: dict[str, Any]) -> dict[str, Any]:
        return {name: part.leave(state[name], like[name]) for name, part in self._parts.items()}

    def __call__(self, observation: Observation, state: dict[str, Any]) -> tuple[Tensors, dict[str, Any]]:
        total = {name: tf.zeros_like(gradient) for name, gradient in observation.gradients.items()}
        next_state: dict[str, Any] = {}
        for name, part in self._parts.items():
            seen: Any = part.see(observation)
            updates, next_state[name] = part.step(seen, state[name])
            for key, update in updates.items():
                total[key] += update
        return total, next_state


def costs_along(
    problem: Problem,
    network: Network,
    run: Run,
    num_steps: int,
    objective: Objective,
    in_blocks: bool = True,
    rows_per_block: int = ROWS_PER_BLOCK,
    in_native_code: bool = True,
) -> tuple[tf.Tensor, tf.Tensor, Run]:
    """`unroll.costs_along`, in blocks where they have something to gain. Call it from a `tf.function`.

    Args:
      problem, network, run, num_steps, objective: see `unroll.costs_along`.
      in_blocks: False takes the readable path everywhere. The two agree to rounding.
      rows_per_block: about how many rows (coordinates) go into one compiled call.
      in_native_code: see `outer_gradient`.

    Returns:
      The losses `[num_steps + 1]`, those that the objective is of, and the run after the steps.
    """
    if not (in_blocks and applies(network, run.parameters)):
        return unroll.costs_along(problem, network, run, num_steps, objective)
    # Outside of the network's constructor, which is no part of the graph: the parts hold what is computed of phi.
    in_parts = _InParts(network, parts_of(network, run.parameters, rows_per_block, in_native_code=in_native_code))
    losses, outer_losses, end = unroll.costs_along(problem, in_parts, in_parts.entered(run), num_steps, objective)
    return losses, outer_losses, in_parts.left(end, run)


def losses_along(problem: Problem, network: Network, run: Run, num_steps: int) -> tuple[tf.Tensor, Run]:
    """`unroll.losses_along`, in native code where there is some. Call it from a `tf.function`."""
    *losses, run = _along(unroll.losses_along, problem, network, run, num_steps)
    return losses[0], run


def statistics_along(problem: Problem, network: Network, run: Run, num_steps: int) -> tuple[tf.Tensor, Any, Run]:
    """`unroll.statistics_along`, in native code where there is some. Call it from a `tf.function`."""
    losses, statistics, run = _along(unroll.statistics_along, problem, network, run, num_steps)
    return losses, statistics, run


def _along(steps: Callable, problem: Problem, network: Network, run: Run, num_steps: int) -> tuple:
    """What `steps` gives, the run last. Without native code XLA would compile for longer than it gains."""
    if native.operations() is None or not applies(network, run.parameters):
        return steps(problem, network, run, num_steps)
    in_parts = _InParts(network, parts_of(network, run.parameters, ROWS_PER_BLOCK))
    *results, end = steps(problem, in_parts, in_parts.entered(run), num_steps)
    return *results, in_parts.left(end, run)
