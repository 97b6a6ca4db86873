import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import networks
from l2l_tf.fast import lstm_kernels, packing


@pytest.mark.parametrize("layers", [(), (3,), (4, 1), (2, 3, 2)], ids=str)
@pytest.mark.parametrize("size", [1, 3])
def test_kernels_agree_with_the_network_and_its_tape(layers, size):
    network = networks.get(
        "StandardDeepLSTM", output_size=size, layers=layers, scale=0.3, initializer="random_normal", dtype="float64"
    )
    random = np.random.default_rng(0)
    rows, cotangent = tf.constant(random.normal(size=[2, 5, size]))
    state = tf.nest.map_structure(
        lambda h: tf.constant(random.normal(size=h.shape)), network.initial_state({"x": rows})
    )
    state_cotangent = tf.nest.map_structure(lambda h: tf.constant(random.normal(size=h.shape)), state)
    variables = list(network.trainable_variables)

    with tf.GradientTape() as tape:
        tape.watch((rows, state))
        packed = packing.pack(network.cores, network.linear, network.scale)
        update, next_state = network.update_rows(rows, state)
    expected = tape.gradient(
        (update, next_state), (variables, rows, state), output_gradients=(cotangent, state_cotangent)
    )

    def feature_major(nest):
        return tuple(tf.transpose(h) for h in tf.nest.flatten(nest))

    features = tf.transpose(rows)
    kernel_update, kernel_state, activations = lstm_kernels.forward(packed, features, feature_major(state))
    np.testing.assert_allclose(tf.transpose(kernel_update), update, atol=1e-14)
    for actual, wanted in zip(kernel_state, feature_major(next_state), strict=True):
        np.testing.assert_allclose(actual, wanted, atol=1e-14)

    np.testing.assert_allclose(lstm_kernels.output(packed, features, activations), kernel_update, atol=1e-14)
    weights, pulled_features, pulled_state = lstm_kernels.backward(
        packed, features, activations, tf.transpose(cotangent), feature_major(state_cotangent)
    )
    by_variable = packing.unpack(network.cores, network.linear, network.scale, weights)
    for variable, wanted in zip(variables, expected[0]):
        np.testing.assert_allclose(by_variable[variable.ref()], wanted, atol=1e-13, err_msg=variable.name)
    np.testing.assert_allclose(tf.transpose(pulled_features), expected[1], atol=1e-13)
    for actual, wanted in zip(pulled_state, feature_major(expected[2]), strict=True):
        np.testing.assert_allclose(actual, wanted, atol=1e-13)
