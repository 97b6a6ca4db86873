"""Objectives of validation losses, summed and the best: replay against the tape, and the tape against differences."""

import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import estimators
from l2l_tf.unrolling import seeds, unroll
from l2l_tf.unrolling.objectives import trajectory_objective
from tests.unrolling.unroll_cases import LEN_UNROLL, Neuron, Onlooker

OBJECTIVES = {
    "validation": trajectory_objective(LEN_UNROLL, [0.5, 0.0, 1.0, -1.0, 2.0], loss="validation"),
    "best validation": trajectory_objective(LEN_UNROLL, "best", loss="validation"),
}


def _flat(gradients):
    return np.concatenate([np.ravel(gradient) for gradient in gradients])


@pytest.mark.parametrize("second_derivatives", [False, True], ids=["first", "second"])
def test_replay_is_the_tape(second_derivatives):
    problem, network = Neuron(), Onlooker()

    @tf.function(autograph=False)
    def replays(run):
        return {
            name: estimators.truncated_backpropagation(problem, network, LEN_UNROLL, objective, second_derivatives)(
                run, run.seed
            )
            for name, objective in OBJECTIVES.items()
        }

    run = unroll.start(problem, network, seeds.root(3))
    for name, replay in replays(run).items():
        tape = unroll.tape(problem, network, run, LEN_UNROLL, OBJECTIVES[name], second_derivatives)
        np.testing.assert_allclose(_flat(replay.gradients), _flat(tape.gradients), rtol=1e-11)
        np.testing.assert_allclose(replay.meta_loss, tape.meta_loss, rtol=1e-13)
        np.testing.assert_allclose(replay.losses, tape.losses, rtol=1e-13)
        assert np.any(_flat(tape.gradients) != 0)


def test_the_tape_is_the_derivative_by_finite_differences():
    problem, network = Neuron(), Onlooker()
    run = unroll.start(problem, network, seeds.root(3))
    objective = OBJECTIVES["validation"]
    costs = tf.function(
        lambda run: unroll.costs_along(problem, network, run, LEN_UNROLL, objective)[:2], autograph=False
    )
    losses, validation_losses = costs(run)
    np.testing.assert_allclose(losses, unroll.losses_along(problem, network, run, LEN_UNROLL)[0], rtol=1e-13)
    first = problem.validation_loss(run.parameters, run.instance, None)
    np.testing.assert_allclose(validation_losses[0], first, rtol=1e-13)
    gradient = unroll.tape(problem, network, run, LEN_UNROLL, objective, second_derivatives=True).gradients[0]
    phi = network.c.numpy()
    for i in range(len(phi)):
        change = np.eye(len(phi))[i] * 1e-5
        ends = []
        for sign in (1, -1):
            network.c.assign(phi + sign * change)
            ends.append(float(objective(costs(run)[1])))
        network.c.assign(phi)
        assert (ends[0] - ends[1]) / 2e-5 == pytest.approx(float(gradient[i]), rel=1e-7)


class _OuterNeuron(Neuron):
    def outer_validation_loss(self, parameters, instance, seed):
        return 2 * self.validation_loss(parameters, instance, seed) + 1


@pytest.mark.parametrize("second_derivatives", [False, True], ids=["first", "in blocks"])
def test_what_is_trained_for_may_be_apart_from_what_is_looked_at(second_derivatives):
    problem, network = _OuterNeuron(), Onlooker()
    objective = trajectory_objective(LEN_UNROLL, "best", loss="validation")
    run = unroll.start(problem, network, seeds.root(3))
    # The network looks at the validation loss, of which the plain neuron's objective is: the same run, other losses.
    plain = unroll.tape(Neuron(), network, run, LEN_UNROLL, objective, True)
    estimate = estimators.truncated_backpropagation(problem, network, LEN_UNROLL, objective, second_derivatives)
    outer = tf.function(estimate, autograph=False)(run, run.seed)
    np.testing.assert_allclose(outer.losses, plain.losses, rtol=1e-12)
    np.testing.assert_allclose(outer.meta_loss, 2 * plain.meta_loss + 1, rtol=1e-12)
    if second_derivatives:
        np.testing.assert_allclose(_flat(outer.gradients), 2 * _flat(plain.gradients), rtol=1e-9)
