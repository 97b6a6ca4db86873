"""Files that another optimizer wrote, or none, under LearnedOptimizer, and its own under others: as Keras has it."""

import keras
import numpy as np
import pytest

from l2l_tf import LearnedOptimizer, networks
from l2l_tf.deployment import keras_variables
from tests.deployment.keras_models import LOSS, X, Y, small_lstm, small_model

pytestmark = pytest.mark.filterwarnings(  # Keras 3.15 with NumPy 2, when it reads variables to save them
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)


def _model(optimizer, seed=0, fit=True, head=3):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "tanh"), keras.layers.Dense(head)])
    if optimizer is not None:
        model.compile(optimizer, LOSS, run_eagerly=True)
        if fit:
            model.train_on_batch(X[:8], Y[:8])
    return model


def _values(optimizer):
    """Everything that training goes on from."""
    own = [variable.numpy() for variable in optimizer.variables]
    return own + [weight for network in optimizer.network.networks.values() for weight in _weights(network)]


def _weights(network):
    return networks.weights_of(network).values()


def _momentum(**options):
    return networks.get("LearnedMomentum", layers=[4], **options)


# Name to who wrote the file, whether it was trained, whose file it is not, and why.
WRITERS = {
    "Adam": (lambda: keras.optimizers.Adam(), True, small_lstm, "12 variables whereas|4 variables whereas"),
    "Adam, not built": (lambda: keras.optimizers.Adam(), False, small_lstm, "has 4 variables whereas"),
    "none": (lambda: None, False, small_lstm, "saved optimizer has 0 variables"),
    "another rule": (lambda: LearnedOptimizer(networks.get("Adam")), True, small_lstm, "variables whereas"),
    "a rule with another rate": (
        lambda: LearnedOptimizer(_momentum(learning_rate=0.5, seed=2)),
        True,
        lambda: _momentum(learning_rate=0.05),
        "holds the state of another rule",
    ),
    "a rule of another class with such slots": (
        lambda: LearnedOptimizer(networks.get("Momentum")),
        True,
        lambda: networks.get("Nesterov"),
        "holds the state of another rule",
    ),
    "wider layers": (
        lambda: LearnedOptimizer(networks.get("RNNProp", layers=[5])),
        True,
        lambda: networks.get("RNNProp", layers=[4]),
        "holds the weights of another rule",
    ),
}


