"""LearnedOptimizer in `fit` and in custom loops: the function of meta-training, under every way to run a model."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import LearnedOptimizer, networks
from l2l_tf.networks import Observation
from l2l_tf.networks.network import Network
from l2l_tf.saving import saved_optimizer
from l2l_tf.unrolling.coordinates import AssignedNetworks
from tests.deployment.keras_models import LOG_AND_SIGN, LOSS, X, Y, fit, reference_fit, small_lstm, small_model


def _apply(optimizer, variables, gradients):
    optimizer.apply([None if g is None else tf.convert_to_tensor(g, tf.float32) for g in gradients], variables)


def _gradients(step, shapes, scale=1.0):
    generator = np.random.default_rng(step)
    return {name: (generator.normal(size=shape) * scale).astype(np.float32) for name, shape in shapes.items()}


SHAPES = {"kernel": (3, 2), "bias": (2,), "scalar": ()}

RULES = {
    "CoordinateWiseDeepLSTM": lambda: small_lstm(),
    "CoordinateWiseDeepLSTM-float64": lambda: small_lstm(dtype="float64"),
    "CoordinateWiseDeepLSTM-linear": lambda: small_lstm(layers=[]),
    "GlobalAveragingLSTM": lambda: networks.get("GlobalAveragingLSTM", layers=[4], global_cells=2, **LOG_AND_SIGN),
    "RNNProp": lambda: networks.get("RNNProp", layers=[4]),
    "NtmLBfgs": lambda: networks.get("NtmLBfgs", layers=[6], history=2),
    "Sgd": lambda: networks.get("Sgd"),
    "Momentum": lambda: networks.get("Momentum"),
    "Nesterov": lambda: networks.get("Nesterov"),
    "RMSProp": lambda: networks.get("RMSProp"),
    "Adam": lambda: networks.get("Adam"),
}


@pytest.mark.parametrize("rule", RULES)
def test_fifty_steps_are_those_of_the_network(rule):
    """theta after each step against `network(observation, state)` on the same gradients."""
    network = RULES[rule]()
    optimizer = LearnedOptimizer(network)
    variables = [keras.Variable(np.ones(shape, np.float32), name=name) for name, shape in SHAPES.items()]
    apply = tf.function(lambda gradients: optimizer.apply(gradients, variables))
    optimizer.build(variables)
    expected = {name: np.ones(shape, np.float32) for name, shape in SHAPES.items()}
    state = network.initial_state({name: tf.constant(value) for name, value in expected.items()})
    call = tf.function(network.__call__)
    for step in range(50):
        gradients = {name: tf.constant(g) for name, g in _gradients(step, SHAPES, 10.0 ** -(step % 5)).items()}
        updates, state = call(Observation(gradients), state)
        expected = {name: value + updates[name].numpy() for name, value in expected.items()}
        apply(list(gradients.values()))
        for variable, value in zip(variables, expected.values()):
            np.testing.assert_allclose(variable.numpy(), value, atol=1e-6, rtol=1e-6)
    assert any(np.any(value != 1) for value in expected.values())
    assert optimizer.iterations.numpy() == 50


def test_kernels_and_the_rest_by_assignment():
    kernels = networks.get("KernelDeepLSTM", kernel_shape=[3, 3], layers=[4], **LOG_AND_SIGN)
    both = AssignedNetworks({"conv": kernels, "rest": small_lstm()}, [("conv", ["no"]), ("rest", ["such"])])
    optimizer = LearnedOptimizer(both, net_assignments=[("conv", ["*kernel"]), ("rest", ["*bias", "*gamma"])])
    shapes = {"kernel": (3, 3, 2, 4), "bias": (4,), "gamma": (4,)}
    variables = [keras.Variable(np.zeros(shape, np.float32), name=name) for name, shape in shapes.items()]
    assigned = AssignedNetworks(both.networks, [("conv", ["kernel"]), ("rest", ["bias", "gamma"])])
    state = assigned.initial_state({name: tf.zeros(shape) for name, shape in shapes.items()})
    expected = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    for step in range(3):
        gradients = _gradients(step, shapes)
        _apply(optimizer, variables, gradients.values())
        observation = Observation({name: tf.constant(g) for name, g in gradients.items()})
        updates, state = assigned(observation, state)
        for variable, name in zip(variables, shapes):
            expected[name] += updates[name].numpy()
            np.testing.assert_allclose(variable.numpy(), expected[name], atol=1e-6, rtol=1e-6)


def test_a_saved_folder_and_its_assignments(tmp_path):
    """The patterns of a folder with one network are its problem's; with several they must fit or be replaced."""
    saved_optimizer.save(AssignedNetworks({"cw": small_lstm()}, [("cw", ["w_of_the_problem"])]), tmp_path / "one")
    ours, _ = fit(LearnedOptimizer(str(tmp_path / "one")))
    assert ours == fit(LearnedOptimizer(small_lstm()))[0]

    several = AssignedNetworks({"a": small_lstm(), "b": small_lstm(seed=2)}, [("a", ["conv/*"]), ("b", ["fc/*"])])
    saved_optimizer.save(several, tmp_path / "two")
    with pytest.raises(ValueError, match=r"gives 'a' the parameter 'conv/\*', which fits none"):
        fit(LearnedOptimizer(tmp_path / "two"))
    fit(LearnedOptimizer(tmp_path / "two", net_assignments=[("a", ["*/kernel"]), ("b", ["*/bias"])]))


