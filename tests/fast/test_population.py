"""Members side by side, against the runs that they are."""

import copy
import logging

import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import fast, networks
from l2l_tf.fast import group, native, vectorization
from l2l_tf.fast import members as ways
from l2l_tf.fast import population as fast_population
from l2l_tf.unrolling import population, seeds, unroll
from l2l_tf.unrolling.coordinates import AssignedNetworks
from l2l_tf.unrolling.objectives import trajectory_objective
from l2l_tf.unrolling.population import Members
from problems import taskset
from problems.function import from_function
from problems.image import ImageClassification
from problems.layers import Mlp

COUNT, STEPS = 3, 3
NETWORKS = {
    "AdafactorMLP": {"layers": [3], "decays": [0.9]},
    "PerParameterMLP": {"layers": [3], "decays": [0.9]},
    "ControlledMLP": {"layers": [3], "control_layers": [3], "decays": [0.9], "told": True},
    "CoordinateWiseDeepLSTM": {"layers": [3], "scale": 0.1},
    "Adam": {"learning_rate": 0.1},
    "Sgd": {"learning_rate": 0.1},
}


def images(split):
    generator = np.random.default_rng(1)
    pixels = generator.integers(0, 256, (40, 4, 4, 1)).astype(np.uint8)
    return tf.constant(pixels), tf.constant(generator.integers(0, 3, 40), tf.int32)


@pytest.fixture(scope="module", name="problem")
def _problem():
    """Minibatches of images, of which every seed draws others."""
    problem = ImageClassification(Mlp(16, [3], 3, "tanh"), images, batch_size=5, validation_size=10, stddev=0.3)
    problem.name, problem.options = "tiny", {}
    return problem


def network_of(name):
    """With weights that have a say from the first step on; only the kind of network matters here."""
    network = networks.get(name, **NETWORKS[name])
    for i, variable in enumerate(network.trainable_variables):
        variable.assign_add(tf.random.stateless_normal(variable.shape, [i, 1], stddev=0.3))
    return AssignedNetworks({"net": network})


def different_weights(problem, network):
    weights = [
        tf.stack([v + 0.2 * tf.random.stateless_normal(v.shape, [i, j]) for i in range(COUNT)])
        for j, v in enumerate(network.trainable_variables)
    ]
    run = unroll.start(problem, network, seeds.root(1))
    if "length" in network.observes:
        run = run._replace(length=tf.constant(4))  # Updates fall from the second step on.
    return Members(run, {}, network.trainable_variables, weights)


def different_places(problem, network):
    """Where runs of several seeds are after two steps, on the function and the minibatches of the first."""
    starts = [unroll.start(problem, network, seeds.root(i)) for i in range(COUNT)]
    runs = [unroll.losses_along(problem, network, run, 2)[1] for run in starts]
    fields = {name: stacked([getattr(run, name) for run in runs]) for name in ("parameters", "state")}
    return Members(runs[0], fields)


def different_draws(problem, network):
    runs = [unroll.start(problem, network, seeds.root(i)) for i in range(COUNT)]
    fields = {name: stacked([getattr(run, name) for run in runs]) for name in ("instance", "seed", "parameters")}
    return Members(runs[0], fields)


def different_in_all(problem, network):
    draws, weights = different_draws(problem, network), different_weights(problem, network)
    return Members(draws.shared, draws.fields, weights.variables, weights.weights)


def different_rates(problem, network):
    rate = network.networks["net"].learning_rate
    return Members(unroll.start(problem, network, seeds.root(1)), {}, [rate], [tf.constant([0.01, 0.1, 1.0])])


def stacked(nests):
    return tf.nest.map_structure(lambda *own: tf.stack(own), *nests)


def along(problem, network, members, num_steps=STEPS, objective=None, **options):
    """The population's losses, the objective's, and where members end, compiled as training compiles it."""
    objective = objective or trajectory_objective(num_steps)
    call = tf.function(
        lambda: fast.population_costs_along(problem, network, members, num_steps, objective, **options),
        autograph=False,
    )
    return call()


def assert_members_are_single_runs(got, problem, network, members, num_steps=STEPS, objective=None):
    """Each under a network of its own whose variables hold the member's values."""
    objective = objective or trajectory_objective(num_steps)
    losses, outer_losses, ends = got
    kept = [variable.numpy() for variable in members.variables]
    for i in range(members.count):
        own = tf.nest.map_structure(lambda x, i=i: x[i], members.own)
        for variable, value in zip(members.variables, own[1]):
            variable.assign(value)
        wanted, wanted_outer, end = unroll.costs_along(problem, network, members.run(own), num_steps, objective)
        np.testing.assert_allclose(losses[i], wanted, rtol=1e-5)
        np.testing.assert_allclose(outer_losses[i], wanted_outer, rtol=1e-5)
        ours = tf.nest.map_structure(lambda x, i=i: x[i], (ends["parameters"], ends["state"]))
        for x, y in zip(tf.nest.flatten(ours), tf.nest.flatten((end.parameters, end.state)), strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-5 * max(1e-3, np.max(np.abs(y), initial=0)))
    for variable, value in zip(members.variables, kept):
        variable.assign(value)
    assert np.ptp(losses.numpy()[:, -1]) > 1e-4  # They are not all the same run.


