"""What every network must hold, over the table in networks_table.py."""

import json

import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import networks
from l2l_tf.fast.members import members_network, native_for
from l2l_tf.networks import Observation, assign_weights, catalogue, weights_of
from l2l_tf.unrolling.coordinates import AssignedNetworks
from l2l_tf.unrolling.population import Members
from l2l_tf.unrolling.run import Run
from tests.conformance.networks_table import CASES

every_network = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def _observation(network, shapes, step=0, dtype="float32", gradient_scale=1.0):
    """Random numbers for the fields that `network` observes."""
    generator = np.random.default_rng(step)

    def draw(scale):
        return {name: tf.constant(generator.normal(size=shape) * scale, dtype) for name, shape in shapes.items()}

    observation = Observation(draw(gradient_scale))
    extra = {
        "parameters": draw(1.0),
        "loss": tf.constant(2.0 / (step + 1), dtype),
        "step": tf.constant(float(step)),
        "validation_loss": tf.constant(3.0 / (step + 1), dtype),
    }
    return observation._replace(**{field: value for field, value in extra.items() if field in network.observes})


def _updates(network, shapes, num_steps=2, call=None, **options):
    """The updates of `num_steps` steps, as arrays by name."""
    call = call or network
    first = _observation(network, shapes, **options)
    state = network.initial_state(first.gradients)
    updates = []
    for step in range(num_steps):
        update, state = call(_observation(network, shapes, step, **options), state)
        updates.append({name: value.numpy() for name, value in update.items()})
    return updates


def _assert_equal(left, right):
    for ours, theirs in zip(left, right, strict=True):
        assert ours.keys() == theirs.keys()
        for name in ours:
            np.testing.assert_array_equal(ours[name], theirs[name])


def _shapes_and_types(nest):
    return tf.nest.map_structure(lambda x: (tuple(x.shape), x.dtype.name), nest)


def test_every_network_has_a_row():
    assert {case.name for case in CASES.values()} == set(networks.names())


@every_network
def test_observes_fields_of_an_observation(case):
    assert case.build().observes <= set(Observation._fields)


@every_network
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_updates_are_shaped_and_typed_as_the_gradients(case, dtype):
    network = case.build()
    for updates in _updates(network, case.parameters, dtype=dtype):
        assert list(updates) == list(case.parameters)
        for name, shape in case.parameters.items():
            assert updates[name].shape == shape
            assert updates[name].dtype == tf.as_dtype(dtype)
            assert np.all(np.isfinite(updates[name].astype(np.float64)))
    assert any(np.any(update != 0) for update in updates.values())


@every_network
def test_state_is_of_floats_and_keeps_its_structure(case):
    network = case.build()
    observation = _observation(network, case.parameters)
    state = network.initial_state(observation.gradients)
    _, next_state = network(observation, state)
    assert _shapes_and_types(next_state) == _shapes_and_types(state)
    assert all(tensor.dtype.is_floating for tensor in tf.nest.flatten(state))


@every_network
def test_the_second_call_does_not_retrace(case):
    network = case.build()
    call = tf.function(network.__call__)
    traced = _updates(network, case.parameters, num_steps=3, call=call)
    assert call.experimental_get_tracing_count() == 1
    for ours, eager in zip(traced, _updates(network, case.parameters, num_steps=3), strict=True):
        for name in eager:
            np.testing.assert_allclose(ours[name], eager[name], rtol=1e-5, atol=1e-7)


@every_network
def test_weights_round_trip(case):
    network = case.build()
    weights = weights_of(network)
    other = case.build(seed=7) if "seed" in network.options else case.build()
    if "seed" not in network.options:  # Whose weights are always the same.
        assign_weights(other, {name: value + 1 for name, value in weights.items()})
    if weights:
        assert any(np.any(weights[name] != value) for name, value in weights_of(other).items())
    assign_weights(other, weights)
    _assert_equal(_updates(other, case.parameters), _updates(network, case.parameters))


@every_network
def test_the_catalogue_knows_whether_it_has_weights(case):
    assert catalogue.has_weights(case.name) == bool(weights_of(case.build()))


@every_network
def test_options_round_trip_through_json(case):
    network = case.build()
    again = networks.get(type(network).__name__, **json.loads(json.dumps(network.options)))
    assert again.options == network.options
    assert {name: network.options[name] for name in case.options} == case.options
    _assert_equal(_updates(again, case.parameters), _updates(network, case.parameters))


@every_network
def test_an_empty_parameter_changes_nothing_for_the_others(case):
    network = case.build()
    with_empty = _updates(network, {**case.parameters, "empty": case.empty})
    assert all(updates.pop("empty").shape == case.empty for updates in with_empty)
    for ours, alone in zip(with_empty, _updates(network, case.parameters), strict=True):
        for name in alone:
            np.testing.assert_allclose(ours[name], alone[name], rtol=1e-5, atol=1e-7)


