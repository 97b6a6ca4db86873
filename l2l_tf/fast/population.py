"""Populations all at once: what `unrolling.population` gives, with the members side by side in each operation.

A step of all members is a few operations of many members rather than many of one. Where there are coordinates enough,
groups of members that fit into a processor's cache take it in calls that XLA compiled, which the executor spreads over
the cores; nothing that is written is shared between them.
"""

import functools
import itertools
import math
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from l2l_tf.fast import forward, vectorization
from l2l_tf.fast.outer_gradient import applies
from l2l_tf.networks.network import Network
from l2l_tf.unrolling import optimizee, population, seeds, unroll
from l2l_tf.unrolling.objectives import Objective
from l2l_tf.unrolling.population import Members
from l2l_tf.unrolling.run import Run
from problems.problem import Problem

_GROUP = 20_000  # Coordinates of the members of a group: their features fit into a core's cache.
_COMPILED_FROM = 16_384  # Coordinates of all members from which compiling pays.


def costs_along(
    problem: Problem,
    network: Network,
    members: Members,
    num_steps: int,
    objective: Objective,
    in_blocks: bool = True,
) -> tuple[tf.Tensor, tf.Tensor, dict[str, Any]]:
    """`population.costs_along`, in the way that suits the members. Call it from a `tf.function`.

    Args:
      problem, network, members, num_steps, objective: see `population.costs_along`.
      in_blocks: False takes the readable path everywhere. The two agree to rounding.
    """
    one_by_one = functools.partial(
        population.costs_along,
        single=functools.partial(forward.costs_along, in_blocks=in_blocks),
    )
    arguments = (problem, network, members, num_steps, objective)
    if not in_blocks:
        return one_by_one(*arguments)
    coordinates = _coordinates(members)
    if coordinates > _GROUP // 2 or applies(network, _first(members).parameters):
        return one_by_one(*arguments)
    way = vectorization.way(problem, _losses(network, objective), _first(members))
    if not way.vectorises:
        return one_by_one(*arguments)
    total = members.count * coordinates
    compiled = way.compiles and total >= _COMPILED_FROM
    return _side_by_side(*arguments, num_groups(members.count, coordinates) if compiled else 1, compiled)


def num_groups(count: int, coordinates: int) -> int:
    """How many groups of members of so many coordinates each: a multiple of the cores where they are that many."""
    fewest = math.ceil(count * coordinates / _GROUP)
    cores = os.cpu_count() or 1
    return min(count, math.ceil(fewest / cores) * cores)