CASES = [
    ("AdafactorMLP", different_weights),
    ("ControlledMLP", different_weights),
    ("PerParameterMLP", different_in_all),
    ("CoordinateWiseDeepLSTM", different_in_all),
    ("Adam", different_places),
]


@pytest.mark.parametrize(("name", "make"), CASES, ids=lambda value: getattr(value, "__name__", value))
def test_a_member_is_a_single_run(problem, name, make):
    network = network_of(name)
    members = make(problem, network)
    assert_members_are_single_runs(along(problem, network, members), problem, network, members)


def test_the_readable_path_is_single_runs_too(problem):
    network = network_of("Adam")
    members = different_draws(problem, network)
    got = along(problem, network, members, in_blocks=False)
    assert_members_are_single_runs(got, problem, network, members)


def test_objectives_of_the_validation_losses(problem):
    network, objective = network_of("Adam"), trajectory_objective(STEPS, loss="validation")
    members = different_rates(problem, network)
    got = along(problem, network, members, objective=objective)
    assert np.any(np.abs(got[0] - got[1]) > 1e-4)
    assert_members_are_single_runs(got, problem, network, members, objective=objective)


def test_objectives_of_validation_losses_that_are_apart(problem):
    network, objective = network_of("Adam"), trajectory_objective(STEPS, loss="validation")
    members = different_rates(problem, network)
    apart = copy.copy(problem)
    apart.outer_validation_loss = lambda *at: 2 * problem.validation_loss(*at)
    losses, outer_losses, _ = along(apart, network, members, objective=objective)
    expected = along(problem, network, members, objective=objective)
    np.testing.assert_allclose(losses, expected[0], rtol=1e-6)
    np.testing.assert_allclose(outer_losses, 2 * expected[1], rtol=1e-6)


@pytest.mark.parametrize(("name", "make"), [("Sgd", different_rates), ("PerParameterMLP", different_in_all)])
def test_members_compiled_in_groups_and_chunks(problem, monkeypatch, name, make):
    """Five steps in calls of two, three members in two groups: neither comes out even. With native code its steps."""
    monkeypatch.setattr(fast_population, "_COMPILED_FROM", 1)
    monkeypatch.setattr(fast_population, "_GROUP", 150)  # Of 63 coordinates each.
    monkeypatch.setattr(group, "_CHUNK", 2)
    network = network_of(name)
    members = make(problem, network)
    group._compiled_steps.cache_clear()
    got = along(problem, network, members, 5)
    assert group._compiled_steps.cache_info().currsize == (ways.native_for(network) is None)
    assert_members_are_single_runs(got, problem, network, members, 5)


def test_a_budget_splits_a_population(problem, monkeypatch):
    """A member at a time where there is room for no more; all at once where there is."""
    network = network_of("Sgd")
    members, sizes = different_rates(problem, network), []
    group_along = group.costs_along

    def spied(recipe, part, *arguments):
        sizes.append(part.count)
        return group_along(recipe, part, *arguments)

    monkeypatch.setattr(group, "costs_along", spied)
    whole, split = (along(problem, network, members, memory_budget=budget) for budget in (2**29, 1))
    assert sizes == [COUNT, *[1] * COUNT]
    for x, y in zip(tf.nest.flatten(whole), tf.nest.flatten(split), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "starts"),
    [
        ((33, 8, 1000, 2), [0, 5, 11, 16, 22, 27, 33]),
        ((33, 33, 1000, 2), [0, 16, 33]),
        ((33, 33, 1000, 1), [0, 33]),
        ((4, 33, 2, 2), [0, 1, 2, 3, 4]),
        ((3, 33, 0, 2), [0, 1, 2, 3]),
        ((1, 33, 1000, 2), [0, 1]),
    ],
)
def test_members_are_dealt_to_groups(arguments, starts):
    assert fast_population.deal(*arguments) == starts


def test_without_native_code_members_are_vectorised(problem, monkeypatch):
    monkeypatch.setattr(native, "operations", lambda: None)
    network = network_of("PerParameterMLP")
    assert ways.native_for(network) is None
    members = different_weights(problem, network)
    assert_members_are_single_runs(along(problem, network, members), problem, network, members)


def test_members_are_not_all_nodes_of_a_graph_where_they_are_many(problem, monkeypatch):
    """LSTMs of more members than a graph has room for run one after the other."""
    network = network_of("CoordinateWiseDeepLSTM")
    members = different_weights(problem, network)
    monkeypatch.setattr(fast_population, "_MOST_IN_TURN", COUNT - 1)
    monkeypatch.setattr(group, "costs_along", lambda *arguments: pytest.fail("side by side"))
    assert_members_are_single_runs(along(problem, network, members, 1), problem, network, members, 1)


