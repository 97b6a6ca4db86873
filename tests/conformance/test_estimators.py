"""What every estimator must hold, over the table in estimators_table.py."""

import shutil
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import estimators, networks
from l2l_tf.estimators import Estimator
from l2l_tf.training import checkpoint
from l2l_tf.training import config as training_config
from l2l_tf.training.config import TrainingConfig
from l2l_tf.training.events import Validation
from l2l_tf.training.loop import Training
from l2l_tf.training.outer_optimizer import OuterOptimizer
from l2l_tf.unrolling import objectives, seeds, unroll
from l2l_tf.unrolling.coordinates import AssignedNetworks
from l2l_tf.unrolling.objectives import trajectory_objective
from l2l_tf.unrolling.run import Run
from problems import Problem
from problems.quadratic import Quadratic
from tests.conformance.estimators_table import CASES
from tests.conformance.networks_table import CASES as NETWORKS
from tests.estimators.toys import Bowl, Drift

LEN_UNROLL = 2
perturbing = {name: case for name, case in CASES.items() if case.perturbs}


class Estimated(NamedTuple):
    """An estimator on a small LSTM on minibatches of two functions, compiled, and its first unroll."""

    estimator: Estimator
    call: tf.types.experimental.PolymorphicFunction
    problem: Problem
    network: AssignedNetworks
    run: Run
    outer: unroll.OuterGradient


@pytest.fixture(scope="module", params=CASES)
def estimated(request):
    case = CASES[request.param]
    problem = Quadratic(batch_size=2, num_dims=3)
    network = AssignedNetworks({"cw": networks.get("CoordinateWiseDeepLSTM", layers=[3], scale=0.1)})
    estimator = case.build(problem, network, LEN_UNROLL, trajectory_objective(LEN_UNROLL))
    call = tf.function(estimator.__call__, autograph=False)
    run = estimator.begin(unroll.start(problem, network, seeds.root(1)))
    return Estimated(estimator, call, problem, network, run, call(run, seeds.root(2)))


def test_every_estimator_has_a_row():
    assert {case.name for case in CASES.values()} - {None} == set(estimators.ESTIMATORS)


def test_the_names_that_need_no_tensorflow_are_those_of_the_registry():
    assert list(training_config.ESTIMATORS) == list(estimators.ESTIMATORS)
    assert training_config.OBJECTIVES == objectives.LOSSES


def test_gradients_are_finite_shaped_as_phi_and_not_zero(estimated):
    shapes = [tuple(v.shape) for v in estimated.network.trainable_variables]
    assert [tuple(g.shape) for g in estimated.outer.gradients] == shapes
    assert all(np.all(np.isfinite(g)) for g in estimated.outer.gradients)
    assert any(np.any(g != 0) for g in estimated.outer.gradients)
    assert np.isfinite(estimated.outer.meta_loss)
    assert int(estimated.outer.dropped) == 0


def test_equal_seeds_give_equal_estimates_and_others_others_where_it_draws(estimated, request):
    again, other = (estimated.call(estimated.run, seeds.root(seed)) for seed in (2, 3))
    tf.nest.map_structure(np.testing.assert_array_equal, again, estimated.outer)
    case = CASES[request.node.callspec.params["estimated"]]
    if case.at_the_start:
        other_run = estimated.run._replace(seed=seeds.root(3), carried=())
        other = estimated.call(estimated.estimator.begin(other_run)._replace(seed=estimated.run.seed), seeds.root(2))
    differs = any(np.any(a != b) for a, b in zip(other.gradients, estimated.outer.gradients))
    assert differs == case.perturbs


def test_the_run_is_that_of_phi_carried_on_without_retracing(estimated):
    losses, end = unroll.losses_along(estimated.problem, estimated.network, estimated.run, 2 * LEN_UNROLL)
    second = estimated.call(estimated.outer.run, seeds.root(3))
    np.testing.assert_allclose(estimated.outer.losses, losses[: LEN_UNROLL + 1], rtol=1e-5)
    np.testing.assert_allclose(second.losses, losses[LEN_UNROLL:], rtol=1e-5)
    assert int(second.run.step) == 2 * LEN_UNROLL
    np.testing.assert_allclose(second.run.parameters["x"], end.parameters["x"], rtol=1e-4, atol=1e-6)
    assert estimated.call.experimental_get_tracing_count() == 1


def test_phi_is_bit_for_bit_what_it_was(estimated):
    before = [v.numpy() for v in estimated.network.variables]
    estimated.call(estimated.run, seeds.root(4))
    poisoned = estimated.run._replace(parameters={"x": tf.fill([2, 3], float("nan"))})
    estimated.call(poisoned, seeds.root(4))
    for variable, value in zip(estimated.network.variables, before):
        np.testing.assert_array_equal(variable, value)


def test_what_may_be_called_concurrently_writes_no_variable(estimated):
    graph = estimated.call.get_concrete_function(estimated.run, seeds.root(2)).graph.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    writes = any(node.op.startswith("Assign") for node in nodes)
    assert writes != estimated.estimator.concurrent


