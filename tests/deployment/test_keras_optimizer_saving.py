"""Files, checkpoints and configurations of LearnedOptimizer, and MirroredStrategy: each in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import l2l_tf
from l2l_tf import LearnedOptimizer, networks
from l2l_tf.saving import saved_optimizer
from l2l_tf.unrolling.coordinates import AssignedNetworks

LOG_AND_SIGN = {"preprocess_name": "LogAndSign", "preprocess_options": {"k": 10.0}, "scale": 0.1}
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
HALF = 50  # steps

pytestmark = pytest.mark.filterwarnings(  # Keras 3.15 with NumPy 2, when it reads variables to save them
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)


def _lstm(**options):
    return networks.get("CoordinateWiseDeepLSTM", **{"layers": [4, 3], "seed": 1, **LOG_AND_SIGN, **options})


def _model():
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "tanh"), keras.layers.Dense(3)])


def _data():
    generator = np.random.default_rng(0)
    return generator.normal(size=(4 * HALF, 4)).astype(np.float32), generator.integers(0, 3, 4 * HALF)


def _fit(model):
    """`HALF` steps."""
    model.fit(*_data(), batch_size=4, shuffle=False, verbose=0)


def _run(script, *arguments, timeout=240):
    environment = {**os.environ, "PYTHONPATH": str(Path(l2l_tf.__file__).parents[1])}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, done.stderr
    return done.stdout


_RESUME = """
import sys
import keras, numpy as np
import l2l_tf.deployment.keras_optimizer
folder, half = sys.argv[1], int(sys.argv[2])
with np.load(folder + "/data.npz") as data:
    x, y = data["x"], data["y"]
for mode in ("plain", "jit"):
    model = keras.models.load_model(f"{folder}/{mode}.keras")
    assert model.jit_compile == (mode == "jit")
    assert model.optimizer.iterations.numpy() == half
    model.fit(x, y, batch_size=4, shuffle=False, verbose=0)
    np.savez(f"{folder}/{mode}.npz", *model.get_weights())
"""


def test_a_new_process_goes_on_bit_for_bit(tmp_path):
    """50 steps, a `.keras` file without the optimizer's folder, 50 more: the weights of the undisturbed run."""
    saved_optimizer.save(AssignedNetworks({"cw": _lstm()}), tmp_path / "optimizer")
    x, y = _data()
    np.savez(tmp_path / "data.npz", x=x, y=y)
    undisturbed = {}
    for mode in ("plain", "jit"):
        model = _model()
        model.compile(LearnedOptimizer(tmp_path / "optimizer"), LOSS, jit_compile=mode == "jit")
        _fit(model)
        model.save(tmp_path / f"{mode}.keras")
        _fit(model)
        undisturbed[mode] = model.get_weights()
    (tmp_path / "optimizer").rename(tmp_path / "gone")
    _run(_RESUME, tmp_path, HALF)
    for mode, weights in undisturbed.items():
        with np.load(tmp_path / f"{mode}.npz") as resumed:
            for i, weight in enumerate(weights):
                np.testing.assert_array_equal(resumed[f"arr_{i}"], weight)


def test_a_checkpoint_goes_on_bit_for_bit(tmp_path):
    """`tf.train.Checkpoint` restores the rule's weights too: the new optimizer starts from others."""
    model = _model()
    model.compile(LearnedOptimizer(_lstm()), LOSS)
    _fit(model)
    path = tf.train.Checkpoint(model=model, optimizer=model.optimizer).save(tmp_path / "checkpoint")
    _fit(model)

    other = _model()
    other.compile(LearnedOptimizer(_lstm(seed=9)), LOSS)
    other.optimizer.build(other.trainable_variables)
    tf.train.Checkpoint(model=other, optimizer=other.optimizer).restore(path).assert_consumed()
    _fit(other)
    for ours, theirs in zip(other.get_weights(), model.get_weights()):
        np.testing.assert_array_equal(ours, theirs)


def test_weight_files_hold_the_rule(tmp_path):
    model = _model()
    model.compile(LearnedOptimizer(_lstm()), LOSS)
    _fit(model)
    model.save_weights(tmp_path / "model.weights.h5")
    _fit(model)
    other = _model()
    other.compile(LearnedOptimizer(_lstm(seed=9)), LOSS)
    other.optimizer.build(other.trainable_variables)
    other.load_weights(tmp_path / "model.weights.h5")
    _fit(other)
    for ours, theirs in zip(other.get_weights(), model.get_weights()):
        np.testing.assert_array_equal(ours, theirs)


def test_a_model_that_is_all_frozen_is_saved_and_loaded(tmp_path):
    model = _model()
    model.trainable = False
    model.compile(LearnedOptimizer(_lstm()), LOSS)
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "model.keras")
    assert keras.models.load_model(tmp_path / "model.keras").optimizer.built


