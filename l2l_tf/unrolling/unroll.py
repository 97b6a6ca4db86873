"""Roll out, then replay: T steps of an optimizee under a network, and the gradient of what they cost.

`roll_out` runs the optimizee with no tape over the network and records what the network saw. `replay` runs the
network alone, backwards in time, over the records. `tape` is the same gradient by ordinary back-propagation through
everything: the definition that replay is tested against.

Why replay is enough. theta_s = theta_0 + u_0 + ... + u_{s-1}, and observations are constants, so the cotangent of
u_t is the sum over s > t of dL/df_s g_s, and every g_s was computed on the way forward. With second derivatives,
what the network's input passes back enters that sum too: one Hessian-vector product a step. Where L is of validation
losses, g_s is theirs: the roll-out records it beside the gradient that the network sees.
"""

from typing import Any, NamedTuple

import tensorflow as tf

from l2l_tf.networks.dtypes import scaled
from l2l_tf.networks.network import Network, Observation, Tensors
from l2l_tf.unrolling import optimizee, seeds
from l2l_tf.unrolling.objectives import Objective
from l2l_tf.unrolling.run import Run
from problems.problem import Problem


class Trajectory(NamedTuple):
    """What T steps left behind.

    Attributes:
      losses: `[T + 1]`, f(theta_0) to f(theta_T).
      observations: of steps 0 to T, stacked on a first axis of T + 1.
      parameters: theta_0 to theta_T, stacked; `()` unless asked for.
      states: h_0 to h_T, stacked.
      run: the run after T steps.
      outer_losses: `[T + 1]`, what the outer objective is of: `losses`, unless it is of the validation losses.
      outer_gradients: of `outer_losses` for theta_0 to theta_T, stacked.
    """

    losses: tf.Tensor
    observations: Observation
    parameters: Tensors | tuple
    states: Any
    run: Run
    outer_losses: tf.Tensor
    outer_gradients: Tensors


class OuterGradient(NamedTuple):
    """What an estimator gives.

    Attributes:
      meta_loss: scalar, at phi.
      gradients: its gradient, or an estimate of it, for each trainable variable of the network.
      losses: `[T + 1]`, f(theta_0) to f(theta_T).
      run: the run after T steps.
      dropped: how many of the estimate's members were left out, as they were not finite.
    """

    meta_loss: tf.Tensor
    gradients: list[tf.Tensor]
    losses: tf.Tensor
    run: Run
    dropped: tf.Tensor | int = 0


def start(problem: Problem, network: Network, seed: tf.Tensor) -> Run:
    """A fresh run: f, theta_0 and h_0.

    Raises:
      ValueError: f is no nest of tensors, or theta_0 is not floating-point tensors by name.
      UserCodeError: a function of the problem raises, or draws without a seed.
    """
    instance = optimizee.drawn(problem, seeds.fold(seed, seeds.Purpose.PROBLEM))
    initial_seed = seeds.fold(seed, seeds.Purpose.INITIAL_PARAMETERS)
    parameters = optimizee.first_parameters(problem, instance, initial_seed)
    minibatches = seeds.fold(seed, seeds.Purpose.MINIBATCH)
    return Run(instance, minibatches, tf.constant(0), parameters, network.initial_state(parameters))


def observe(problem: Problem, network: Network, run: Run) -> Observation:
    """f(theta_t) and its gradient, and what else the network observes at theta_t."""
    loss, gradients = optimizee.value_and_gradient(problem.loss, run)
    observation = Observation(gradients=gradients, loss=loss)
    if "parameters" in network.observes:
        observation = observation._replace(parameters=run.parameters)
    if "step" in network.observes:
        observation = observation._replace(step=tf.cast(run.step, loss.dtype))
    if "length" in network.observes:
        observation = observation._replace(length=run.told_length(loss.dtype))
    if "validation_loss" in network.observes:
        observation = observation._replace(validation_loss=optimizee.loss_at_step(problem.validation_loss, run))
    return observation


def advance(network: Network, run: Run, observation: Observation) -> Run:
    """One step: theta_{t+1} = theta_t + u_t."""
    updates, state = network(observation, run.state)
    parameters = {name: value + updates[name] for name, value in run.parameters.items()}
    return run._replace(step=run.step + 1, parameters=parameters, state=state)


def roll_out(
    problem: Problem,
    network: Network,
    run: Run,
    len_unroll: int,
    record_parameters: bool = False,
    validation: bool = False,
) -> Trajectory:
    """Takes `len_unroll` steps and records what a replay needs; with `validation`, of an objective of those losses."""

    def record(run, observation):
        outer = optimizee.value_and_gradient(problem.outer_validation_loss, run) if validation else ()
        return observation, run.parameters if record_parameters else (), run.state, outer

    run, (observations, parameters, states, outer) = _steps(problem, network, run, len_unroll, record)
    outer_losses, outer_gradients = outer or (observations.loss, observations.gradients)
    return Trajectory(observations.loss, observations, parameters, states, run, outer_losses, outer_gradients)


def losses_along(problem: Problem, network: Network, run: Run, num_steps: int) -> tuple[tf.Tensor, Run]:
    """Takes `num_steps` steps and records nothing but f(theta_0) to f(theta_T), `[T + 1]`."""
    run, losses = _steps(problem, network, run, num_steps, lambda run, observation: observation.loss)
    return losses, run


