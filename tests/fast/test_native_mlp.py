"""Rules with an MLP on each coordinate in native code, against the networks themselves."""

import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import networks
from l2l_tf.deployment.whole import Whole
from l2l_tf.fast import native
from l2l_tf.fast.native.coordinate_mlp import NativeStep, applies
from l2l_tf.networks import Observation, mlp_layers

SHAPES = {
    "kernel": (21, 32),
    "bias": (32,),
    "narrow": (32, 10),
    "scalar": (),
    "image": (3, 3, 2, 5),
    "column": (70, 1),
    "row": (1, 9),
    "nothing": (0, 3),
    "wide": (2, 150),
}
RULES = [
    ("PerParameterMLP", {}),
    ("PerParameterMLP", {"layers": [5, 7], "decays": [0.9], "trained_steps": 3}),
    ("AdafactorMLP", {}),
    ("AdafactorMLP", {"layers": [32, 32], "decays": [0.5, 0.99], "second_moment_decay": 0.95}),
    ("AdafactorMLP", {"layers": [8, 8], "magnitude_scale": 0.1, "scale": 0.3}),
    ("ControlledMLP", {}),
    ("ControlledMLP", {"layers": [4], "control_layers": [5, 3], "decays": [0.9, 0.99], "trained_steps": 2}),
    ("ControlledMLP", {"told": True, "memory": 0.02}),
]


@pytest.fixture(name="operations")
def _operations():
    operations = native.operations()
    if operations is None:
        pytest.skip("there is no C++ compiler here")
    return operations


@pytest.fixture(name="readable", autouse=True)
def _readable(monkeypatch):
    """Large tensors go through the readable code too, which XLA need not compile."""
    monkeypatch.setattr(mlp_layers, "COMPILED_FROM", 2**40)


def _network(random, name, **options):
    """With weights that make use of every feature."""
    network = networks.get(name, **options)
    for variable in network.trainable_variables:
        variable.assign_add(_draw(random, variable.shape, 0.3))
    return network


def _draw(random, shape, scale=1.0):
    return tf.constant(np.asarray(random.normal(size=shape, scale=scale), np.float32))


def _observation(random, shapes, step, scale=0.1):
    gradients = {name: _draw(random, shape, scale) for name, shape in shapes.items()}
    parameters = {name: _draw(random, shape) for name, shape in shapes.items()}
    return Observation(gradients, parameters, (), step, length=900.0 + step)


def _assert_close(actual, expected, tolerance=1e-5):
    tf.nest.assert_same_structure(actual, expected)
    for got, wanted in zip(tf.nest.flatten(actual), tf.nest.flatten(expected)):
        assert got.shape == wanted.shape
        if tf.size(wanted):
            np.testing.assert_allclose(got, wanted, atol=tolerance * float(tf.reduce_max(tf.abs(wanted))) + 1e-30)


@pytest.mark.parametrize(("name", "options"), RULES, ids=str)
def test_steps_are_those_of_the_network(operations, name, options):
    random = np.random.default_rng(0)
    network = _network(random, name, **options)
    step = NativeStep(network, operations)
    state = expected_state = network.initial_state({name: tf.zeros(shape) for name, shape in SHAPES.items()})
    for t in (0.0, 1.0, 700.0):
        observation = _observation(random, SHAPES, tf.constant(t), scale=10**-t if t < 3 else 1e-6)
        expected, expected_state = network(observation, expected_state)
        updates, state, unusable = step(observation, state)
        _assert_close(updates, expected)
        _assert_close(state, expected_state)
        assert unusable == 0
        assert all(float(tf.reduce_max(tf.abs(u))) > 0 for u in updates.values() if tf.size(u))


