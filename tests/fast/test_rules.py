"""Which networks the kernels stand in for."""

import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import LearnedOptimizer, export_saved_model, networks
from l2l_tf.fast.rules import rule_of
from l2l_tf.networks.learned_momentum import LearnedMomentum
from l2l_tf.networks.lstm import CoordinateWiseDeepLSTM


class Doubled(CoordinateWiseDeepLSTM):
    """A user's own: twice the update."""

    def update_rows(self, rows, state):
        updates, state = super().update_rows(rows, state)
        return 2 * updates, state


class Still(CoordinateWiseDeepLSTM):
    def __call__(self, observation, state):
        return {name: tf.zeros_like(gradient) for name, gradient in observation.gradients.items()}, state


class Plain(CoordinateWiseDeepLSTM):
    pass


@pytest.mark.parametrize(
    ("network", "has_rule"),
    [
        (lambda: Plain(layers=(2,)), True),
        (lambda: LearnedMomentum(layers=(2,)), True),
        (lambda: Doubled(layers=(2,)), False),
        (lambda: Still(layers=(2,)), False),
        (lambda: CoordinateWiseDeepLSTM(layers=(2,), dtype="float64"), False),
        (lambda: networks.get("Adam"), False),
    ],
)
def test_a_rule_is_of_what_the_library_wrote(network, has_rule):
    assert (rule_of(network()) is not None) == has_rule


@pytest.mark.parametrize(("cls", "factor"), [(Doubled, 2), (Still, 0)])
def test_what_a_subclass_changes_is_what_keras_and_saved_models_do(cls, factor, tmp_path):
    import keras

    gradients = np.linspace(-1, 1, 300).astype(np.float32)
    moved = {}
    for name, network in (("own", cls(layers=(2,))), ("library's", CoordinateWiseDeepLSTM(layers=(2,)))):
        variable = keras.Variable(np.zeros(300, np.float32))
        LearnedOptimizer(network).apply([tf.constant(gradients)], [variable])
        moved[name] = variable.numpy()
        export_saved_model(network, tmp_path / name)
        loaded = tf.saved_model.load(str(tmp_path / name))
        updates, _ = loaded.update(gradients, loaded.initial_state(300))
        np.testing.assert_allclose(updates, moved[name], rtol=1e-5, atol=1e-7)
    assert np.any(moved["library's"])
    np.testing.assert_allclose(moved["own"], factor * moved["library's"], rtol=1e-5, atol=1e-7)