def test_members_share_the_minibatches_unless_they_have_seeds(problem):
    network = network_of("Adam")
    run = unroll.start(problem, network, seeds.root(1))
    same = {"parameters": stacked([run.parameters] * COUNT)}
    losses, *_ = along(problem, network, Members(run, same))
    np.testing.assert_array_equal(losses[0], losses[1])
    other_seeds = {**same, "seed": tf.stack([seeds.fold(run.seed, i) for i in range(COUNT)])}
    losses, *_ = along(problem, network, Members(run, other_seeds))
    assert np.min(np.abs(losses[0] - losses[1])) > 1e-5


def test_a_problem_that_cannot_be_vectorised_runs_member_by_member_and_says_so_once(caplog):
    def loss(parameters):
        values, _ = tf.unique(tf.stop_gradient(tf.round(parameters["x"])))
        return tf.reduce_sum(parameters["x"] ** 2) + tf.reduce_sum(values)

    problem = from_function(loss, {"x": np.array([1.0, 2.0, 3.0], np.float32)}, name="rounded")
    network = network_of("Adam")
    members = different_rates(problem, network)
    with caplog.at_level(logging.WARNING, "l2l_tf.fast.vectorization"):
        got = along(problem, network, members)
        along(problem, network, members, 2)
    assert_members_are_single_runs(got, problem, network, members)
    assert [record.getMessage() for record in caplog.records if record.name == vectorization.__name__] == [
        "Members of populations on the problem 'rounded' run one after the other, as it cannot be vectorised: "
        "No pfor vectorization defined for Unique."
    ]


def test_a_recurrent_network_of_many_steps_is_not_vectorised():
    """Its loop has a gradient that TensorFlow makes of one, and not of many at once, outside of `tf.init_scope`."""
    glorot = {"name": "glorot_uniform"}
    data = {"kind": "language", "dataset": "synthetic", "label": None, "tokens": "bytes", "patch": 40}
    config = {
        "family": "char_rnn_language_model",
        "vocabulary": 8,
        "embedding": 2,
        "core": {"kind": "vanilla", "width": 2, "activation": "tanh", "initializers": {"w_i": glorot, "w_h": glorot}},
        "trainable_initial_state": False,
        "data": {**data, "batch_size": 2, "num_train": None, "just_train": False},
    }
    problem = taskset.build(config)
    network = network_of("Adam")
    members = different_rates(problem, network)
    assert_members_are_single_runs(along(problem, network, members), problem, network, members)


def test_members_without_anything_of_their_own_are_refused(problem):
    network = network_of("Adam")
    run = unroll.start(problem, network, seeds.root(1))
    with pytest.raises(ValueError, match=r"first axis of members\. Received: \[\]"):
        _ = Members(run).count
    uneven = {"parameters": run.parameters, "seed": run.seed}
    with pytest.raises(ValueError, match=r"Received: \[2, 3, 16\]"):
        _ = Members(run, uneven).count


def test_substituted_weights_are_differentiated_and_leave_the_network_alone(problem):
    network = network_of("PerParameterMLP")
    before = [v.numpy() for v in network.trainable_variables]
    run = unroll.start(problem, network, seeds.root(1))
    doubled = [2 * v for v in network.trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch(doubled)
        other = population.substituted(network, network.trainable_variables, doubled)
        updates, _ = other(unroll.observe(problem, other, run), run.state)
        total = tf.add_n([tf.reduce_sum(u**2) for u in updates.values()])
    assert not other.trainable_variables
    assert all(np.any(g != 0) for g in tape.gradient(total, doubled[:2]))
    for variable, value in zip(network.trainable_variables, before):
        np.testing.assert_array_equal(variable, value)


DRAWS = {
    "no draw": (lambda seed: tf.reduce_sum(tf.cast(seed, tf.float32)), True),
    "floats": (lambda seed: tf.random.stateless_normal([], seed), False),
    "integers": (lambda seed: tf.random.stateless_uniform([], seed, 0, 9, tf.int32), False),
    "integers of a seed without sign": (
        lambda seed: tf.random.stateless_uniform([], tf.bitwise.bitwise_and(seed, 2**31 - 1), 0, 9, tf.int32),
        True,
    ),
    "floats in a loop": (
        lambda seed: tf.while_loop(
            lambda i, _: i < 2, lambda i, x: (i + 1, x + tf.random.stateless_uniform([], seed)), (0, 0.0)
        )[1],
        False,
    ),
    "a convolution": (lambda seed: tf.nn.conv2d(tf.ones([1, 4, 4, 1]), tf.ones([2, 2, 1, 1]), 1, "SAME"), False),
}


@pytest.mark.parametrize(("draw", "alike"), DRAWS.values(), ids=DRAWS.keys())
def test_what_compiling_would_draw_otherwise_is_known(draw, alike):
    graph = tf.function(draw, autograph=False).get_concrete_function(tf.TensorSpec([2], tf.int32)).graph
    assert vectorization.draws_alike(graph) is alike
