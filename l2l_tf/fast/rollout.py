"""T steps of an optimizee under networks in parts, and the records that a replay needs."""

from typing import Any, NamedTuple

import tensorflow as tf

from l2l_tf.fast.arrays import arrays_like, write
from l2l_tf.fast.parts import Part
from l2l_tf.networks.network import Network
from l2l_tf.unrolling import optimizee, unroll
from l2l_tf.unrolling.run import Run
from problems.problem import Problem


class Records(NamedTuple):
    """What T steps left behind, part by part, each in its own form; `TensorArray`s over t.

    Attributes:
      losses: a tensor `[T + 1]`.
      seen: part name to what it saw at steps 0 to T.
      steps: part name to its records of steps 0 to T-1, of the parts that keep them.
      starts: part name to h_0, tensors, of the parts that compute the others again.
      parameters: theta_0 to theta_{T-1}; `()` unless second derivatives are asked for.
      outer_losses: a tensor `[T + 1]`, what the outer objective is of: `losses`, or the validation losses.
      outer_gradients: of the validation losses for theta_0 to theta_T; `()` where the objective is of `losses`.
    """

    losses: tf.Tensor
    seen: dict[str, Any]
    steps: dict[str, Any]
    starts: dict[str, Any]
    parameters: Any
    outer_losses: tf.Tensor
    outer_gradients: Any


def roll_out(
    problem: Problem,
    network: Network,
    parts: dict[str, Part],
    run: Run,
    len_unroll: int,
    second_derivatives: bool,
    memory: str,
    validation: bool = False,
) -> tuple[Records, Run]:
    """The records of `len_unroll` steps from `run`, and the run after them.

    Args:
      problem, network, run, len_unroll: see `unroll.roll_out`.
      parts: the parts of `network`.
      second_derivatives: whether to record the parameters, and the parts that have no weights to learn.
      memory: what the parts that are able to choose keep for the replay, see `l2l_tf.fast.memory`.
      validation: whether to record the validation losses and their gradients.
    """
    recorded = [name for name, part in parts.items() if part.learns or second_derivatives]
    with_steps = [name for name in recorded if parts[name].keeps_steps(memory)]
    activations = memory == "activations"

    def observe(step, parameters):
        at_step = run._replace(step=step, parameters=parameters)
        observation = unroll.observe(problem, network, at_step)
        outer = optimizee.value_and_gradient(problem.outer_validation_loss, at_step) if validation else ()
        seen = {name: part.see(observation) for name, part in parts.items()}
        return seen, (observation.loss, outer)

    def record_of(seen, losses):
        loss, outer = losses
        return loss, {name: seen[name] for name in recorded}, outer

    states: dict[str, Any] = {name: part.enter(run.state[name]) for name, part in parts.items()}
    seen, losses = observe(run.step, run.parameters)
    observed = arrays_like(record_of(seen, losses), len_unroll + 1)
    records = {name: parts[name].record_like(states[name], activations) for name in with_steps}
    left = arrays_like((records, run.parameters if second_derivatives else ()), len_unroll)

    def body(t, parameters, states, seen, losses, observed, left):
        before = parameters if second_derivatives else ()
        parameters, records = dict(parameters), {}
        next_states: dict[str, Any] = {}
        for name, part in parts.items():
            if name in with_steps:
                stepped = part.recorded_step(seen[name], states[name], activations)
                updates, next_states[name], records[name] = stepped
            else:
                updates, next_states[name] = part.step(seen[name], states[name])
            for key, update in updates.items():
                parameters[key] += update
        # Once the networks are done: their calls, ready together with these, would begin after them.
        with tf.control_dependencies(tf.nest.flatten(parameters)):
            left = write(left, t, (records, before))
            observed = write(observed, t, record_of(seen, losses))
        seen, losses = observe(run.step + t + 1, parameters)
        return t + 1, parameters, next_states, seen, losses, observed, left

    _, parameters, next_states, seen, losses, observed, (steps, kept_parameters) = tf.while_loop(
        lambda t, *_: t < len_unroll,
        body,
        (tf.constant(0), run.parameters, states, seen, losses, observed, left),
        maximum_iterations=len_unroll,
    )
    all_losses, all_seen, outer = write(observed, len_unroll, record_of(seen, losses))
    end = run._replace(
        step=run.step + len_unroll,
        parameters=parameters,
        state={name: part.leave(next_states[name], run.state[name]) for name, part in parts.items()},
    )
    with tf.control_dependencies(tf.nest.flatten(end.state)):  # cut once more: blocks kept all along would be memory
        starts = {name: parts[name].enter(run.state[name]) for name in recorded if parts[name].keeps_start(memory)}
    stacked = all_losses.stack()
    outer_losses, outer_gradients = (outer[0].stack(), outer[1]) if outer else (stacked, ())
    return Records(stacked, all_seen, steps, starts, kept_parameters, outer_losses, outer_gradients), end
