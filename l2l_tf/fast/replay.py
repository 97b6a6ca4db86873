"""The gradients of the networks' weights from a rollout's records (`l2l_tf.unrolling.unroll` says why they suffice)."""

from typing import Any

import tensorflow as tf

from l2l_tf.fast import recompute
from l2l_tf.fast.arrays import read
from l2l_tf.fast.blocked import Blocked
from l2l_tf.fast.native.mlp_part import NativeMLP
from l2l_tf.fast.native.part import Native
from l2l_tf.fast.packing import GradientsByVariable
from l2l_tf.fast.parts import Part
from l2l_tf.fast.rollout import Records
from l2l_tf.fast.whole import Whole
from l2l_tf.networks.dtypes import scaled
from l2l_tf.networks.network import Network, Observation
from l2l_tf.unrolling import unroll
from l2l_tf.unrolling.run import Run
from problems.problem import Problem


def constant_observations(parts: dict[str, Part], records: Records, loss_cotangents: tf.Tensor) -> GradientsByVariable:
    """Every part alone: nothing that one saw depends on another."""
    gradients: GradientsByVariable = {}
    for name, seen in records.seen.items():
        part = parts[name]
        if isinstance(part, Native):
            total = part.replay(seen, records.steps[name], records.starts[name], loss_cotangents)
        elif isinstance(part, NativeMLP):
            total = part.replay(seen, records.steps[name], loss_cotangents)
        elif isinstance(part, Blocked) and name in records.starts:
            total = recompute.replay(part, seen, records.starts[name], loss_cotangents)
        else:
            total = _step_by_step(part, seen, records.steps[name], loss_cotangents)
        _add_gradients(gradients, part.gradients(total))
    return gradients


def exact(
    problem: Problem,
    network: Network,
    parts: dict[str, Part],
    run: Run,
    end: Run,
    records: Records,
    loss_cotangents: tf.Tensor,
) -> GradientsByVariable:
    """With second derivatives: all parts together, and at each step one Hessian-vector product of the optimizee.

    lambda_t, the cotangent of theta_t, is lambda_{t+1} and what the observations at theta_t pass back; where the
    objective is of validation losses, their recorded gradients are in it in place of that of the loss.
    """
    len_unroll = loss_cotangents.shape[0] - 1
    last = unroll.observe(problem, network, end)
    outer = records.outer_gradients
    gradients_at_end = read(outer, len_unroll) if outer else last.gradients

    def body(t, cotangents, state_cotangents, totals):
        observed = tf.nest.map_structure(tf.zeros_like, last)
        next_state_cotangents, next_totals = {}, {}
        for name, part in parts.items():
            seen, record = read(records.seen[name], t), read(records.steps[name], t)
            by_part, next_state_cotangents[name], next_totals[name] = part.pull_back(
                seen, record, cotangents, state_cotangents[name], totals[name]
            )
            observed = _add_observations(observed, by_part)
        if not outer:
            observed = observed._replace(loss=observed.loss + loss_cotangents[t])
        at_t = run._replace(step=run.step + t, parameters=read(records.parameters, t))
        back = unroll.pull_back(problem, network, at_t, observed)
        cotangents = {key: value + back[key] for key, value in cotangents.items()}
        if outer:
            gradients = scaled(read(outer, t), loss_cotangents[t])
            cotangents = {key: value + gradients[key] for key, value in cotangents.items()}
        return t - 1, cotangents, next_state_cotangents, next_totals

    *_, totals = tf.while_loop(
        lambda t, *_: t >= 0,
        body,
        (
            tf.constant(len_unroll - 1),
            scaled(gradients_at_end, loss_cotangents[len_unroll]),
            {name: parts[name].zero_state(read(steps, 0)) for name, steps in records.steps.items()},
            {name: part.zeros() for name, part in parts.items()},
        ),
        maximum_iterations=len_unroll,
    )
    gradients: GradientsByVariable = {}
    for name, part in parts.items():
        _add_gradients(gradients, part.gradients(totals[name]))
    return gradients


def _add_gradients(total: GradientsByVariable, more: GradientsByVariable) -> None:
    """Adds to `total`, as one network may stand under several names."""
    for variable, gradient in more.items():
        total[variable] = total[variable] + gradient if variable in total else gradient


def _step_by_step(part: Blocked | Whole, seen: Any, steps: Any, loss_cotangents: tf.Tensor) -> Any:
    """The sum over time of the weights' gradients, from records of what the part saw and of its steps."""
    len_unroll = loss_cotangents.shape[0] - 1
    last = read(seen, len_unroll)

    def body(t, cotangents, state_cotangents, total):
        return t - 1, *part.replay_step(
            read(seen, t), read(steps, t), cotangents, state_cotangents, loss_cotangents[t], total
        )

    *_, total = tf.while_loop(
        lambda t, *_: t >= 0,
        body,
        (
            tf.constant(len_unroll - 1),
            scaled(last, loss_cotangents[len_unroll]),
            part.zero_state(read(steps, 0)),
            part.zeros(),
        ),
        maximum_iterations=len_unroll,
    )
    return total


def _add_observations(total: Observation, part: Observation) -> Observation:
    """The sum, of the fields and the parameters that the part observes."""

    def add(left, right):
        if isinstance(right, tuple):
            return left
        if isinstance(left, dict):
            return {key: left[key] + right[key] if key in right else left[key] for key in left}
        return left + right

    return Observation(*map(add, total, part))