def test_backup_and_restore_goes_on_bit_for_bit(tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise InterruptedError

    def fit(epochs, *callbacks):
        model = _model()
        model.compile(LearnedOptimizer(_lstm()), LOSS)
        backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
        x, y = _data()
        model.fit(x, y, batch_size=8, epochs=epochs, shuffle=False, callbacks=[*callbacks, backup], verbose=0)
        return model.get_weights()

    undisturbed = fit(2)
    with pytest.raises(InterruptedError):
        fit(2, Stop())
    for ours, theirs in zip(fit(2), undisturbed):
        np.testing.assert_array_equal(ours, theirs)


def _one_step(optimizer):
    variable = keras.Variable([0.0, 0.0])
    optimizer.apply([tf.constant([1.0, -2.0])], [variable])
    return variable.numpy()


RULES = {
    "lstm": lambda: _lstm(initializer={"linear": {"w": np.full((3, 1), 0.5)}}),
    "adam": lambda: networks.get("Adam", learning_rate=0.5),
    "two": lambda: AssignedNetworks({"a": _lstm(), "b c": networks.get("Sgd")}, [("a", ["*"]), ("b c", ["*"])]),
}


@pytest.mark.parametrize("rule", RULES)
def test_configurations_hold_the_rule(rule):
    optimizer = LearnedOptimizer(RULES[rule](), learning_rate=0.5, clipnorm=1.0)
    config = json.loads(json.dumps(keras.optimizers.serialize(optimizer)))
    again = keras.optimizers.deserialize(config)
    assert again.get_config() == optimizer.get_config()
    np.testing.assert_array_equal(_one_step(again), _one_step(optimizer))


def test_a_schedule_in_the_configuration():
    schedule = keras.optimizers.schedules.ExponentialDecay(1.0, 10, 0.5)
    optimizer = LearnedOptimizer(_lstm(), learning_rate=schedule)
    again = LearnedOptimizer.from_config(optimizer.get_config())
    assert again.get_config() == optimizer.get_config()


def test_keras_finds_it_by_its_registered_name(tmp_path):
    saved_optimizer.save(AssignedNetworks({"cw": _lstm()}), tmp_path / "optimizer")
    config = {"source": str(tmp_path / "optimizer")}
    optimizer = keras.optimizers.get({"class_name": "l2l_tf>LearnedOptimizer", "config": config})
    assert isinstance(optimizer, LearnedOptimizer)
    optimizer = keras.optimizers.get(optimizer)
    np.testing.assert_array_equal(_one_step(optimizer), _one_step(LearnedOptimizer(_lstm())))


def test_bfloat16_state_is_saved(tmp_path):
    model = _model()
    model.compile(LearnedOptimizer(_lstm(), state_dtype="bfloat16"), LOSS)
    _fit(model)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    for ours, theirs in zip(again.optimizer.variables, model.optimizer.variables):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_bfloat16_state_is_for_lstms():
    with pytest.raises(ValueError, match=r"state_dtype='bfloat16' is for the deep LSTMs.*Received.* Adam"):
        LearnedOptimizer(networks.get("Adam"), state_dtype="bfloat16")
    with pytest.raises(ValueError, match=r"state_dtype is one of .* Received: 'float16'"):
        LearnedOptimizer(_lstm(), state_dtype="float16")


@pytest.mark.parametrize("source", ["no_such_optimizer", "/no/such/folder", 3])
def test_an_unknown_source_lists_the_known(source):
    with pytest.raises(ValueError, match=r"is a pretrained name \(.*\), the folder .* or a Network. Received: "):
        LearnedOptimizer(source)


_MIRRORED = """
import sys
import numpy as np, tensorflow as tf, keras
from l2l_tf import LearnedOptimizer, networks
from l2l_tf.unrolling.coordinates import AssignedNetworks
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
options = {"preprocess_name": "LogAndSign", "preprocess_options": {"k": 10.0}, "scale": 0.1}
generator = np.random.default_rng(0)
x, y = generator.normal(size=(32, 4)).astype(np.float32), generator.integers(0, 3, 32)


def build():
    lstm = networks.get("CoordinateWiseDeepLSTM", layers=[4, 3], seed=1, **options)
    return AssignedNetworks({"lstm": lstm, "adam": networks.get("Adam")}, [("lstm", ["*kernel"]), ("adam", ["*bias"])])

def losses(strategy, rule=None):
    with strategy.scope():
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "tanh"), keras.layers.Dense(3)])
        optimizer = LearnedOptimizer(rule or build(), weight_decay=0.01, clipnorm=1.0, use_ema=True)
        model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    history = model.fit(x, y, batch_size=8, epochs=2, verbose=0, shuffle=False)
    assert optimizer.nonfinite_gradients.numpy() == 0
    assert optimizer.iterations.numpy() == 8
    return history.history["loss"]

one = losses(tf.distribute.get_strategy())
for rule in (build(), None):  # made outside the scope, and within
    two = losses(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]), rule)
    np.testing.assert_allclose(two, one, rtol=1e-5)
    print("equal")
"""


def test_mirrored_strategy_gives_the_losses_of_one_device():
    assert _run(_MIRRORED).splitlines() == ["equal", "equal"]
