"""The families of tasks that are not sampled: regularised perceptrons, convolutional autoencoders, sequences."""

import numpy as np
import pytest
import tensorflow as tf

import problems
from problems import taskset
from problems.taskset import check, options
from problems.taskset.families import mlp_regularised
from problems.taskset.families.conv_autoencoders import _Transposes
from problems.taskset.parts.convolution import convolve
from problems.taskset.registry import FIXED_FAMILIES
from tests.problems.taskset import configs

SEED = tf.constant([3, 4])
_CONVOLUTIONS = {
    "strides": "two_one",
    "channels": [3, 2],
    "padding": ["SAME", "VALID"],
    "bias": True,
    "activation": "elu",
}
_SHARED = {"initializer": {"name": "glorot_uniform"}, "data": {**configs.IMAGES, "size": 7}}
SEQUENCE = {
    "family": "sequence",
    "task": "copy",
    "tokens": 4,
    "length": 3,
    "core": configs.core("gru", 16),
    "trainable_initial_state": True,
    "batch_size": 16,
}


def _perceptron(**changes):
    return {
        "family": "mlp_regularised",
        "hidden": [6, 5],
        "activation": "tanh",
        "center": True,
        "loss": "cross_entropy",
        "normalisation": None,
        "dropout": None,
        **_SHARED,
        **changes,
    }


CONFIGS = {
    "dropout": _perceptron(dropout=0.2),
    "layer": _perceptron(normalisation="layer"),
    "batch": _perceptron(normalisation="batch"),
    "bounded": _perceptron(loss="bounded_mse"),
    "conv_ae": {"family": "conv_ae", "convolutions": _CONVOLUTIONS, **_SHARED},
    "conv_vae": {"family": "conv_vae", "convolutions": _CONVOLUTIONS, "latent": 3, **_SHARED},
    "copy": SEQUENCE,
    "associative_recall": {**SEQUENCE, "task": "associative_recall"},
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_task_of_every_kind_can_be_learned(name):
    outcome = check.run(CONFIGS[name], steps=20)
    assert outcome.fell, outcome
    assert outcome.unconnected == ()


def test_every_family_has_a_fixed_task():
    assert {config["family"] for config in CONFIGS.values()} == set(FIXED_FAMILIES)
    assert set(FIXED_FAMILIES) <= {config["family"] for config in taskset.FIXED.values()}


def test_dropout_is_of_training_alone_and_keeps_the_mean():
    task = taskset.build({**CONFIGS["dropout"], "data": {**_SHARED["data"], "batch_size": 2_000}})
    _, masks = task.draw("train", SEED)
    assert [mask.shape for mask in masks] == [[2_000, 6], [2_000, 5]]
    assert set(np.unique(masks[0])) == {0.0, np.float32(1.25)}
    assert np.mean(masks[0]) == pytest.approx(1, abs=4 * 0.5 / 12_000**0.5)
    assert task.draw("validation", SEED)[1] == task.draw("outer_validation", SEED)[1] == ()
    same = taskset.build(_perceptron(data={**_SHARED["data"], "batch_size": 2_000}))
    p = task.initial_parameters((), SEED)
    assert float(task.validation_loss(p, (), SEED)) == float(same.validation_loss(p, (), SEED))
    assert float(task.loss(p, (), SEED)) != float(same.loss(p, (), SEED))


def test_normalisations_are_those_of_keras():
    x = np.random.default_rng(0).normal(2, 3, [7, 5]).astype(np.float32)
    layer = tf.keras.layers.LayerNormalization(epsilon=1e-5)(x)
    np.testing.assert_allclose(mlp_regularised.normalised(tf.constant(x), 1), layer, atol=1e-5)
    batch = tf.keras.layers.BatchNormalization(epsilon=1e-5)(x, training=True)
    np.testing.assert_allclose(mlp_regularised.normalised(tf.constant(x), 0), batch, atol=1e-5)


def test_the_bounded_loss_by_hand():
    logits = np.log([[1.0, 3.0], [1.0, 1.0]]).astype(np.float32)  # sigmoids of 1/2, 3/4, 1/2, 1/2
    found = mlp_regularised.bounded_mse(tf.constant([1, 0]), tf.constant(logits))
    assert float(found) == pytest.approx((0.25 + 0.0625 + 0.25 + 0.25) / 4)
    large = mlp_regularised.bounded_mse(tf.constant([1]), tf.constant([[1e6, -1e6]]))
    assert float(large) == 1


def test_transposes_are_the_adjoints_of_the_convolutions():
    # <conv(x), y> = <x, transpose(y)> with the same kernels, no biases and the identity in between.
    linear = {**_CONVOLUTIONS, "activation": "leaky_relu_0.4", "bias": False, "channels": [3]}
    for padding in ("SAME", "VALID"):
        config = {**CONFIGS["conv_ae"], "convolutions": {**linear, "padding": [padding]}}
        kernel = tf.random.stateless_normal([3, 3, 1, 3], SEED)
        x = tf.random.stateless_normal([2, 7, 7, 1], SEED)
        convolved = tf.nn.conv2d(x, kernel, 2, padding)
        y = tf.random.stateless_normal(convolved.shape, SEED + 1)
        transposed = _Transposes(config, (7, 7, 1))({"transpose_0/w": kernel, "transpose_0/b": tf.zeros([1])}, y)
        assert transposed.shape == x.shape
        np.testing.assert_allclose(tf.reduce_sum(convolved * y), tf.reduce_sum(x * transposed), rtol=1e-4)


def test_an_autoencoder_gives_an_image_of_its_own_size():
    task = taskset.build(CONFIGS["conv_ae"])
    p = task.initial_parameters((), SEED)
    images = task.draw("train", SEED)[0][0]
    inner = convolve(_CONVOLUTIONS, p, images)
    assert inner.shape == [8, 2, 2, 2]
    assert task._optimizee._decoder(p, inner).shape == images.shape == [8, 7, 7, 1]


def test_sequences_to_copy():
    drawn = taskset.build(SEQUENCE).draw("train", SEED)[1]
    inputs, targets = drawn["inputs"].numpy(), drawn["targets"].numpy()
    assert inputs.shape == (16, 7)
    np.testing.assert_array_equal(inputs[:, :3], targets)
    np.testing.assert_array_equal(inputs[:, 3:], np.tile([4, 5, 5, 5], (16, 1)))
    assert set(targets.ravel()) == set(range(4))


def test_values_to_recall():
    drawn = taskset.build(CONFIGS["associative_recall"]).draw("train", SEED)[1]
    inputs, targets = drawn["inputs"].numpy(), drawn["targets"].numpy()
    assert inputs.shape == (16, 8) and targets.shape == (16, 1)
    for row, target in zip(inputs, targets):
        keys, values, end, query = list(row[0:6:2]), row[1:6:2], row[6], row[7]
        assert end == 4 and len(set(keys)) == 3
        assert target == values[keys.index(query)]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"task": "sort"}, "cannot be built: its task is none of"),
        ({"task": "associative_recall", "length": 5}, "cannot be built: it has 5 keys and only 4 tokens"),
        ({"words": 3}, "A config of the taskset family sequence has the fields"),
    ],
)
def test_configurations_that_cannot_be(changes, text):
    with pytest.raises(ValueError, match=text):
        options.check_config({**SEQUENCE, **changes})


def test_problems_get_builds_them():
    task = problems.get("taskset", config=SEQUENCE)
    p = task.initial_parameters((), SEED)
    assert float(task.held_out_loss(p, (), "test")) == pytest.approx(np.log(4), abs=0.3)