@pytest.mark.parametrize("name", ["PerParameterMLP", "AdafactorMLP", "ControlledMLP"])
def test_members_are_runs_of_their_own(operations, name):
    """With weights, parameters, gradients, states and steps of their own; each to the last bit as if it were alone."""
    random, members = np.random.default_rng(1), 5
    shapes = {key: SHAPES[key] for key in ("kernel", "bias", "scalar", "image", "nothing")}
    networks_of_members = [_network(random, name) for _ in range(members)]
    step = NativeStep(networks_of_members[0], operations)
    weights = [tf.stack(own) for own in zip(*(network.trainable_variables for network in networks_of_members))]
    states = [network.initial_state({key: tf.zeros(s) for key, s in shapes.items()}) for network in networks_of_members]
    state = tf.nest.map_structure(lambda *own: tf.stack(own), *states)
    for t in (0.0, 5.0):
        observations = [_observation(random, shapes, tf.constant(t + m)) for m in range(members)]
        observation = tf.nest.map_structure(lambda *own: tf.stack(own), *observations)
        updates, state, _ = step(observation, state, weights, members)
        for m, network in enumerate(networks_of_members):
            expected, _ = network(observations[m], states[m])
            own_updates, states[m], _ = NativeStep(network, operations)(observations[m], states[m])
            member = tf.nest.map_structure(lambda tensor, m=m: tensor[m], (updates, state))
            if name == "ControlledMLP":  # Sizes are products of all members' at once.
                _assert_close(member, (own_updates, states[m]))
            else:
                tf.nest.map_structure(np.testing.assert_array_equal, member, (own_updates, states[m]))
            _assert_close(own_updates, expected)


def test_members_of_one_network(operations):
    """Without weights all have those of the network, and one step."""
    random = np.random.default_rng(2)
    network = _network(random, "AdafactorMLP")
    shapes = {"x": (4, 3), "y": (3,)}
    state = network.initial_state({key: tf.zeros(shape) for key, shape in shapes.items()})
    observations = [_observation(random, shapes, tf.constant(2.0)) for _ in range(3)]
    gradients, parameters = (
        tf.nest.map_structure(lambda *own: tf.stack(own), *(getattr(o, field) for o in observations))
        for field in ("gradients", "parameters")
    )
    stacked = tf.nest.map_structure(lambda h: tf.repeat(h[None], 3, 0), state)
    updates, *_ = NativeStep(network, operations)(
        Observation(gradients, parameters, (), tf.constant(2.0)), stacked, members=3
    )
    for m, observation in enumerate(observations):
        _assert_close({key: update[m] for key, update in updates.items()}, network(observation, state)[0])


@pytest.mark.parametrize(("name", "options"), RULES[1:4], ids=str)
def test_the_way_back_is_that_of_a_tape(operations, name, options):
    """From the cotangents of updates and next slots to those of weights, gradients, parameters and slots."""
    random = np.random.default_rng(8)
    network = _network(random, name, **options)
    shapes = {key: SHAPES[key] for key in ("kernel", "bias", "image", "column", "nothing", "wide")}
    state = network.initial_state({key: tf.zeros(shape) for key, shape in shapes.items()})
    _, state = network(_observation(random, shapes, tf.constant(0.0)), state)
    observation = _observation(random, shapes, tf.constant(1.0))
    update_cotangents = {key: _draw(random, shape) for key, shape in shapes.items()}
    state_cotangents = tf.nest.map_structure(lambda h: _draw(random, h.shape), state)
    watched = (list(network.trainable_variables), observation, state)
    with tf.GradientTape() as tape:
        tape.watch(watched)
        outputs = network(observation, state)
    expected = list(
        tape.gradient(
            outputs,
            watched,
            output_gradients=(update_cotangents, state_cotangents),
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
    )
    step = NativeStep(network, operations)
    actual = step.backward(observation, state, update_cotangents, state_cotangents)
    assert actual[1].step == 0
    _assert_close(actual[0], expected[0], tolerance=4e-5)
    _assert_close(actual[1].gradients, expected[1].gradients, tolerance=4e-5)
    _assert_close(actual[1].parameters, expected[1].parameters, tolerance=4e-5)
    for slot, of_slot in expected[2].items():  # a tensor of one number may be a small difference of large ones
        for got, wanted in zip(actual[2][slot], of_slot):
            _assert_close(_joined(got), _joined(wanted), tolerance=4e-5)
    assert all(float(tf.reduce_max(tf.abs(back))) > 0 for back in actual[1].gradients.values() if tf.size(back))
    _assert_close(step.weight_gradients(observation, state, update_cotangents), expected[0], tolerance=4e-5)


def _joined(tensors):
    return tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors.values()], 0)


