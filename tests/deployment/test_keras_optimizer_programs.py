"""Programs of the kinds that Keras's site teaches with, under LearnedOptimizer: copies, parts, odd variables."""

import copy
import json
import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import LearnedOptimizer, networks
from tests.deployment.keras_models import LOSS, X, Y, small_lstm, small_model

pytestmark = pytest.mark.filterwarnings(  # Keras 3.15 with NumPy 2, when it reads variables to save them
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)


def _trained():
    model = small_model()
    model.compile(LearnedOptimizer(small_lstm()), LOSS, run_eagerly=True)
    model.train_on_batch(X, Y)
    return model


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"])
def test_a_copied_model_goes_on_bit_for_bit(copied):
    model = _trained()
    other = copied(model)
    for each in (model, other):
        each.train_on_batch(X, Y)
    for ours, theirs in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert int(other.optimizer.iterations) == 2


def test_a_model_of_its_compile_configuration():
    model = _trained()
    other = small_model()
    other.compile_from_config(json.loads(json.dumps(model.get_compile_config())))
    other.run_eagerly = True
    other.train_on_batch(X, Y)  # The first step: the configuration holds the rule and no state.
    for ours, theirs in zip(other.get_weights(), _trained().get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7)


def test_two_optimizers_in_a_training_step():
    """As a GAN has them: each counts its own steps, and moves its own half as it would alone."""
    halves = [[keras.Variable([1.0, -1.0]), keras.Variable(2.0)], [keras.Variable([0.5])]]
    alone = [[keras.Variable(v.numpy()) for v in half] for half in halves]
    optimizers, others = ([LearnedOptimizer(small_lstm()) for _ in range(2)] for _ in range(2))

    def loss(of):
        return tf.reduce_sum(of[0][0] ** 2) * of[0][1] - tf.reduce_sum(of[1][0] ** 3)

    def step(which, own, of):
        with tf.GradientTape() as tape:
            value = loss(of)
        own.apply(tape.gradient(value, [v.value for v in of[which]]), of[which])

    both = tf.function(lambda: [step(i, optimizers[i], halves) for i in (0, 1)] and None)
    for optimizer, half in zip(optimizers, halves):
        optimizer.build(half)
    for _ in range(3):
        both()
        for i in (0, 1):
            step(i, others[i], alone)
    for ours, theirs in zip([*halves[0], *halves[1]], [*alone[0], *alone[1]]):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5)
    assert [int(optimizer.iterations) for optimizer in optimizers] == [3, 3]


@pytest.mark.parametrize("rule", [small_lstm, lambda: networks.get("Adam"), lambda: networks.get("AdafactorMLP")])
def test_integers_among_the_variables_stay(rule):
    """A counter that nobody marked as not trainable has no gradient: Keras warns, and the others are trained."""
    variables = [keras.Variable([1.0, 2.0]), keras.Variable([7, 8], dtype="int32"), keras.Variable(True, dtype="bool")]
    optimizer = LearnedOptimizer(rule())
    for _ in range(2):
        with pytest.warns(UserWarning, match="Gradients do not exist"):
            optimizer.apply([tf.ones(2), None, None], variables)
    np.testing.assert_array_equal(variables[1].numpy(), [7, 8])
    assert variables[2].numpy() and np.all(variables[0].numpy() != [1, 2])
    assert int(optimizer.nonfinite_gradients) == 0


@pytest.mark.parametrize("rule", [small_lstm, lambda: networks.get("Adam"), lambda: networks.get("AdafactorMLP")])
def test_variables_without_elements(rule):
    """They are passed over: what is beside them moves as without them."""
    steps = []
    for empty in ([], [keras.Variable(np.zeros((0, 3), np.float32))]):
        variables = [keras.Variable(1.0), *empty]
        LearnedOptimizer(rule()).apply([tf.ones(v.shape) for v in variables], variables)
        steps.append(variables[0].numpy())
    assert steps[0] == steps[1] != 1


