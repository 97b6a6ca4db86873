"""Unrolls: roll out and replay against the tape, against differences, and by hand."""

import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import networks
from l2l_tf.unrolling import seeds, unroll
from l2l_tf.unrolling.coordinates import AssignedNetworks
from problems.quadratic import Quadratic
from tests.unrolling.unroll_cases import (
    CASES,
    LEN_UNROLL,
    LSTM_ON_QUADRATIC,
    OBJECTIVES,
    Neuron,
    Onlooker,
    small_quadratic,
)


class Case:
    """A problem and a network, with everything the tests compare.

    Tape and replay run op by op, as a graph of them takes far longer to make; `continued` and the tests of estimators
    have graphs of these steps. What differences call again and again is a graph."""

    def __init__(self, problem, network, second_derivatives, objectives=("list",)):
        self.problem = problem
        self.network = network
        self.variables = list(network.trainable_variables)
        self.second_derivatives = second_derivatives
        self.objectives = {name: OBJECTIVES[name] for name in objectives}
        self.run = unroll.start(problem, network, seeds.root(3))
        self.tape, self.replay, self.trajectory = self._both(self.run)

    def _both(self, run):
        trajectory = unroll.roll_out(self.problem, self.network, run, LEN_UNROLL, self.second_derivatives)
        arguments = (self.problem, self.network, run)
        return (
            {
                name: unroll.tape(*arguments, LEN_UNROLL, objective, self.second_derivatives)
                for name, objective in self.objectives.items()
            },
            {
                name: unroll.replay(*arguments, trajectory, objective, self.second_derivatives)
                for name, objective in self.objectives.items()
            },
            trajectory,
        )

    @tf.function
    def losses(self):
        """f(theta_0) ... f(theta_T) as functions of phi."""
        return unroll.losses_along(self.problem, self.network, self.run, LEN_UNROLL)[0]

    @tf.function
    def losses_with_observations_held(self):
        """The same with what the network sees held at what it saw: the function whose derivative is taken
        without second derivatives."""
        parameters, state = self.run.parameters, self.run.state
        losses = []
        for t in range(LEN_UNROLL + 1):
            seed = seeds.fold(self.run.seed, t)
            losses.append(self.problem.loss(parameters, self.run.instance, seed))
            seen = tf.nest.map_structure(lambda record, t=t: record[t], self.trajectory.observations)
            updates, state = self.network(seen, state)
            parameters = {name: value + updates[name] for name, value in parameters.items()}
        return tf.stack(losses)


@pytest.fixture(scope="module", params=[False, True], ids=["first", "second"])
def second_derivatives(request):
    return request.param


@pytest.fixture(scope="module", params=CASES)
def case(request, second_derivatives):
    """Every objective on the first case; on the others one, as each is traced anew."""
    objectives = OBJECTIVES if request.param == LSTM_ON_QUADRATIC else ("list",)
    return Case(*CASES[request.param](), second_derivatives, objectives)


def _flat(gradients):
    return np.concatenate([np.ravel(gradient) for gradient in gradients])


def _relative_error(actual, expected):
    return np.linalg.norm(actual - expected) / np.linalg.norm(expected)


def _central_differences(losses, variables, objectives, epsilon=1e-5):
    """d objective / d phi by name of objective, entry by entry."""
    derivatives = {name: [] for name in objectives}
    for variable in variables:
        value = variable.numpy()
        for index in np.ndindex(value.shape):
            shifted = []
            for sign in (1, -1):
                change = np.zeros_like(value)
                change[index] = sign * epsilon
                variable.assign(value + change)
                shifted.append(losses())
            variable.assign(value)
            for name, objective in objectives.items():
                derivatives[name].append(float(objective(shifted[0]) - objective(shifted[1])) / (2 * epsilon))
    return {name: np.array(values) for name, values in derivatives.items()}


def test_replay_is_the_tape(case):
    for name in case.objectives:
        tape, replay = case.tape[name], case.replay[name]
        assert [g.shape for g in replay.gradients] == [v.shape for v in case.variables]
        assert _relative_error(_flat(replay.gradients), _flat(tape.gradients)) < 1e-12
        np.testing.assert_allclose(replay.meta_loss, tape.meta_loss, rtol=1e-14)
        np.testing.assert_allclose(replay.losses, tape.losses, rtol=1e-14)
        tf.nest.map_structure(
            lambda ours, theirs: np.testing.assert_allclose(ours, theirs, rtol=1e-13), replay.run, tape.run
        )
        assert int(replay.run.step) == LEN_UNROLL


