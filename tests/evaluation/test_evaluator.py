"""Learning curves: paired, reproducible, and fresh in every run."""

import time

import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import networks
from l2l_tf.evaluation.evaluator import Curves, Evaluator
from l2l_tf.fast import native
from l2l_tf.unrolling import seeds, unroll
from l2l_tf.unrolling.coordinates import AssignedNetworks
from problems import from_function
from problems.problem import Problem
from problems.quadratic import Quadratic

SEED = [1, 2]


class Noisy(Problem):
    """f(x) = |x - minibatch|^2: a minibatch is one random point. Held out: the distance to the origin."""

    name = "noisy"
    options: dict = {}  # noqa: RUF012
    held_out_splits = ("validation", "test")

    def __init__(self):
        self.traces = 0

    def initial_parameters(self, instance, seed):
        return {"x": tf.random.stateless_normal([3], seed)}

    def loss(self, parameters, instance, seed):
        self.traces += 1
        return tf.reduce_sum(tf.square(parameters["x"] - tf.random.stateless_normal([3], seed)))

    def held_out_loss(self, parameters, instance, split):
        return tf.norm(parameters["x"]) * (2.0 if split == "test" else 1.0)


@pytest.fixture(scope="module")
def quadratic():
    return Quadratic(batch_size=2, num_dims=3)


def test_optimizers_get_the_same_draws_and_minibatches():
    # At a learning rate of 0 nobody moves: what remains are the draws, theta_0 and the minibatches.
    resting = [Evaluator(Noisy(), networks.get(name, learning_rate=0.0), 4)(SEED, 3).losses for name in ("Sgd", "Adam")]
    np.testing.assert_array_equal(*resting)
    assert len(np.unique(resting[0])) == resting[0].size == 15
    moving = Evaluator(Noisy(), networks.get("Sgd", learning_rate=0.1), 4)(SEED, 3).losses
    np.testing.assert_array_equal(moving[:, 0], resting[0][:, 0])
    assert np.all(moving[:, 1:] != resting[0][:, 1:])


def test_an_evaluation_is_reproducible_bit_for_bit(quadratic):
    network = networks.get("CoordinateWiseDeepLSTM", layers=(3,), scale=0.1)
    evaluator = Evaluator(quadratic, network, 4)
    curves = evaluator(SEED, 3)
    again = evaluator(SEED, 3)
    rebuilt = Evaluator(quadratic, networks.get(type(network).__name__, **network.options), 4)(SEED, 3)
    np.testing.assert_array_equal(curves.losses, again.losses)
    np.testing.assert_array_equal(curves.losses, rebuilt.losses)
    np.testing.assert_array_equal(curves.losses[:2], evaluator(SEED, 2).losses)
    assert not np.any(curves.losses == evaluator([1, 3], 3).losses)


def test_every_run_is_that_of_a_fresh_adam():
    quadratic = Quadratic(batch_size=2, num_dims=3, dtype="float64")
    rate, num_steps = 0.125, 5
    losses = Evaluator(quadratic, networks.get("Adam", learning_rate=rate), num_steps)(SEED, 3).losses
    for draw in range(3):
        run = unroll.start(quadratic, networks.get("Adam"), seeds.fold(SEED, draw))
        w, y, x = (v.numpy() for v in (run.instance["w"], run.instance["y"], run.parameters["x"]))
        m = v = 0.0
        for step in range(num_steps + 1):
            residual = np.einsum("bij,bj->bi", w, x) - y
            np.testing.assert_allclose(losses[draw, step], np.mean(np.sum(residual**2, 1)), rtol=1e-4)
            gradient = 2 * np.einsum("bij,bi->bj", w, residual) / len(w)
            m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
            corrected = np.sqrt(v / (1 - 0.999 ** (step + 1))), m / (1 - 0.9 ** (step + 1))
            x = x - rate * corrected[1] / (corrected[0] + 1e-7)


def test_held_out_losses_after_the_steps_asked_for():
    problem, network = Noisy(), networks.get("Sgd", learning_rate=0.1)
    evaluator = Evaluator(problem, network, 4, ["validation", "test"], [1, 3])
    curves = evaluator(SEED, 2)
    assert curves.held_out_steps == (1, 3, 4)
    np.testing.assert_array_equal(curves.losses, Evaluator(Noisy(), network, 4)(SEED, 2).losses)
    for draw in range(2):
        run = unroll.start(problem, network, seeds.fold(SEED, draw))
        norms = []
        for _ in range(4):
            run = unroll.advance(network, run, unroll.observe(problem, network, run))
            norms.append(np.linalg.norm(run.parameters["x"]))
        expected = np.array(norms)[[0, 2, 3]]
        np.testing.assert_allclose(curves.held_out["validation"][draw], expected, rtol=1e-6)
        np.testing.assert_allclose(curves.held_out["test"][draw], 2 * expected, rtol=1e-6)
    np.testing.assert_array_equal(curves.final("test"), curves.held_out["test"][:, 2])
    np.testing.assert_array_equal(curves.final(), curves.losses[:, 4])


