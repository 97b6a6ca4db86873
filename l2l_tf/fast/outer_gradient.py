"""The outer gradient of one unroll, as `unroll.roll_out` and `unroll.replay` give it, with the networks in blocks.

The optimizee runs in TensorFlow's ordinary kernels: compiling it whole is slower on CPUs. The networks run block by
block, which the executor spreads over the cores: in native code (`native`) or, where there is none, in calls that XLA
compiles (`compiled`).
"""

import math

import tensorflow as tf

from l2l_tf.fast import memory as memory_modes
from l2l_tf.fast import native, replay
from l2l_tf.fast.parts import parts_of
from l2l_tf.fast.rollout import roll_out
from l2l_tf.fast.rules import rule_of
from l2l_tf.networks.network import Network, Tensors
from l2l_tf.unrolling.coordinates import AssignedNetworks
from l2l_tf.unrolling.objectives import Objective
from l2l_tf.unrolling.run import Run
from l2l_tf.unrolling.unroll import OuterGradient
from problems.problem import Problem

ROWS_PER_BLOCK = 4096
_FEWEST_COORDINATES = 256  # Below, compiling takes longer than it gains.


def applies(network: Network, parameters: Tensors) -> bool:
    """Whether the fast path has something to gain.

    A network that runs in blocks has coordinates enough, or a rule with an MLP on each has native code.
    """
    return isinstance(network, AssignedNetworks) and any(
        (native.coordinate_mlp.has_way_back(network.networks[name]) and native.operations() is not None)
        or (
            rule_of(network.networks[name]) is not None
            and sum(math.prod(parameters[key].shape) for key in owned) >= _FEWEST_COORDINATES
        )
        for name, owned in network.owned(parameters).items()
    )


def outer_gradient(
    problem: Problem,
    network: AssignedNetworks,
    run: Run,
    len_unroll: int,
    objective: Objective,
    second_derivatives: bool = False,
    memory: str | None = None,
    memory_budget: int = memory_modes.DEFAULT_BUDGET,
    rows_per_block: int = ROWS_PER_BLOCK,
    in_native_code: bool = True,
) -> OuterGradient:
    """The meta-loss and its gradient for phi over `len_unroll` steps from `run`. Call it from a `tf.function`.

    Args:
      problem, network, run, len_unroll, objective, second_derivatives: see `unroll`.
      memory: one of `memory.MODES`; None takes the fastest whose records fit into `memory_budget`. With second
        derivatives every block is at the same step at a time, so that "recompute" keeps states too.
      memory_budget: bytes.
      rows_per_block: about how many rows (coordinates) go into one compiled call.
      in_native_code: False takes blocks compiled by XLA even where there is native code, which has no use for `memory`.

    Raises:
      ValueError: an unknown memory mode; an objective of validation losses without second derivatives, which blocks do
        not have.
    """
    if objective.of_validation and not second_derivatives:
        raise ValueError("In blocks, objectives of the validation losses need second_derivatives=True.")
    parts = parts_of(network, run.parameters, rows_per_block, second_derivatives, in_native_code)
    if memory is None:
        memory = memory_modes.choose(parts, run.state, len_unroll, memory_budget)
    if memory_modes.checked(memory) == "recompute" and second_derivatives:
        memory = "states"
    validation = objective.of_validation
    records, end = roll_out(problem, network, parts, run, len_unroll, second_derivatives, memory, validation)

    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(records.outer_losses)
        meta_loss = objective(records.outer_losses)
    loss_cotangents = tape.gradient(meta_loss, records.outer_losses)

    if second_derivatives:
        by_variable = replay.exact(problem, network, parts, run, end, records, loss_cotangents)
    else:
        by_variable = replay.constant_observations(parts, records, loss_cotangents)
    gradients = [by_variable.get(v.ref(), tf.zeros_like(v)) for v in network.trainable_variables]
    return OuterGradient(meta_loss, gradients, records.losses, end)