def test_replay_is_the_derivative_by_finite_differences(case):
    losses = case.losses if case.second_derivatives else case.losses_with_observations_held
    np.testing.assert_allclose(losses(), case.trajectory.losses, rtol=1e-13)
    for name, expected in _central_differences(losses, case.variables, case.objectives).items():
        assert _relative_error(_flat(case.replay[name].gradients), expected) < 1e-7


def _eagerly(problem, network, second_derivatives, seed=3):
    """The gradients by tape and by replay of the sum of all losses, outside of graphs."""
    arguments = (problem, network, unroll.start(problem, network, seeds.root(seed)))
    tape = unroll.tape(*arguments, LEN_UNROLL, OBJECTIVES["all"], second_derivatives)
    trajectory = unroll.roll_out(*arguments, LEN_UNROLL, second_derivatives)
    replay = unroll.replay(*arguments, trajectory, OBJECTIVES["all"], second_derivatives)
    return tape, replay


def test_second_derivatives_make_a_difference():
    first, second = (_eagerly(Neuron(), Onlooker(), flag)[1] for flag in (False, True))
    assert _relative_error(_flat(first.gradients), _flat(second.gradients)) > 0.01


@pytest.mark.parametrize("second_derivatives", [False, True])
def test_replay_is_the_tape_in_float32(second_derivatives):
    problem = Quadratic(batch_size=3, num_dims=3)
    network = networks.get("CoordinateWiseDeepLSTM", layers=(4, 4), scale=0.1)
    tape, replay = _eagerly(problem, network, second_derivatives)
    assert _relative_error(_flat(replay.gradients), _flat(tape.gradients)) < 1e-5


def test_without_second_derivatives_it_is_a_plain_loop_with_stopped_gradients():
    problem, network = CASES["lstm and adam"]()
    run = unroll.start(problem, network, seeds.root(3))
    parameters, state = run.parameters, run.state
    with tf.GradientTape() as outer:
        total = 0.0
        for t in range(LEN_UNROLL + 1):
            with tf.GradientTape() as inner:
                inner.watch(parameters)
                loss = problem.loss(parameters, run.instance, seeds.fold(run.seed, t))
            total += loss
            gradients = tf.nest.map_structure(tf.stop_gradient, inner.gradient(loss, parameters))
            updates, state = network(networks.Observation(gradients), state)
            parameters = {name: value + updates[name] for name, value in parameters.items()}
    expected = _flat(outer.gradient(total, network.trainable_variables))
    for computed in _eagerly(problem, network, second_derivatives=False):
        assert _relative_error(_flat(computed.gradients), expected) < 1e-12
        np.testing.assert_allclose(computed.meta_loss, total, rtol=1e-14)


def test_a_network_without_weights_has_no_gradients():
    tape, replay = _eagerly(Neuron(), AssignedNetworks({"adam": networks.get("Adam")}), second_derivatives=True)
    assert replay.gradients == tape.gradients == []
    np.testing.assert_allclose(replay.meta_loss, np.sum(tape.losses))


def test_sgd_by_hand():
    problem = Quadratic(batch_size=1, num_dims=2, stddev=1.0, dtype="float64")
    network = networks.get("Sgd", learning_rate=0.125)
    run = unroll.start(problem, network, seeds.root(0))
    w, y, x = (t.numpy()[0] for t in (run.instance["w"], run.instance["y"], run.parameters["x"]))
    expected = []
    for _ in range(3):
        expected.append(np.sum((w @ x - y) ** 2))
        x = x - 0.125 * 2 * w.T @ (w @ x - y)
    losses, last = unroll.losses_along(problem, network, run, 2)
    np.testing.assert_allclose(losses, expected, rtol=1e-12)
    _, last = unroll.losses_along(problem, network, last, 1)
    np.testing.assert_allclose(last.parameters["x"][0], x, rtol=1e-12)


@pytest.fixture(scope="module")
def continued():
    """One unroll of 6 steps, and two of 3, on minibatches, with a state and a step that matter."""
    problem = Neuron()
    network = AssignedNetworks(
        {"onlooker": Onlooker(), "adam": networks.get("Adam", learning_rate=0.1)},
        [("onlooker", ["*"]), ("adam", ["b"])],
    )
    run = unroll.start(problem, network, seeds.root(5))

    @tf.function
    def trajectories(run):
        whole = unroll.roll_out(problem, network, run, 6)
        first = unroll.roll_out(problem, network, run, 3)
        second = unroll.roll_out(problem, network, first.run, 3)
        return whole, first, second, unroll.losses_along(problem, network, run, 6)

    return trajectories(run)