def statistics_along(problem: Problem, network: Network, run: Run, num_steps: int) -> tuple[tf.Tensor, Any, Run]:
    """`losses_along`, with the problem's statistics at theta_0 to theta_{T-1}, stacked, in between."""

    def record(run, observation):
        return observation.loss, optimizee.at_step(problem.statistics, run)

    run, (losses, statistics) = _steps(problem, network, run, num_steps, record)
    return losses, tf.nest.map_structure(lambda statistic: statistic[:-1], statistics), run


def costs_along(
    problem: Problem, network: Network, run: Run, num_steps: int, objective: Objective
) -> tuple[tf.Tensor, tf.Tensor, Run]:
    """`losses_along`, with the losses that `objective` is of in between."""

    def record(run, observation):
        return observation.loss, _outer_loss(problem, run, observation, objective)

    run, (losses, outer_losses) = _steps(problem, network, run, num_steps, record)
    return losses, outer_losses, run


def replay(
    problem: Problem,
    network: Network,
    start_run: Run,
    trajectory: Trajectory,
    objective: Objective,
    second_derivatives: bool = False,
) -> OuterGradient:
    """The meta-loss and its gradient for phi from a recorded trajectory.

    Args:
      problem, start_run: what the trajectory was rolled out from; read only with second derivatives.
      network: the network that was rolled out.
      trajectory: what `roll_out` returned, with parameters where `second_derivatives`, with the validation losses
        where the objective is of them.
      objective: from the losses `[T + 1]` to the scalar meta-loss.
      second_derivatives: whether what the network observes depends on theta.
    """
    len_unroll = trajectory.losses.shape[0] - 1
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(trajectory.outer_losses)
        meta_loss = objective(trajectory.outer_losses)
    loss_cotangents = tape.gradient(meta_loss, trajectory.outer_losses)
    variables = list(network.trainable_variables)

    def body(t, cotangents, state_cotangents, gradients):
        observation = _at(trajectory.observations, t)
        state = _at(trajectory.states, t)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch((variables, observation, state))
            outputs = network(observation, state)
        pulled, observation_cotangents, state_cotangents = tape.gradient(
            outputs,
            (variables, observation, state),
            output_gradients=(cotangents, state_cotangents),
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        back = scaled(_at(trajectory.outer_gradients, t), loss_cotangents[t])
        if second_derivatives:
            run = start_run._replace(step=start_run.step + t, parameters=_at(trajectory.parameters, t))
            back = _add(back, pull_back(problem, network, run, observation_cotangents))
        return t - 1, _add(cotangents, back), state_cotangents, _add(gradients, pulled)

    *_, gradients = tf.while_loop(
        lambda t, *_: t >= 0,
        body,
        (
            tf.constant(len_unroll - 1),
            scaled(_at(trajectory.outer_gradients, len_unroll), loss_cotangents[len_unroll]),
            tf.nest.map_structure(tf.zeros_like, trajectory.run.state),
            [tf.zeros_like(variable) for variable in variables],
        ),
        maximum_iterations=len_unroll,
    )
    return OuterGradient(meta_loss, gradients, trajectory.losses, trajectory.run)


def tape(
    problem: Problem,
    network: Network,
    run: Run,
    len_unroll: int,
    objective: Objective,
    second_derivatives: bool = False,
) -> OuterGradient:
    """The same by ordinary back-propagation through the whole unroll, optimizee included."""

    def see(observation):
        return observation if second_derivatives else tf.nest.map_structure(tf.stop_gradient, observation)

    with tf.GradientTape() as whole:

        def record(run, observation):
            return observation.loss, _outer_loss(problem, run, observation, objective)

        run, (losses, outer_losses) = _steps(problem, network, run, len_unroll, record, see)
        meta_loss = objective(outer_losses)
    variables = list(network.trainable_variables)
    gradients = whole.gradient(meta_loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return OuterGradient(meta_loss, gradients, losses, run)


def pull_back(problem: Problem, network: Network, run: Run, cotangents: Observation) -> Tensors:
    """The cotangent of theta_t, given those of what is observed there: the Hessian-vector product and the rest."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(run.parameters)
        observation = observe(problem, network, run)
    with optimizee.differentiable(problem.loss):
        pulled = tape.gradient(
            observation,
            run.parameters,
            output_gradients=cotangents,
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
    return optimizee.dense(pulled)


def _outer_loss(problem: Problem, run: Run, observation: Observation, objective: Objective) -> tf.Tensor:
    return optimizee.loss_at_step(problem.outer_validation_loss, run) if objective.of_validation else observation.loss


def _steps(problem: Problem, network: Network, run: Run, num_steps: int, record, see=lambda observation: observation):
    """Takes steps under what the network is let `see`; the last run, and `record(run, observation)` of steps 0 to T."""
    observation = observe(problem, network, run)
    records = tf.nest.map_structure(
        lambda x: tf.TensorArray(x.dtype, num_steps + 1, element_shape=x.shape).write(0, x),
        record(run, observation),
    )

    def body(t, run, observation, records):
        run = advance(network, run, see(observation))
        observation = observe(problem, network, run)
        records = tf.nest.map_structure(
            lambda array, x: array.write(t + 1, x), records, record(run, observation), check_types=False
        )
        return t + 1, run, observation, records

    _, run, _, records = tf.while_loop(
        lambda t, *_: t < num_steps,
        body,
        (tf.constant(0), run, observation, records),
        maximum_iterations=num_steps,
    )
    return run, tf.nest.map_structure(lambda array: array.stack(), records)


def _at(records: Any, t: tf.Tensor | int) -> Any:
    return tf.nest.map_structure(lambda record: record[t], records)


def _add(left: Any, right: Any) -> Any:
    return tf.nest.map_structure(tf.add, left, right)