def test_a_scalar_s_way_back(operations):
    """Its features are the same numbers whatever its size: cotangents that are small differences."""
    random = np.random.default_rng(9)
    network = _network(random, "AdafactorMLP")
    state = network.initial_state({"x": tf.zeros([])})
    observation = _observation(random, {"x": ()}, tf.constant(1.0))
    watched = (list(network.trainable_variables), observation, state)
    with tf.GradientTape() as tape:
        tape.watch(watched)
        outputs = network(observation, state)
    cotangents = ({"x": tf.constant(2.0)}, tf.nest.map_structure(tf.zeros_like, state))
    expected = tape.gradient(outputs, watched, cotangents, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    actual = NativeStep(network, operations).backward(observation, state, *cotangents)
    _assert_close(actual[0], expected[0], tolerance=4e-5)
    for field in ("gradients", "parameters"):
        np.testing.assert_allclose(getattr(actual[1], field)["x"], getattr(expected[1], field)["x"], atol=4e-5)


def test_gradients_of_steps_side_by_side_add_up(operations):
    random, num_steps = np.random.default_rng(10), 40
    network = _network(random, "AdafactorMLP")
    shapes = {"x": (4, 5), "y": (3,)}
    state = network.initial_state({key: tf.zeros(shape) for key, shape in shapes.items()})
    step = NativeStep(network, operations)
    observations, states, cotangents, total = [], [], [], None
    for t in range(num_steps):
        observations.append(_observation(random, shapes, tf.constant(float(t))))
        states.append(state)
        cotangents.append({key: _draw(random, shape) for key, shape in shapes.items()})
        own = step.weight_gradients(observations[-1], state, cotangents[-1])
        total = own if total is None else [left + right for left, right in zip(total, own)]
        _, state, _ = step(observations[-1], state)
    stacked = (tf.nest.map_structure(lambda *own: tf.stack(own), *each) for each in (observations, states, cotangents))
    _assert_close(step.weight_gradients(*stacked, rows=True), total)


@pytest.mark.parametrize("name", ["PerParameterMLP", "AdafactorMLP"])
def test_functions_of_a_batch(operations, name):
    random = np.random.default_rng(3)
    network = _network(random, name, function_axis=0)
    shapes = {"x": (4, 3, 5), "y": (4, 6), "z": (4,)}
    state = network.initial_state({key: tf.zeros(shape) for key, shape in shapes.items()})
    observation = _observation(random, shapes, tf.constant(3.0))
    step = NativeStep(network, operations)
    updates, next_state, _ = step(observation, state)
    _assert_close((updates, next_state), network(observation, state))

    doubled = tf.nest.map_structure(lambda tensor: tf.stack([tensor, 2 * tensor]), (observation, state))
    weights = [tf.stack([variable, variable]) for variable in network.trainable_variables]
    of_members, *_ = step(*doubled, weights, 2)
    tf.nest.map_structure(np.testing.assert_array_equal, {key: u[0] for key, u in of_members.items()}, updates)


@pytest.mark.parametrize("name", ["PerParameterMLP", "AdafactorMLP"])
def test_large_tensors_are_dealt_to_threads(operations, name):
    """In blocks that are the same however many threads there are."""
    random = np.random.default_rng(4)
    network = _network(random, name, decays=[0.9, 0.999])
    shapes = {"matrix": (301, 170), "vector": (40_001,), "images": (2, 150, 130), "small": (7,), "wide": (2, 20_000)}
    state = network.initial_state({key: tf.zeros(shape) for key, shape in shapes.items()})
    observation = _observation(random, shapes, tf.constant(3.0))
    step = NativeStep(network, operations)
    results = []
    for threads in (1, 2, 5):
        step._attributes["threads"] = threads
        results.append(step(observation, state)[:2])
    _assert_close(results[0], network(observation, state))
    for result in results[1:]:
        tf.nest.map_structure(np.testing.assert_array_equal, result, results[0])


@pytest.mark.parametrize("name", ["PerParameterMLP", "AdafactorMLP"])
def test_gradients_that_are_not_usable(operations, name):
    """Masked: no update, slots stay, and all else as of a gradient of 0."""
    random = np.random.default_rng(5)
    network = _network(random, name)
    shapes = {"x": (5, 30), "y": (3,)}
    state = network.initial_state({key: tf.zeros(shape) for key, shape in shapes.items()})
    step, whole = NativeStep(network, operations, masked=True, waits=True), Whole(network, _specs(shapes))
    observation = _observation(random, shapes, tf.constant(0.0))
    _, state, unusable = step(observation, state)
    assert unusable == 0
    x = observation.gradients["x"].numpy()
    x[0, 3], x[1, 29], x[4, 0], x[4, 1] = np.nan, np.inf, -np.inf, -2e15
    broken = observation._replace(gradients={"x": tf.constant(x), "y": tf.constant([1.0, np.nan, 2.0])})
    updates, next_state, unusable = step(broken, state)
    expected, expected_state = whole(broken, tf.nest.flatten(state))
    assert unusable == 5
    _assert_close((updates, next_state), (expected, tf.nest.pack_sequence_as(next_state, expected_state)))
    assert all(updates["x"][place] == 0 for place in ((0, 3), (1, 29), (4, 0), (4, 1)))


def _specs(shapes):
    return {name: tf.TensorSpec(shape, tf.float32) for name, shape in shapes.items()}


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["PerParameterMLP", "AdafactorMLP"])
def test_a_gradient_that_is_not_finite_is_not_hidden(operations, name, bad):
    """Unmasked: the tensor's updates are NaN, as the network's are, and those of others are not."""
    random = np.random.default_rng(6)
    network = _network(random, name)
    shapes = {"x": (3, 30), "y": (8,)}
    state = network.initial_state({key: tf.zeros(shape) for key, shape in shapes.items()})
    observation = _observation(random, shapes, tf.constant(0.0))
    y = observation.gradients["y"].numpy()
    y[2] = bad
    broken = observation._replace(gradients={**observation.gradients, "y": tf.constant(y)})
    updates, next_state, unusable = NativeStep(network, operations)(broken, state)
    expected, _ = network(broken, state)
    assert unusable == 0
    assert np.isnan(updates["y"]).all() == np.isnan(expected["y"]).all()
    assert np.isnan(updates["y"]).any()
    _assert_close(updates["x"], expected["x"])
    assert not np.isfinite(next_state["first_moments"][0]["y"][2])