def test_two_unrolls_of_three_steps_are_one_of_six(continued):
    whole, first, second, _ = continued
    np.testing.assert_array_equal(np.concatenate([first.losses, second.losses[1:]]), whole.losses)
    tf.nest.map_structure(np.testing.assert_array_equal, second.run, whole.run)
    assert int(second.run.step) == 6
    # The last observation of an unroll is the first of the next.
    np.testing.assert_array_equal(first.losses[3], second.losses[0])
    np.testing.assert_array_equal(second.observations.step, [3, 4, 5, 6])


def test_losses_along_is_a_roll_out_without_records(continued):
    whole, _, _, (losses, run) = continued
    np.testing.assert_array_equal(losses, whole.losses)
    tf.nest.map_structure(np.testing.assert_array_equal, run, whole.run)


def test_records_of_a_roll_out(continued):
    whole, *_ = continued
    assert whole.parameters == ()
    assert {t.shape[0] for t in tf.nest.flatten((whole.observations, whole.states))} == {7}
    for state in tf.nest.flatten(whole.states):
        assert np.all(state[0] == 0)


def test_records_hold_parameters_when_asked_for():
    problem, network = Neuron(), networks.get("Sgd", learning_rate=0.1)
    run = unroll.start(problem, network, seeds.root(0))
    trajectory = unroll.roll_out(problem, network, run, 2, record_parameters=True)
    np.testing.assert_array_equal(trajectory.parameters["w"][0], run.parameters["w"])
    for t in range(3):
        parameters = {name: values[t] for name, values in trajectory.parameters.items()}
        loss = problem.loss(parameters, run.instance, seeds.fold(run.seed, t))
        np.testing.assert_allclose(trajectory.losses[t], loss, rtol=1e-14)
    np.testing.assert_array_equal(trajectory.parameters["w"][2], trajectory.run.parameters["w"])


def test_a_run_is_a_function_of_its_seed():
    problem, network = Neuron(), networks.get("Sgd", learning_rate=0.0)
    run, again, other = (unroll.start(problem, network, seeds.root(seed)) for seed in (1, 1, 2))
    tf.nest.map_structure(np.testing.assert_array_equal, run, again)
    assert np.all(run.instance["x"] != other.instance["x"])
    assert np.all(run.parameters["w"] != other.parameters["w"])
    losses, _ = unroll.losses_along(problem, network, run, 5)
    np.testing.assert_array_equal(losses, unroll.losses_along(problem, network, again, 5)[0])
    assert len(set(losses.numpy())) > 3  # theta rests, so only the minibatches differ


def test_only_what_is_observed_is_recorded():
    problem = Neuron()
    run = unroll.start(problem, Onlooker(), seeds.root(1))
    observed = unroll.observe(problem, Onlooker(), run)
    np.testing.assert_array_equal(observed.parameters["w"], run.parameters["w"])
    validation_loss = problem.validation_loss(run.parameters, run.instance, None)
    np.testing.assert_array_equal(observed.validation_loss, validation_loss)
    assert float(observed.step) == 0
    plain = unroll.observe(problem, networks.get("Sgd"), run)
    assert plain.parameters == plain.step == plain.validation_loss == ()
    np.testing.assert_array_equal(plain.loss, observed.loss)


def test_a_parameter_the_loss_does_not_read_has_a_zero_gradient():
    class Idle(Neuron):
        def initial_parameters(self, instance, seed):
            return {**super().initial_parameters(instance, seed), "idle": tf.ones([2], tf.float64)}

    network = networks.get("Sgd")
    run = unroll.start(Idle(), network, seeds.root(1))
    np.testing.assert_array_equal(unroll.observe(Idle(), network, run).gradients["idle"], [0.0, 0.0])


def test_observing_a_validation_loss_that_is_not_there():
    with pytest.raises(NotImplementedError, match=r"The problem 'quadratic' has no validation data\."):
        run = unroll.start(small_quadratic(), Onlooker(), seeds.root(1))
        unroll.observe(small_quadratic(), Onlooker(), run)