def test_a_run_that_is_not_finite_gives_a_gradient_that_is_dropped_and_counted(estimated, request):
    poisoned = tf.nest.map_structure(lambda x: x * np.nan if x.dtype.is_floating else x, estimated.run)
    outer = estimated.call(poisoned, seeds.root(2))
    optimizer = OuterOptimizer(estimated.network.trainable_variables, 0.1)
    before = [v.numpy() for v in estimated.network.trainable_variables]
    assert not optimizer.apply(outer.gradients).finite
    assert int(optimizer.dropped) == 1
    for variable, value in zip(estimated.network.trainable_variables, before):
        np.testing.assert_array_equal(variable, value)
    case = CASES[request.node.callspec.params["estimated"]]
    assert int(outer.dropped) == (case.options["perturbations"] if case.perturbs else 0)


@pytest.mark.parametrize("case", perturbing.values(), ids=perturbing.keys())
def test_members_that_are_not_finite_are_left_out_and_counted(case):
    pairs, std = 8, 0.05
    problem, network = Bowl([0.9], limit=1.0), Drift([0.0])
    phi = network.phi.numpy()
    build = {"perturbation_std": std, "perturbations": pairs}
    estimator = case.build(problem, network, LEN_UNROLL, trajectory_objective(LEN_UNROLL), **build)
    run = unroll.start(problem, network, seeds.root(1))._replace(seed=seeds.root(5))
    outer = estimator(estimator.begin(run), seeds.root(5))
    noise_seed = seeds.fold(seeds.root(5), seeds.Purpose.PERTURBATION, 0)
    epsilons = tf.random.stateless_normal([pairs, 1], noise_seed, stddev=std, dtype=tf.float64).numpy()
    beyond = np.abs(LEN_UNROLL * epsilons) > 0.1
    assert 0 < beyond.sum() < pairs - 1
    assert int(outer.dropped) == beyond.sum()
    # d L / d phi = sum over t of t (0.9 + t phi); for ES times epsilon^2 / sigma^2, as L is quadratic.
    exact = sum(0.9 * t for t in range(LEN_UNROLL + 1))
    es = exact * np.mean(epsilons[~beyond] ** 2) / std**2
    np.testing.assert_allclose(outer.gradients[0], [es if case.name in ("es", "pes", "nres") else exact], rtol=1e-9)
    np.testing.assert_array_equal(network.phi, phi)


LEARNING = {
    name: case
    for name, case in NETWORKS.items()
    if case.takes_scalar and list(case.build().trainable_variables) and not name.endswith("-linear")
}


@pytest.mark.parametrize("case", LEARNING.values(), ids=LEARNING.keys())
def test_members_take_every_kind_of_network(case):
    """By ES, which is quick to trace. The problem has a validation loss, as some networks look at it."""
    problem, network = Quadratic(batch_size=1, num_dims=2), AssignedNetworks({"net": case.build()})
    problem.validation_loss = problem.loss
    made = CASES["es"].build(problem, network, 1, trajectory_objective(1), perturbations=1)
    outer = tf.function(made.__call__, autograph=False)(unroll.start(problem, network, seeds.root(1)), seeds.root(2))
    assert len(outer.gradients) == len(network.trainable_variables)
    assert all(np.all(np.isfinite(g)) for g in outer.gradients)
    assert any(np.any(g != 0) for g in outer.gradients)


CONFIG = TrainingConfig(
    problem="quadratic",
    problem_options={"batch_size": 2, "num_dims": 2},
    networks={"cw": {"net": "CoordinateWiseDeepLSTM", "net_options": {"layers": [], "scale": 0.1}}},
    num_epochs=2,
    num_steps=6,
    unroll_length=2,
    learning_rate=0.01,
    perturbations=2,
    evaluation_period=1,
    evaluation_epochs=1,
)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_training_resumes_bit_for_bit(case, tmp_path):
    options = {key: value for key, value in case.options.items() if key in ("second_derivatives", "in_blocks")}
    config = TrainingConfig(**{**CONFIG.to_json(), "estimator": case.name or "es", **options, **case.aids})

    def keep_the_first(event):
        if isinstance(event, Validation) and event.epoch == 1:
            shutil.copytree(tmp_path / "whole", tmp_path / "resumed")

    whole = Training(config, tmp_path / "whole")
    whole.run(keep_the_first)
    first, _ = checkpoint.read(tmp_path / "resumed")
    resumed = Training(config, tmp_path / "resumed", resume=True)
    assert resumed.epoch == 1
    resumed.run()
    (arrays, facts), (other_arrays, other_facts) = (checkpoint.read(tmp_path / name) for name in ("whole", "resumed"))
    assert facts == other_facts
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, other_arrays[name], err_msg=name)
    assert any(np.any(array != first[name]) for name, array in arrays.items() if name.startswith("phi/"))