@pytest.mark.parametrize("name", ["PerParameterMLP", "AdafactorMLP"])
def test_a_parameter_that_is_not_usable_is_seen_as_0(operations, name):
    random = np.random.default_rng(11)
    network = _network(random, name)
    state = network.initial_state({"x": tf.zeros([3, 30])})
    observation = _observation(random, {"x": (3, 30)}, tf.constant(0.0))
    x = observation.parameters["x"].numpy()
    x[0, 3], x[1, 7], x[2, 29] = np.nan, np.inf, -2e15
    observation = observation._replace(parameters={"x": tf.constant(x)})
    step = NativeStep(network, operations)
    updates, next_state, _ = step(observation, state)
    assert np.isfinite(updates["x"]).all()
    _assert_close((updates, next_state), network(observation, state))
    cotangents = ({"x": tf.ones([3, 30])}, tf.nest.map_structure(tf.zeros_like, state))
    _, observed, _ = step.backward(observation, state, *cotangents)
    assert [observed.parameters["x"][place] for place in ((0, 3), (1, 7), (2, 29))] == [0, 0, 0]
    assert np.abs(observed.parameters["x"]).max() > 0


def test_a_state_that_somebody_keeps_does_not_change(operations):
    """Slots take the memory of those before only where nobody else has it."""
    random = np.random.default_rng(7)
    network = _network(random, "AdafactorMLP")
    shapes = {"x": (40, 30), "y": (9,)}
    start = network.initial_state({key: tf.zeros(shape) for key, shape in shapes.items()})
    observation = _observation(random, shapes, tf.constant(0.0))
    step = NativeStep(network, operations)

    @tf.function
    def two_steps(state):
        _, once, _ = step(observation, state)
        _, twice, _ = step(observation, once)
        return once, twice

    once, twice = two_steps(start)
    tf.nest.map_structure(lambda h: np.testing.assert_array_equal(h, 0), start)
    tf.nest.map_structure(np.testing.assert_array_equal, once, step(observation, start)[1])
    tf.nest.map_structure(np.testing.assert_array_equal, twice, step(observation, once)[1])


