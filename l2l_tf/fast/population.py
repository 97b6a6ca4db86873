"""Populations all at once: what `unrolling.population` gives, with the members side by side in each operation.

A step of all members is a few operations of many members rather than many of one. Where there are coordinates enough,
groups of members that fit into a processor's cache take it in calls that XLA compiled, which the executor spreads over
the cores; nothing that is written is shared between them.
"""

import functools
import itertools
import math
import os
from typing import Any

import tensorflow as tf

from l2l_tf.fast import forward, group, vectorization
from l2l_tf.fast.arrays import bytes_of
from l2l_tf.fast.members import any_in_turn, native_for
from l2l_tf.fast.memory import DEFAULT_BUDGET
from l2l_tf.fast.native import coordinate_mlp
from l2l_tf.fast.outer_gradient import applies
from l2l_tf.networks.network import Network, Tensors
from l2l_tf.unrolling import population
from l2l_tf.unrolling.coordinates import AssignedNetworks
from l2l_tf.unrolling.objectives import Objective
from l2l_tf.unrolling.population import Members
from l2l_tf.unrolling.run import Run
from problems.problem import Problem

LARGEST = 10_000  # Coordinates of a member, beyond which members run one by one: a step of each fills the machine.
_GROUP = 20_000  # Coordinates of the members of a group: their features fit into a core's cache.
_COMPILED_FROM = 16_384  # Coordinates of all members from which compiling pays.
_MOST_IN_TURN = 100  # Members that are nodes of their own in a graph.
_COPIES = 4  # Of parameters and state in a step: before, after, and what becomes of them in between.


def costs_along(
    problem: Problem,
    network: Network,
    members: Members,
    num_steps: int,
    objective: Objective,
    in_blocks: bool = True,
    memory_budget: int = DEFAULT_BUDGET,
    largest: int = LARGEST,
    compiles: bool = True,
) -> tuple[tf.Tensor, tf.Tensor, dict[str, Any]]:
    """`population.costs_along`, in the way that suits the members. Call it from a `tf.function`.

    Args:
      problem, network, members, num_steps, objective: see `population.costs_along`.
      in_blocks: False takes the readable path everywhere. The two agree to rounding.
      memory_budget: bytes that the steps of all members at work may take; the others wait for their turn. What members
        are given and where they end is not part of it.
      largest: coordinates of a member, beyond which members run one by one. On one core more pay than on all.
      compiles: whether XLA may compile steps. What is not compiled is one group, for one core.
    """
    one_by_one = functools.partial(
        population.costs_along,
        single=functools.partial(forward.costs_along, in_blocks=in_blocks),
    )
    arguments = (problem, network, members, num_steps, objective)
    if not in_blocks:
        return one_by_one(*arguments)
    first, coordinates = _first(members), _coordinates(members)
    operations = native_for(network)
    if coordinates > largest or (operations is None and applies(network, first.parameters)):
        return one_by_one(*arguments)
    if members.count > _MOST_IN_TURN and operations is not None and any_in_turn(network):
        return one_by_one(*arguments)
    functions = _losses(network, objective)
    way = vectorization.way(problem, functions, first)
    if not way.vectorises:
        vectorization.tell(problem, way.refusal)
        return one_by_one(*arguments)
    large = members.count * coordinates >= _COMPILED_FROM
    compiled = compiles and large and vectorization.compiles(problem, functions, first)
    size = _GROUP // coordinates if compiled and operations is None else members.count
    bytes_each = way.bytes + bytes_of((first.parameters, first.state)) * _COPIES
    bounds = deal(members.count, size, memory_budget // bytes_each, (os.cpu_count() or 1) if large and compiles else 1)
    variables = tuple(variable.ref() for variable in members.variables)
    recipe = group.Recipe(problem, network, variables, objective.of_validation, compiled)
    results: list[Any] = []
    for begin, end in itertools.pairwise(bounds):
        earlier = results[: max(0, len(results) + 1 - (os.cpu_count() or 1))]  # As many groups at a time as cores.
        with tf.control_dependencies(tf.nest.flatten(earlier[-1:])):
            results.append(group.costs_along(recipe, members.part(begin, end), num_steps, operations))
    return results[0] if len(results) == 1 else tf.nest.map_structure(lambda *of: tf.concat(of, 0), *results)


def takes_many_at_once(network: Network, parameters: Tensors) -> bool:
    """Whether a step of many members is one operation of native code for all of them, and each is small."""
    if sum(math.prod(parameter.shape) for parameter in parameters.values()) > LARGEST:
        return False
    return (
        isinstance(network, AssignedNetworks)
        and all(coordinate_mlp.applies(network.networks[name]) for name in network.owned(parameters))
        and native_for(network) is not None
    )


def goes_side_by_side(problem: Problem, run: Run, largest: int = LARGEST) -> bool:
    """Whether `costs_along` takes members like `run`, under a hand-designed optimizer, all at once."""
    coordinates = sum(math.prod(parameter.shape) for parameter in run.parameters.values())
    return coordinates <= largest and vectorization.way(problem, ("loss",), run).vectorises


def deal(count: int, size: int, at_once: int, cores: int) -> list[int]:
    """Where the groups of `count` members begin, and the end: a multiple of the cores where they are that many.

    Args:
      count: of all members.
      size: of a group, at most.
      at_once: how many members may be at work at the same time; one a core is, whatever it says.
      cores: how many groups are at work at the same time.
    """
    size = max(1, min(size, at_once // cores))
    groups = min(count, math.ceil(math.ceil(count / size) / cores) * cores)
    return [count * i // groups for i in range(groups + 1)]


def _losses(network: Network, objective: Objective) -> tuple[str, ...]:
    """Names of the problem's functions that a step takes."""
    looked_at = ("validation_loss",) if "validation_loss" in network.observes else ()
    return ("loss", *looked_at, *(("outer_validation_loss",) if objective.of_validation else ()))


def _first(members: Members) -> Run:
    """The run of the first member."""
    return members.run(tf.nest.map_structure(lambda x: x[0], members.own))


def _coordinates(members: Members) -> int:
    """Of each member."""
    return sum(math.prod(parameter.shape) for parameter in _first(members).parameters.values())