def test_a_variable_without_a_network_is_left_alone_with_a_warning():
    optimizer = LearnedOptimizer(AssignedNetworks({"a": small_lstm()}, [("a", ["*kernel"])]))
    model = small_model()
    before = model.get_weights()
    with pytest.warns(UserWarning, match=r"No network owns \['sequential.*bias', 'sequential.*bias'\]"):
        fit(optimizer, model)
    after = model.get_weights()
    assert [np.array_equal(a, b) for a, b in zip(before, after)] == [False, True, False, True]


class Observer(Network):
    """u = -theta / (step + 2), to see what a rule is told."""

    observes = frozenset({"gradients", "parameters", "step"})

    def __init__(self, observes=observes):
        super().__init__({})
        self.observes = frozenset(observes)

    def initial_state(self, parameters):
        return ()

    def __call__(self, observation, state):
        return {name: -p / (observation.step + 2) for name, p in observation.parameters.items()}, state


def test_parameters_and_the_step_are_observed():
    variable = keras.Variable(np.array([6.0, -3.0], np.float32))
    optimizer = LearnedOptimizer(Observer(), learning_rate=0.5)
    expected = np.array([6.0, -3.0])
    for step in range(4):
        _apply(optimizer, [variable], [np.zeros(2)])
        expected = expected - 0.5 * expected / (step + 2)
        np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("field", ["loss", "validation_loss"])
def test_a_rule_that_observes_the_loss_is_refused_at_once(field):
    with pytest.raises(ValueError, match=f"not the {field}, which the network 'network' observes.*MetaOptimizer"):
        LearnedOptimizer(Observer({"gradients", field}))


# Ways to run a model.


@pytest.mark.parametrize(
    "options",
    [{"run_eagerly": True}, {"steps_per_execution": 2}, {"jit_compile": True}, {"jit_compile": False}],
    ids=lambda options: "-".join(options),
)
def test_every_way_to_run_gives_the_same_losses(options):
    losses, model = fit(LearnedOptimizer(small_lstm()), epochs=2, **options)
    reference, weights = reference_fit()
    np.testing.assert_allclose(losses, reference, rtol=1e-5)
    for ours, theirs in zip(model.get_weights(), weights):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("in_function", [True, False])
def test_a_custom_loop(in_function):
    model, optimizer = small_model(), LearnedOptimizer(small_lstm())

    def step(x, y):
        with tf.GradientTape() as tape:
            loss = LOSS(y, model(x))
        optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables))

    step = tf.function(step) if in_function else step
    for i in range(0, 64, 8):
        step(tf.constant(X[i % 32 : i % 32 + 8]), tf.constant(Y[i % 32 : i % 32 + 8]))
    for ours, theirs in zip(model.get_weights(), reference_fit()[1]):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    if in_function:
        assert step.experimental_get_tracing_count() <= 2  # the first traces again, without making variables


def test_raw_tensorflow_variables_of_one_name():
    variables = [tf.Variable([1.0, 2.0]), tf.Variable(3.0)]
    optimizer = LearnedOptimizer(networks.get("Sgd", learning_rate=0.5))
    _apply(optimizer, variables, [[1.0, 1.0], 2.0])
    np.testing.assert_allclose(variables[0], [0.5, 1.5])
    np.testing.assert_allclose(variables[1], 2.0)