def _side_by_side(
    problem: Problem,
    network: Network,
    members: Members,
    num_steps: int,
    objective: Objective,
    groups: int,
    compiled: bool,
) -> tuple[tf.Tensor, tf.Tensor, dict[str, Any]]:
    bounds = [members.count * i // groups for i in range(groups + 1)]
    results = [
        _group_along(problem, network, members.part(begin, end), num_steps, objective, compiled)
        for begin, end in itertools.pairwise(bounds)
    ]
    return results[0] if groups == 1 else tf.nest.map_structure(lambda *of: tf.concat(of, 0), *results)


def _group_along(
    problem: Problem, network: Network, members: Members, num_steps: int, objective: Objective, compiled: bool
) -> tuple[tf.Tensor, tf.Tensor, dict[str, Any]]:
    """Takes the steps of one group."""
    references = tuple(variable.ref() for variable in members.variables)
    step = _step(_Key(problem, network, references, objective.of_validation, compiled))
    fields = {name: _own(members, name) for name in ("parameters", "state")}
    fixed = {name: value for name, value in members.fields.items() if name not in fields}
    minibatches = _minibatches(members, num_steps)
    own_draws = fixed.pop("seed", None) is not None
    shared = members.shared._replace(seed=(), parameters=(), state=(), carried=())

    def at(t):
        """What all share at step t, and what each has of its own that no step changes."""
        now = shared._replace(step=shared.step + t)
        return (
            (now, {**fixed, "minibatch": minibatches[t]})
            if own_draws
            else (now._replace(minibatch=minibatches[t]), fixed)
        )

    def last(own):
        run = at(num_steps)[0]._replace(**own)
        losses = [problem.loss, problem.validation_loss] if objective.of_validation else [problem.loss]
        return [optimizee.loss_at_step(loss, run) for loss in losses]

    def body(t, moving, records):
        now, own = at(t)
        moving, costs = step(now, own, list(members.weights), moving)
        return t + 1, moving, [array.write(t, cost) for array, cost in zip(records, costs)]

    def at_end(moving):
        return {**at(num_steps)[1], **moving}

    types = [loss.dtype for loss in last(tf.nest.map_structure(lambda x: x[0], at_end(fields)))]
    records = [tf.TensorArray(dtype, num_steps + 1, element_shape=[members.count]) for dtype in types]
    _, moving, records = tf.while_loop(
        lambda t, *_: t < num_steps, body, (tf.constant(0), fields, records), maximum_iterations=num_steps
    )
    costs = _each(last, at_end(moving), own_draws)
    losses, *outer = [
        tf.transpose(array.write(num_steps, cost).stack()) for array, cost in zip(records, costs, strict=True)
    ]
    return losses, outer[0] if outer else losses, moving


def _minibatches(members: Members, num_steps: int) -> tf.Tensor:
    """The seeds of the minibatches of steps 0 to `num_steps`, `[num_steps + 1, 2]`, or `[num_steps + 1, M, 2]`.

    Outside of what is compiled: from negative seeds XLA draws others.
    """
    steps = members.shared.step + tf.range(num_steps + 1)

    def of(seed):
        return tf.map_fn(lambda step: seeds.fold(seed, step), steps)

    if "seed" not in members.fields:
        return of(members.shared.seed)
    return tf.transpose(tf.map_fn(of, members.fields["seed"]), [1, 0, 2])


def _own(members: Members, field: str) -> Any:
    """The values of a field of `Run`, `[M, ...]`, also where all begin with the same."""
    if field in members.fields:
        return members.fields[field]
    return tf.nest.map_structure(
        lambda x: tf.repeat(x[tf.newaxis], members.count, axis=0), getattr(members.shared, field)
    )


class _Key(NamedTuple):
    """What a step is made of."""

    problem: Problem
    network: Network
    variables: tuple[Any, ...]
    of_validation: bool
    compiled: bool


@functools.lru_cache(maxsize=32)
def _step(key: _Key) -> Callable:
    """The step of all members of a group, the same function for every number of steps: XLA compiles it once."""
    variables = [reference.deref() for reference in key.variables]

    def step(now: Run, fixed: dict[str, Any], weights: list[tf.Tensor], moving: dict[str, Any]):
        def look(own):
            run = now._replace(**own)
            observation = unroll.observe(key.problem, key.network, run)
            outer = [optimizee.loss_at_step(key.problem.validation_loss, run)] if key.of_validation else []
            return observation, [observation.loss, *outer]

        def move(own):
            fields, weights, observation = own
            network = population.substituted(key.network, variables, weights)
            run = unroll.advance(network, now._replace(**fields), observation)
            return {"parameters": run.parameters, "state": run.state}

        observation, costs = _each(look, {**fixed, **moving}, "minibatch" in fixed)
        return _each(move, (moving, weights, observation), True), costs

    return tf.function(step, autograph=False, jit_compile=True) if key.compiled else step


def _each(function: Callable, own: Any, draws: bool) -> Any:
    """`function` of every member; `draws` where it may hold what has to go one by one, as draws from several seeds."""
    return tf.vectorized_map(function, own, fallback_to_while_loop=draws, warn=False)


def _losses(key_network: Network, objective: Objective) -> tuple[str, ...]:
    looks = objective.of_validation or "validation_loss" in key_network.observes
    return ("loss", "validation_loss") if looks else ("loss",)


def _first(members: Members) -> Run:
    """The run of the first member."""
    return members.run(tf.nest.map_structure(lambda x: x[0], members.own))


def _coordinates(members: Members) -> int:
    """Of each member."""
    return sum(math.prod(parameter.shape) for parameter in _first(members).parameters.values())
