"""The steps of a group of members side by side: each looks at all of them at once, and updates all of them at once.

The problem's side is its functions, vectorised over the members; the network's is `l2l_tf.fast.members`.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from l2l_tf.fast.members import members_network
from l2l_tf.networks.network import Network, Observation, Tensors
from l2l_tf.unrolling import optimizee, seeds
from l2l_tf.unrolling.population import Members
from l2l_tf.unrolling.run import Run
from problems.problem import Problem

_CHUNK = 10  # Steps of a compiled call without native code.


class Recipe(NamedTuple):
    """What a step of a group is made of.

    Attributes:
      variables: references to those whose values differ from member to member.
      of_validation: whether the objective is of the validation losses.
      compiled: whether XLA compiles what is not native code.
    """

    problem: Problem
    network: Network
    variables: tuple[Any, ...]
    of_validation: bool
    compiled: bool


def costs_along(
    recipe: Recipe, members: Members, num_steps: int, operations: Any | None
) -> tuple[tf.Tensor, tf.Tensor, dict[str, Any]]:
    """Takes the steps of one group: the losses `[M, T + 1]`, those of the objective, and where the members end."""
    moving = {name: _own(members, name) for name in ("parameters", "state")}
    fixed = {name: value for name, value in members.fields.items() if name not in (*moving, "seed")}
    minibatches = _minibatches(members, num_steps)
    shared = members.shared._replace(seed=(), parameters={}, state=(), carried=())
    weights = list(members.weights)
    if operations is None and recipe.compiled:
        moving, costs = _in_chunks(recipe, shared, fixed, weights, moving, minibatches[:-1])
    else:
        moving, costs = _steps(
            recipe, shared, fixed, weights, moving, minibatches[:-1], tf.constant(num_steps), operations
        )
    look = _looking(recipe, gradients=False)
    last = look(shared._replace(step=shared.step + num_steps), fixed, moving["parameters"], minibatches[-1])
    losses, *outer = [
        tf.transpose(tf.concat([cost, at_end[tf.newaxis]], 0)) for cost, at_end in zip(costs, last.costs, strict=True)
    ]
    return losses, outer[0] if outer else losses, moving


def _steps(
    recipe: Recipe,
    shared: Run,
    fixed: dict[str, Any],
    weights: list[tf.Tensor],
    moving: dict[str, Any],
    minibatches: tf.Tensor,
    num_steps: tf.Tensor,
    operations: Any | None = None,
) -> tuple[dict[str, Any], list[tf.Tensor]]:
    """Takes `num_steps` steps.

    Args:
      recipe: what a step is made of.
      shared: what all members share, with the number of the first step.
      fixed: fields of `Run` that members have of their own and that no step changes.
      weights: of the members.
      moving: `parameters` and `state`, `[M, ...]`.
      minibatches: seeds of at least so many steps, `[K, 2]` or `[K, M, 2]`.
      num_steps: at most K.
      operations: of native code, where it has a part in it.

    Returns:
      `moving` after the steps, and the losses and those of the objective, if they are others, `[K, M]` each.
    """
    variables = [reference.deref() for reference in recipe.variables]
    members = Members(shared, {**fixed, **moving}, variables, weights)
    network = members_network(recipe.network, members, moving["parameters"], operations)
    look = _looking(recipe, gradients=True, compiled=recipe.compiled and operations is not None)
    observes = recipe.network.observes

    def body(t, parameters, state, records):
        now = shared._replace(step=shared.step + t)
        seen = look(now, fixed, parameters, minibatches[t])
        observation = Observation(
            gradients=seen.gradients,
            parameters=parameters if "parameters" in observes else (),
            loss=seen.costs[0],
            step=tf.fill([members.count], tf.cast(now.step, seen.costs[0].dtype)) if "step" in observes else (),
            validation_loss=seen.validation_loss,
            length=tf.fill([members.count], now.told_length(seen.costs[0].dtype)) if "length" in observes else (),
        )
        updates, state = network.step(observation, state)
        records = [array.write(t, cost) for array, cost in zip(records, seen.costs)]
        return t + 1, {name: value + updates[name] for name, value in parameters.items()}, state, records

    costs = look(shared, fixed, moving["parameters"], minibatches[0]).costs  # For their types: it is never computed.
    records = [tf.TensorArray(cost.dtype, minibatches.shape[0], element_shape=[members.count]) for cost in costs]
    _, parameters, state, records = tf.while_loop(
        lambda t, *_: t < num_steps,
        body,
        (tf.constant(0), moving["parameters"], network.enter(moving["state"]), records),
    )
    after = {"parameters": parameters, "state": network.leave(state, moving["state"])}
    return after, [array.stack() for array in records]


def _in_chunks(
    recipe: Recipe,
    shared: Run,
    fixed: dict[str, Any],
    weights: list[tf.Tensor],
    moving: dict[str, Any],
    minibatches: tf.Tensor,
) -> tuple[dict[str, Any], list[tf.Tensor]]:
    """`_steps`, several at a time in one compiled call that is the same for runs of all lengths."""
    num_steps = minibatches.shape[0]
    at_once = min(_CHUNK, num_steps)
    num_chunks = -(-num_steps // at_once)
    filling = [[0, num_chunks * at_once - num_steps], *[[0, 0]] * (minibatches.shape.rank - 1)]
    chunks = tf.unstack(tf.reshape(tf.pad(minibatches, filling), [num_chunks, at_once, *minibatches.shape[1:]]))
    call = _compiled_steps(recipe)
    costs = []
    for i, chunk in enumerate(chunks):
        now = shared._replace(step=shared.step + i * at_once)
        count = tf.constant(min(at_once, num_steps - i * at_once))
        moving, of_chunk = call(now, fixed, weights, moving, chunk, count)
        costs.append(of_chunk)
    return moving, [tf.concat(of_chunks, 0)[:num_steps] for of_chunks in zip(*costs)]


@functools.lru_cache(maxsize=16)
def _compiled_steps(recipe: Recipe) -> Callable:
    return tf.function(functools.partial(_steps, recipe), jit_compile=True, autograph=False)


class _Seen(NamedTuple):
    """What there is to be seen of the members at a step.

    Attributes:
      costs: the losses and those of the objective, if they are others, `[M]` each.
      gradients: of the losses.
      validation_loss: `[M]`, where the network looks at it.
    """

    costs: list[tf.Tensor]
    gradients: Tensors
    validation_loss: Any


@functools.lru_cache(maxsize=32)
def _looking(recipe: Recipe, gradients: bool, compiled: bool = False) -> Callable[..., _Seen]:
    """A function from what is shared, what is not, theta `[M, ...]` and the minibatch's seed to what is seen."""
    problem = recipe.problem
    observes_validation = "validation_loss" in recipe.network.observes

    def look(now: Run, fixed: dict[str, Any], parameters: Tensors, minibatch: tf.Tensor) -> _Seen:
        own_draws = minibatch.shape.rank == 2
        own = {**fixed, "parameters": parameters, **({"minibatch": minibatch} if own_draws else {})}

        def of(own):
            run = now._replace(**own) if own_draws else now._replace(minibatch=minibatch, **own)
            if gradients:
                loss, slopes = optimizee.value_and_gradient(problem.loss, run)
            else:
                loss, slopes = optimizee.loss_at_step(problem.loss, run), {}
            losses, looked_at = [loss], ()
            if recipe.of_validation:
                losses.append(optimizee.loss_at_step(problem.outer_validation_loss, run))
            if gradients and observes_validation:
                looked_at = optimizee.loss_at_step(problem.validation_loss, run)
            return _Seen(losses, slopes, looked_at)

        # Several seeds are drawn from one by one, and so may functions of their own be taken.
        one_by_one = own_draws or "instance" in fixed
        return tf.vectorized_map(of, own, fallback_to_while_loop=one_by_one, warn=False)

    return tf.function(look, autograph=False, jit_compile=True) if compiled else look


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
