"""LearnedOptimizer under models of other types, with embeddings, with frozen layers, and one after the other."""

import keras
import numpy as np
import pytest

from l2l_tf import LearnedOptimizer, networks
from tests.deployment.keras_models import fit, reference_fit, small_lstm, small_model


def test_loss_scale_optimizer():
    inner = LearnedOptimizer(small_lstm())
    losses, _ = fit(keras.optimizers.LossScaleOptimizer(inner, initial_scale=8.0), epochs=2)
    np.testing.assert_allclose(losses, reference_fit()[0], rtol=1e-5)


@pytest.fixture
def dtype_policy(request):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


@pytest.mark.parametrize("dtype_policy", ["mixed_float16", "mixed_bfloat16", "bfloat16"], indirect=True)
def test_narrow_models(dtype_policy):
    optimizer = LearnedOptimizer(small_lstm())
    losses, model = fit(optimizer, epochs=2)
    np.testing.assert_allclose(losses, reference_fit()[0], rtol=0.05)
    assert [v.dtype for v in optimizer.variables if "block" in v.path] == ["float32"]
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer) == (dtype_policy == "mixed_float16")


def test_an_embedding():
    """Sparse gradients: the rows that were looked up move by what dense gradients would give."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,), dtype="int32"), keras.layers.Embedding(5, 3), keras.layers.Flatten()])
    model.compile(LearnedOptimizer(networks.get("Sgd", learning_rate=1.0)), "mse")
    before = model.get_weights()[0]
    model.fit(np.array([[1, 1], [1, 3]]), np.zeros([2, 6]), batch_size=2, verbose=0)
    after = model.get_weights()[0]
    uses = np.array([0, 3, 0, 1, 0])[:, None]
    np.testing.assert_allclose(after, before - 2 * uses * before / 12, rtol=1e-5)


@pytest.mark.parametrize("rule", ["general", "mnist", "mnist_adafactor", "mnist_per_parameter"])
def test_an_embedding_under_loss_scaling(rule):
    def losses(optimizer):
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [keras.Input((2,), dtype="int32"), keras.layers.Embedding(5, 3), keras.layers.Flatten()]
        )
        model.compile(optimizer, "mse")
        return model.fit(np.array([[1, 1], [1, 3]]), np.ones([2, 6]), batch_size=1, epochs=2, verbose=0).history["loss"]

    scaled = keras.optimizers.LossScaleOptimizer(LearnedOptimizer(rule), initial_scale=8.0)
    np.testing.assert_allclose(losses(scaled), losses(LearnedOptimizer(rule)), rtol=1e-5)


def test_a_frozen_layer_stays():
    model = small_model()
    model.layers[0].trainable = False
    before = model.get_weights()
    fit(LearnedOptimizer(small_lstm()), model)
    after = model.get_weights()
    assert [np.array_equal(a, b) for a, b in zip(before, after)] == [True, True, False, False]


def test_unfreezing_a_layer_needs_a_new_optimizer():
    model = small_model()
    model.layers[0].trainable = False
    optimizer = LearnedOptimizer(small_lstm())
    fit(optimizer, model)
    model.layers[0].trainable = True
    with pytest.raises(ValueError, match=r"after unfreezing a layer, compile with a new.*Received: '.*kernel'"):
        fit(optimizer, model)
    fit(LearnedOptimizer(small_lstm()), model)


def test_a_second_model_needs_an_optimizer_of_its_own():
    _, model = fit(LearnedOptimizer(small_lstm()))
    with pytest.raises(ValueError, match=r"For another model.* compile with a new LearnedOptimizer"):
        fit(model.optimizer, small_model(seed=1))