@pytest.mark.parametrize(
    ("writer", "ending"), [*[(writer, ".weights.h5") for writer in WRITERS], ("Adam", ".keras"), ("none", ".keras")]
)
def test_weights_of_a_model_with_another_optimizer(writer, ending, tmp_path):
    """The model's weights are loaded, and the optimizer stays as it is, with Keras's warning; training goes on."""
    make, trained, rule, why = WRITERS[writer]
    source, path = _model(make(), seed=1, fit=trained), tmp_path / f"model{ending}"
    source.save_weights(path) if ending == ".weights.h5" else source.save(path)

    model = _model(LearnedOptimizer(rule()))
    before = _values(model.optimizer)
    with pytest.warns(UserWarning, match=rf"Skipping variable loading for optimizer '.*', because .*({why})"):
        model.load_weights(path)
    for ours, theirs in zip(model.get_weights(), source.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for after, value in zip(_values(model.optimizer), before, strict=True):
        np.testing.assert_array_equal(after, value)
    model.train_on_batch(X[:8], Y[:8])
    assert not np.array_equal(model.get_weights()[0], source.get_weights()[0])


@pytest.mark.parametrize("built", [True, False])
def test_under_loss_scaling(built, tmp_path):
    source = _model(keras.optimizers.Adam(), seed=1)
    source.save_weights(tmp_path / "model.weights.h5")
    inner = LearnedOptimizer(small_lstm())
    model = _model(keras.optimizers.LossScaleOptimizer(inner), fit=built)
    before = _values(inner)
    with (
        pytest.warns(UserWarning, match="Skipping variable loading for optimizer 'learned_optimizer'"),
        pytest.warns(UserWarning, match="Skipping variable loading for optimizer 'loss_scale_optimizer"),
    ):
        model.load_weights(tmp_path / "model.weights.h5")
    for after, value in zip(_values(inner), before, strict=True):
        np.testing.assert_array_equal(after, value)


def test_a_head_that_was_replaced(tmp_path):
    """27 coordinates and 31 fill blocks of one shape: only the file knows that the state is of other variables."""
    _model(LearnedOptimizer(small_lstm()), seed=1).save_weights(tmp_path / "model.weights.h5")
    model = _model(LearnedOptimizer(small_lstm(seed=9)), head=4)
    stem, before = model.get_weights()[0], _values(model.optimizer)
    with (
        pytest.warns(UserWarning, match="holds the state of variables of other shapes"),
        pytest.warns(UserWarning, match="could not be loaded.*Dense"),  # Of Keras, of the head itself.
    ):
        model.load_weights(tmp_path / "model.weights.h5", skip_mismatch=True)
    for after, value in zip(_values(model.optimizer), before, strict=True):
        np.testing.assert_array_equal(after, value)
    assert not np.array_equal(model.get_weights()[0], stem)


def test_all_or_nothing(tmp_path):
    """An optimizer that is not built takes neither the state nor the weights of the rule."""
    _model(LearnedOptimizer(small_lstm()), seed=1).save_weights(tmp_path / "model.weights.h5")
    model = _model(LearnedOptimizer(small_lstm(seed=9)), fit=False)
    before = _values(model.optimizer)
    with pytest.warns(UserWarning, match="has 2 variables whereas the saved optimizer has 4 variables"):
        model.load_weights(tmp_path / "model.weights.h5")
    for after, value in zip(_values(model.optimizer), before, strict=True):
        np.testing.assert_array_equal(after, value)


def test_files_of_older_versions():
    """They do not say of which rule they are: numbers and shapes decide, as they did."""
    source, again = LearnedOptimizer(small_lstm()), LearnedOptimizer(small_lstm(seed=9))
    for optimizer in (source, again):
        _model(optimizer)
    store = {}
    source.save_own_variables(store)
    again.load_own_variables({k: v for k, v in store.items() if k.isdigit() or k.startswith("learned_")})
    for ours, theirs in zip(_values(again), _values(source), strict=True):
        np.testing.assert_array_equal(ours, theirs)


KERAS = {
    "SGD": lambda **o: keras.optimizers.SGD(**o),
    "SGD with momentum": lambda **o: keras.optimizers.SGD(momentum=0.9, **o),
    "Adam": lambda **o: keras.optimizers.Adam(**o),
    "AMSGrad": lambda **o: keras.optimizers.Adam(amsgrad=True, **o),
    "Nadam": lambda **o: keras.optimizers.Nadam(**o),
    "Adafactor": lambda **o: keras.optimizers.Adafactor(**o),
    "centered RMSprop": lambda **o: keras.optimizers.RMSprop(momentum=0.9, centered=True, **o),
    "with an average": lambda **o: keras.optimizers.Adam(use_ema=True, gradient_accumulation_steps=2, **o),
    "with a schedule": lambda **o: keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(1.0, 1, 1.0), **o),
}


@pytest.mark.parametrize("theirs", KERAS)
def test_keras_optimizers_pass_our_state_over(theirs):
    """However many variables the model has: they go by the number of what is saved, and raise where it fits.

    The rule's own entries are 13: as many as Nadam has for 5 variables, and SGD with momentum for 11.
    """
    rule = small_lstm()
    for num_variables in (1, 2, 3, 4, 5, 11):
        variables = [keras.Variable(np.zeros((2,), np.float32)) for _ in range(num_variables)]
        ours, other, store = LearnedOptimizer(rule), KERAS[theirs](), {}
        ours.build(variables)
        other.build(variables)
        ours.save_own_variables(store)
        before = [variable.numpy() for variable in other.variables]
        with pytest.warns(UserWarning, match="Skipping variable loading for optimizer"):
            other.load_own_variables(store)
        for after, value in zip(other.variables, before, strict=True):
            np.testing.assert_array_equal(after.numpy(), value)


@pytest.mark.parametrize("num_entries", range(3, 40))
def test_the_number_of_our_entries_is_no_optimizers(num_entries):
    for num_variables in range(1, 40):
        number = num_entries + keras_variables._num_unused(num_entries, num_variables)
        assert number not in {k * num_variables + j for k in range(6) for j in (1, 2, 3)}


def test_a_model_of_ours_goes_on_with_adam(tmp_path):
    source = _model(LearnedOptimizer(small_lstm()), seed=1)
    source.save_weights(tmp_path / "model.weights.h5")
    model = small_model()
    model.compile(keras.optimizers.Adam(), LOSS)
    model.optimizer.build(model.trainable_variables)
    with pytest.warns(UserWarning, match="Skipping variable loading for optimizer 'adam"):
        model.load_weights(tmp_path / "model.weights.h5")
    for ours, theirs in zip(model.get_weights(), source.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