@every_network
def test_only_an_empty_parameter(case):
    assert all(updates["empty"].shape == case.empty for updates in _updates(case.build(), {"empty": case.empty}))


@every_network
def test_a_scalar_parameter(case):
    network = case.build()
    if case.takes_scalar:
        assert all(updates["scalar"].shape == () for updates in _updates(network, {"scalar": ()}))
    else:
        with pytest.raises(ValueError, match=r"Received: .*\(\)"):
            network.initial_state({"scalar": tf.zeros([])})


@every_network
def test_zero_gradients_give_finite_updates(case):
    for updates in _updates(case.build(), case.parameters, num_steps=3, gradient_scale=0.0):
        assert all(np.all(np.isfinite(update)) for update in updates.values())


@every_network
def test_huge_gradients_give_no_nan(case):
    for updates in _updates(case.build(), case.parameters, gradient_scale=1e15):
        assert not any(np.any(np.isnan(update)) for update in updates.values())


@every_network
def test_members_side_by_side_are_the_network_at_their_weights(case):
    """Of a population, in native code where the network has some; of the classics, which have no weights, by rate."""
    network = case.build()
    variables = list(network.trainable_variables) or [network.learning_rate]
    weights = [tf.stack([v * 1.0, v * 0.5 + 0.1]) for v in variables]
    observations = [[_observation(network, case.parameters, 2 * i + step) for i in range(2)] for step in range(2)]
    stacked = [_stacked(of_step) for of_step in observations]
    state = network.initial_state(observations[0][0].gradients)
    members = Members(Run((), (), tf.constant(0), {}, ()), {}, variables, weights)
    assigned = AssignedNetworks({"net": network})
    both = members_network(assigned, members, stacked[0].gradients, native_for(assigned))
    side_by_side, updates = tf.function(both.step, autograph=False), []
    now = both.enter({"net": _stacked([state, state])})
    for observation in stacked:
        update, now = side_by_side(observation, now)
        updates.append(update)
    end = both.leave(now, {"net": _stacked([state, state])})
    for i in range(2):
        for variable, values in zip(variables, weights):
            variable.assign(values[i])
        now = state
        for step in range(2):
            wanted, now = network(observations[step][i], now)
            for name in case.parameters:
                np.testing.assert_allclose(updates[step][name][i], wanted[name], rtol=1e-4, atol=1e-6)
        for ours, theirs in zip(tf.nest.flatten(end["net"]), tf.nest.flatten(now), strict=True):
            np.testing.assert_allclose(ours[i], theirs, rtol=1e-4, atol=1e-6)


def _stacked(nests):
    return tf.nest.map_structure(lambda *own: tf.stack(own), *nests)


@every_network
def test_a_network_that_says_coordinatewise_is(case):
    """The update of a coordinate stays the same when the coordinates around it change places."""
    network = case.build()
    if not network.coordinatewise:
        pytest.skip(f"{case.name} is not coordinatewise")
    order = np.array([3, 0, 2, 1])
    gradients = np.random.default_rng(0).normal(size=[2, 4]).astype(np.float32)
    parameters = {"x": tf.zeros([4])}
    state, permuted_state = network.initial_state(parameters), network.initial_state(parameters)
    for gradient in gradients:
        updates, state = network(Observation({"x": tf.constant(gradient)}), state)
        permuted, permuted_state = network(Observation({"x": tf.constant(gradient[order])}), permuted_state)
        np.testing.assert_allclose(permuted["x"], updates["x"].numpy()[order], rtol=1e-5)


@pytest.mark.parametrize("case", [pytest.param(case, id=key) for key, case in CASES.items() if case.xla])
def test_compiles_under_xla(case):
    network = case.build()
    compiled = _updates(network, case.parameters, call=tf.function(network.__call__, jit_compile=True))
    for ours, eager in zip(compiled, _updates(network, case.parameters), strict=True):
        for name in eager:
            np.testing.assert_allclose(ours[name], eager[name], rtol=1e-4, atol=1e-6)


@every_network
def test_it_is_made_within_a_function_as_outside(case):
    """Variables, and what is computed of them, are no part of the graph: a second trace makes another network."""
    made = []

    @tf.function
    def make(x):
        made.append(case.build())
        return x + 1

    with tf.GradientTape():
        make(tf.constant(1))
        make(tf.constant(1.0))
    outside = case.build()
    for network in made:
        assert network.options == outside.options
        weights = weights_of(outside)
        assert weights.keys() == weights_of(network).keys()
        for name, value in weights_of(network).items():
            np.testing.assert_array_equal(value, weights[name])
    observation = _observation(outside, case.parameters)
    state = outside.initial_state(observation.gradients)
    for ours, theirs in zip(outside(observation, state)[0].values(), made[1](observation, state)[0].values()):
        np.testing.assert_array_equal(ours, theirs)