def test_weight_decay_is_that_of_adamw():
    """(1 - learning_rate weight_decay) theta + learning_rate u: u does not see the decay, biases can be left out."""
    rates, decay = (0.25, 1.0), 0.125
    for rate in rates:
        kernel, bias = keras.Variable([4.0], name="kernel"), keras.Variable([4.0], name="bias")
        optimizer = LearnedOptimizer(networks.get("Sgd", learning_rate=1.0), learning_rate=rate, weight_decay=decay)
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        optimizer.apply([tf.constant([0.5])] * 2, [kernel, bias])
        np.testing.assert_allclose(kernel.numpy(), (1 - rate * decay) * 4 - rate * 0.5, rtol=1e-6)
        np.testing.assert_allclose(bias.numpy(), 4 - rate * 0.5, rtol=1e-6)


def test_adamws_numbers_in_one():
    """The product of its rate and its weight decay is the weight decay here, at the rate of 1."""
    theirs, ours = keras.Variable([4.0]), keras.Variable([4.0])
    adamw = keras.optimizers.AdamW(1e-2, weight_decay=0.5, epsilon=1e-7)
    optimizer = LearnedOptimizer(networks.get("Adam", learning_rate=1e-2, epsilon=1e-7), weight_decay=1e-2 * 0.5)
    for step in range(5):
        gradient = tf.constant([0.3 * (step - 1)])
        adamw.apply([gradient], [theirs])
        optimizer.apply([gradient], [ours])
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5)


BAD = {
    "weight_decay": (np.nan, np.inf, -0.1, "0.1", True),
    "clipnorm": (np.nan, np.inf, -1.0, "1"),
    "clipvalue": (np.nan, np.inf, -1.0, [1.0]),
    "global_clipnorm": (np.nan, np.inf, -1.0, "1"),
    "loss_scale_factor": (0, np.nan, np.inf, -1.0, "1"),
    "ema_momentum": (np.nan, 1.5, -0.5, "0.5"),
    "gradient_accumulation_steps": (2.5, "2", np.nan, 1, -3),
    "ema_overwrite_frequency": (2.5, "2"),
    "use_ema": ("no", 2),
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_options_of_keras_that_mean_nothing(name, value):
    with pytest.raises(ValueError, match=rf"{name}.*Received: "):
        LearnedOptimizer(networks.get("Sgd"), **{"use_ema": True, name: value})


def test_numpy_numbers_go_into_the_configuration():
    options = {
        "weight_decay": np.float32(0.5),
        "clipnorm": np.int64(2),
        "gradient_accumulation_steps": np.int64(3),
        "use_ema": True,
        "ema_momentum": np.float64(0.25),
        "ema_overwrite_frequency": np.int32(4),
    }
    config = json.loads(json.dumps(LearnedOptimizer(networks.get("Sgd"), **options).get_config()))
    assert {name: config[name] for name in options} == options


def test_a_checkpoint_of_another_optimizer_is_named(tmp_path):
    """Restored before `compile`, it would also set the learning rate to Adam's."""
    source = small_model(seed=1)
    source.compile(keras.optimizers.Adam(), LOSS, run_eagerly=True)
    source.train_on_batch(X, Y)
    path = tf.train.Checkpoint(model=source).save(tmp_path / "checkpoint")

    model = small_model()
    tf.train.Checkpoint(model=model).restore(path).expect_partial()
    model.compile(LearnedOptimizer(small_lstm()), LOSS, run_eagerly=True)
    with pytest.raises(ValueError, match=r"Checkpoint of a model with another optimizer.*set_weights\(\). Received: "):
        model.train_on_batch(X, Y)

    between, model = small_model(), small_model()
    tf.train.Checkpoint(model=between).restore(path).expect_partial()
    model.set_weights(between.get_weights())
    model.compile(LearnedOptimizer(small_lstm()), LOSS, run_eagerly=True)
    for ours, theirs in zip(model.get_weights(), source.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    model.train_on_batch(X, Y)
    assert float(model.optimizer.learning_rate) == 1
