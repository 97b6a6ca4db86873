"""What the tests of LearnedOptimizer train: a small model, on random data, with a small LSTM."""

import functools

import keras
import numpy as np

from l2l_tf import LearnedOptimizer, networks

LOG_AND_SIGN = {"preprocess_name": "LogAndSign", "preprocess_options": {"k": 10.0}, "scale": 0.1}
X = np.random.default_rng(0).normal(size=(32, 4)).astype(np.float32)
Y = np.random.default_rng(1).integers(0, 3, 32)
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def small_lstm(**options):
    return networks.get("CoordinateWiseDeepLSTM", **{"layers": [4, 3], "seed": 1, **LOG_AND_SIGN, **options})


def small_model(seed=0):
    keras.utils.set_random_seed(seed)
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "tanh"), keras.layers.Dense(3)])


def fit(optimizer, model=None, epochs=1, **options):
    """The losses of `epochs` epochs of 4 steps, and the model."""
    model = model or small_model()
    model.compile(optimizer, LOSS, **options)
    history = model.fit(X, Y, batch_size=8, epochs=epochs, verbose=0, shuffle=False)
    return history.history["loss"], model


@functools.cache
def reference_fit():
    """Two epochs as `fit` runs them by default."""
    keras.config.set_dtype_policy("float32")
    losses, model = fit(LearnedOptimizer(small_lstm()), epochs=2)
    return losses, model.get_weights()
