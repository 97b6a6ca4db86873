"""Imitation: the network learns the steps that Adam would take."""

import tensorflow as tf

from l2l_tf.estimators.estimator import Estimator
from l2l_tf.networks.classic import Adam
from l2l_tf.networks.network import Network
from l2l_tf.unrolling import arguments, unroll
from l2l_tf.unrolling.run import Run
from l2l_tf.unrolling.unroll import OuterGradient
from problems.problem import Problem

_LARGEST_RATE = 1e3


@arguments.checked
def imitation(problem: Problem, network: Network, len_unroll: int, learning_rate: float = 0.01) -> Estimator:
    """The gradient of L = mean over steps and coordinates of ((u_t - a_t) / learning_rate)^2.

    u_t are the network's updates along its own run and a_t those of Adam, which sees the same gradients from the run's
    beginning on (Chen et al. 2020, "Training stronger baselines for learning to optimize", section 3.2, where the
    teacher leads the run). What is observed is constant. The imitation of a run replaces the outer objective: it is a
    training aid for a share of the runs, not an objective of its own.

    Args:
      problem, network, len_unroll: see `unroll`.
      learning_rate: Adam's.

    Raises:
      ValueError: a learning rate that is not above 0.
    """
    teacher = Adam(learning_rate)

    def begin(run: Run) -> Run:
        return run._replace(carried=teacher.initial_state(run.parameters))

    def distance(updates, wanted):
        differences = [tf.cast(tf.reshape(update - wanted[name], [-1]), tf.float32) for name, update in updates.items()]
        return tf.reduce_mean(tf.square(tf.concat(differences, 0) / learning_rate)) / len_unroll

    def estimate(run: Run, seed: tf.Tensor) -> OuterGradient:
        del seed
        trajectory = unroll.roll_out(problem, network, run, len_unroll)
        variables = list(network.trainable_variables)

        def step(t, total, state, teacher_state):
            observation = tf.nest.map_structure(lambda record: record[t], trajectory.observations)
            updates, state = network(observation, state)
            wanted, teacher_state = teacher(observation, teacher_state)
            return t + 1, total + distance(updates, wanted), state, teacher_state

        with tf.GradientTape() as tape:
            _, total, _, teacher_state = tf.while_loop(
                lambda t, *_: t < len_unroll,
                step,
                (tf.constant(0), tf.zeros([]), run.state, run.carried),
                maximum_iterations=len_unroll,
            )
        gradients = tape.gradient(total, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        end = trajectory.run._replace(carried=teacher_state)
        return OuterGradient(total, gradients, trajectory.losses, end)

    return Estimator(estimate, begin, concurrent=True)