def test_what_has_native_code():
    class Own(type(networks.get("PerParameterMLP"))):
        """A user's own."""

    assert applies(networks.get("AdafactorMLP"))
    assert not applies(networks.get("AdafactorMLP", dtype="float64"))
    assert not applies(networks.get("HierarchicalLSTM"))
    assert not applies(Own())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"parameters": [tf.zeros([3, 2])]}, "parameters have the shapes"),
        ({"slots": [tf.zeros([2, 3])]}, "slots are those"),
        ({"slots": [tf.zeros([2, 3]), tf.zeros([2, 2])]}, "slots have the sizes"),
        ({"decays": []}, "decays are one or more"),
        ({"decays": [0.9, 0.99]}, "decays are one or more"),
        ({"weights": [tf.zeros([6, 4]), tf.zeros([4])]}, "two or more layers"),
        ({"weights": [tf.zeros([6, 4]), tf.zeros([4]), tf.zeros([4, 2]), tf.zeros([2])]}, "weights of a layer are"),
        ({"weights": [tf.zeros([7, 4]), tf.zeros([4]), tf.zeros([4, 3]), tf.zeros([3])]}, "last layer has two"),
        (
            {"weights": [tf.zeros([3, 7, 4]), tf.zeros([3, 4]), tf.zeros([3, 4, 2]), tf.zeros([3, 2])]},
            "members divide rows",
        ),
        ({"shared": tf.zeros([2, 1, 1])}, "what is shared is"),
        ({"magnitudes": tf.zeros([1, 2])}, "what is shared is"),
        ({"shared": tf.zeros([1, 1])}, "what is shared is"),
        ({"lead": 3}, "leading axes"),
        ({"normalized": True}, "normalised where factored"),
    ],
    ids=str,
)
def test_arguments_that_do_not_fit(operations, changed, message):
    arguments = {
        "shared": tf.zeros([1, 1, 1]),
        "magnitudes": tf.zeros([1, 1]),
        "weights": [tf.zeros([7, 4]), tf.zeros([4]), tf.zeros([4, 2]), tf.zeros([2])],
        "gradients": [tf.zeros([2, 3])],
        "parameters": [tf.zeros([2, 3])],
        "slots": [tf.zeros([2, 3]), tf.zeros([2, 3])],
        "factored": False,
        "decays": [0.9],
        "complements": [0.1],
        "scale": 1.0,
        "magnitude_scale": 1.0,
        "normalized": False,
        "masked": False,
        "waits": False,
        "lead": 0,
        "threads": 1,
    }
    operations.l2l_mlp_forward(**arguments)
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        operations.l2l_mlp_forward(**(arguments | changed))