# The learning rate and Keras's options: against the same options of a Keras optimizer, through Sgd.


@pytest.mark.parametrize("rate", [1, 1.0, np.float32(1), keras.optimizers.schedules.ExponentialDecay(1.0, 10**9, 1.0)])
def test_learning_rates_of_any_kind(rate):
    losses, _ = fit(LearnedOptimizer(small_lstm(), learning_rate=rate), epochs=2)
    np.testing.assert_allclose(losses, reference_fit()[0], rtol=1e-6)


def test_the_learning_rate_multiplies_the_update():
    network = small_lstm()
    steps = []
    for rate in (0.0, 1, 2):
        variable = keras.Variable(np.zeros(3, np.float32))
        _apply(LearnedOptimizer(network, learning_rate=rate), [variable], [np.ones(3)])
        steps.append(variable.numpy())
    np.testing.assert_array_equal(steps[0], 0)
    np.testing.assert_allclose(steps[2], 2 * steps[1], rtol=1e-6)
    assert np.all(steps[1] != 0)


def test_a_callback_can_change_the_learning_rate():
    optimizer = LearnedOptimizer(small_lstm())
    optimizer.learning_rate = 0
    model = small_model()
    before = model.get_weights()
    fit(optimizer, model)
    for ours, theirs in zip(model.get_weights(), before):
        np.testing.assert_array_equal(ours, theirs)


KERAS_OPTIONS = {
    "weight_decay": {"weight_decay": 0.01},
    "clipnorm": {"clipnorm": 0.1},
    "global_clipnorm": {"global_clipnorm": 0.1},
    "clipvalue": {"clipvalue": 0.01},
    "use_ema": {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2},
    "loss_scale_factor": {"loss_scale_factor": 64.0},
    "gradient_accumulation_steps": {"gradient_accumulation_steps": 2},
}


@pytest.mark.parametrize("options", KERAS_OPTIONS.values(), ids=KERAS_OPTIONS.keys())
def test_options_mean_what_they_mean_in_keras(options):
    """One Keras SGD step is learning_rate g; ours is 0.5 times Sgd(1)'s update. Weight decay included.

    Keras's runs op by op, which takes less time than compiling it.
    """
    theirs = keras.optimizers.SGD(0.5, **options)
    ours = LearnedOptimizer(networks.get("Sgd", learning_rate=1.0), learning_rate=0.5, **options)
    their_losses, their_model = fit(theirs, epochs=2, run_eagerly=True)
    our_losses, our_model = fit(ours, epochs=2)
    np.testing.assert_allclose(our_losses, their_losses, rtol=1e-5)
    for our_weight, their_weight in zip(our_model.get_weights(), their_model.get_weights()):
        np.testing.assert_allclose(our_weight, their_weight, atol=1e-6)


def test_the_state_moves_once_for_accumulated_gradients():
    network = small_lstm()
    accumulating, variable = LearnedOptimizer(network, gradient_accumulation_steps=2), keras.Variable([0.0, 0.0])
    plain, other = LearnedOptimizer(network), keras.Variable([0.0, 0.0])
    for step in range(3):
        first, second = _gradients(step, {"a": (2,), "b": (2,)}).values()
        _apply(accumulating, [variable], [first])
        _apply(accumulating, [variable], [second])
        _apply(plain, [other], [(first + second) / 2])
        np.testing.assert_allclose(variable.numpy(), other.numpy(), rtol=1e-5)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Of ReduceLROnPlateau.
def test_keras_callbacks_for_the_learning_rate():
    model, optimizer = small_model(), LearnedOptimizer(small_lstm())
    model.compile(optimizer, LOSS)
    # A loss that never falls by 10: the rate is halved after every epoch.
    plateau = keras.callbacks.ReduceLROnPlateau(monitor="loss", factor=0.5, patience=1, min_delta=10.0)
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.1 * rate if epoch == 3 else rate)
    model.fit(X, Y, epochs=4, callbacks=[plateau, schedule], verbose=0)
    assert float(optimizer.learning_rate) == pytest.approx(0.1 * 0.5**3)