def test_new_draws_and_weights_do_not_retrace():
    problem, network = Noisy(), networks.get("Sgd", learning_rate=0.0)
    evaluator = Evaluator(problem, network, 3)
    resting = evaluator(SEED, 1).losses
    traces = problem.traces
    network.learning_rate.assign(0.5)
    moving = evaluator(SEED, 4).losses
    assert problem.traces == traces > 0
    assert moving[0, 0] == resting[0, 0]
    assert moving[0, 1] != resting[0, 1]


def test_every_draw_is_reported(quadratic):
    draws = []
    Evaluator(quadratic, networks.get("Sgd"), 2)(SEED, 3, draws.append)
    assert draws == [0, 1, 2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_steps": 0}, r"^Evaluator: num_steps is a whole number of at least 1\. Received: num_steps=0\.$"),
        ({"held_out_splits": ["dev"]}, r"^The problem 'noisy' has the held-out splits \['validation', 'test'\]\. Rec"),
        (
            {"held_out_steps": [0]},
            r"held_out_steps is a list, each a whole number of at least 1\. Received: held_out_steps=\[0\]\.$",
        ),
        ({"held_out_steps": [3]}, r"^held_out_steps lie in 1 to num_steps=2\. Received: \[3\]\.$"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        Evaluator(**{"problem": Noisy(), "network": networks.get("Sgd"), "num_steps": 2, **arguments})


def test_summaries():
    curves = Curves(np.array([[1.0, 0.02], [1.0, 0.18]]), {}, (1,), np.array([9.0, 1.0]))
    assert curves.log_mean_final_error == pytest.approx(-1)
    assert curves.mean_epoch_time == 1.0
    only = Curves(np.array([[1.0, 0.0]]), {}, (1,), np.array([9.0]))
    assert only.log_mean_final_error == -np.inf
    assert only.mean_epoch_time == 9.0


class _Averaging(Quadratic):
    """Its statistic is the first coordinate of theta; its averaged loss is that statistic's average."""

    averaged_splits = ("averaged",)

    def statistics(self, parameters, instance, seed):
        return {"first": parameters["x"][0, 0]}

    def averaged_loss(self, parameters, instance, split, averages):
        return averages["first"]


def test_running_averages_along_a_run():
    problem = _Averaging(batch_size=1, num_dims=1, stddev=1.0)
    network = networks.get("Sgd", learning_rate=0.1)
    curves = Evaluator(problem, network, 5, ["averaged"], [2])(seeds.root(3), 1)
    run = unroll.start(problem, network, seeds.fold(seeds.root(3), 0))
    thetas = []
    for _ in range(5):
        thetas.append(float(run.parameters["x"][0, 0]))
        run = unroll.advance(network, run, unroll.observe(problem, network, run))
    for column, steps in enumerate((2, 5)):
        weights = 0.99 ** np.arange(steps - 1, -1, -1)
        expected = np.sum(weights * thetas[:steps]) / np.sum(weights)
        assert curves.held_out["averaged"][0, column] == pytest.approx(expected, rel=1e-5)
    np.testing.assert_array_equal(curves.losses, Evaluator(problem, network, 5)(seeds.root(3), 1).losses)


def test_the_time_of_a_run_is_that_of_its_steps():
    """A loss that sleeps 5 ms in each of its 5 calls."""

    def slow(value):
        time.sleep(0.005)
        return value

    def loss(parameters):
        value = tf.py_function(slow, [tf.reduce_sum(parameters["x"] ** 2)], tf.float32)
        return tf.ensure_shape(value, [])

    curves = Evaluator(from_function(loss, {"x": [1.0]}), networks.get("Sgd", learning_rate=0.0), 4)(SEED, 3)
    assert np.all(curves.seconds >= 0.025)
    assert curves.mean_epoch_time == pytest.approx(curves.seconds[1:].mean())


@pytest.mark.parametrize("native_code", [True, False])
def test_draws_side_by_side_are_those_one_after_the_other(monkeypatch, native_code):
    """Where nobody asks how long a run takes, and there is native code for it; else they are the same to the bit."""
    network = AssignedNetworks({"net": networks.get("PerParameterMLP", layers=[3], decays=[0.9], scale=0.1)})
    asked, run_all = [], Evaluator._run_all
    if not native_code:
        monkeypatch.setattr(native, "operations", lambda: None)
    elif native.operations() is None:
        pytest.skip("there is no C++ compiler here")
    monkeypatch.setattr(Evaluator, "_run_all", lambda self, starts: asked.append(1) or run_all(self, starts))
    evaluator = Evaluator(Noisy(), network, 5, ["validation"], [2])
    wanted, got = evaluator(SEED, 3), evaluator.untimed(SEED, 3)
    assert bool(asked) == native_code
    tolerance = 1e-5 if native_code else 0
    np.testing.assert_allclose(got.losses, wanted.losses, rtol=tolerance)
    np.testing.assert_allclose(got.held_out["validation"], wanted.held_out["validation"], rtol=tolerance)
    assert got.held_out_steps == (2, 5)
    assert np.ptp(got.losses[:, 0]) > 1e-3
    assert got.seconds.shape == (3,)
