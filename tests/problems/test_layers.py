"""The layers, against NumPy and against each other."""

import numpy as np
import pytest
import tensorflow as tf

from problems.layers import ConvNet, Mlp, batch_norm


def _normalise_twice_differentiated(x, beta, direction):
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = batch_norm(x, beta)
            loss = tf.reduce_sum(tf.sin(y))
        gradient = inner.gradient(loss, x)
        slope = tf.reduce_sum(gradient * direction)
    return y, gradient, outer.gradient(slope, x)


def test_fused_batch_norm_is_the_plain_one_to_the_second_derivative():
    rng = np.random.RandomState(0)
    x, beta, direction = rng.randn(4, 3, 3, 2), rng.randn(2), rng.randn(4, 3, 3, 2)
    fused, plain = (
        _normalise_twice_differentiated(*(tf.constant(a, dtype) for a in (x, beta, direction)))
        for dtype in ("float32", "float64")
    )
    expected = (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + 1e-3) + beta
    np.testing.assert_allclose(plain[0], expected, rtol=1e-12)
    for left, right in zip(fused, plain, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-3, atol=1e-4)


def test_conv_net_agrees_with_numpy():
    net = ConvNet([5, 4, 2], [3], [4], 2)
    rng = np.random.RandomState(1)
    theta = {name: rng.randn(*shape) for name, shape in net.shapes.items()}
    images = rng.randn(3, 5, 4, 2)

    def norm(x, beta):
        axes = tuple(range(x.ndim - 1))
        return (x - x.mean(axes)) / np.sqrt(x.var(axes) + 1e-3) + beta

    padded = np.pad(images, [(0, 0), (2, 2), (2, 2), (0, 0)])
    x = np.zeros((3, 5, 4, 3))
    for row in range(5):
        for column in range(4):
            patch = padded[:, row : row + 5, column : column + 5]
            x[:, row, column] = np.einsum("nijc,ijco->no", patch, theta["conv_net_2d/conv_2d_0/w"])
    x = np.maximum(norm(x + theta["conv_net_2d/conv_2d_0/b"], theta["conv_net_2d/batch_norm_0/beta"]), 0)
    # "SAME" pooling of an odd height: the last row is a window of its own.
    x = np.pad(x, [(0, 0), (0, 1), (0, 0), (0, 0)]).reshape(3, 3, 2, 2, 2, 3).max((2, 4)).reshape(3, -1)
    x = norm(x @ theta["mlp/linear_0/w"] + theta["mlp/linear_0/b"], theta["mlp/batch_norm/beta"])
    expected = np.maximum(x, 0) @ theta["mlp/linear_1/w"] + theta["mlp/linear_1/b"]

    received = net.logits({name: tf.constant(value) for name, value in theta.items()}, tf.constant(images))
    np.testing.assert_allclose(received, expected, rtol=1e-8)


def test_names_of_the_original_code():
    assert list(Mlp(4, [3, 2], 5, "relu", normalise=True).shapes.items()) == [
        ("mlp/linear_0/w", [4, 3]),
        ("mlp/linear_0/b", [3]),
        ("mlp/batch_norm/beta", [3]),
        ("mlp/linear_1/w", [3, 2]),
        ("mlp/linear_1/b", [2]),
        ("mlp/batch_norm_1/beta", [2]),
        ("mlp/linear_2/w", [2, 5]),
        ("mlp/linear_2/b", [5]),
    ]


@pytest.mark.parametrize("sizes", ["20", [0], [2.5], 3])
def test_sizes_out_of_range(sizes):
    with pytest.raises(ValueError, match="layers is a list of integers of at least 1"):
        Mlp(4, sizes, 2, "relu")


def test_unknown_activation_lists_the_known():
    with pytest.raises(ValueError, match=r"activation is one of \['elu', 'relu', .*'tanh'\]. Received: 'step'."):
        Mlp(4, [3], 2, "step")


def test_a_batch_under_its_own_moments_is_the_batch_by_itself():
    net = ConvNet([6, 4, 2], [3, 2], [4], 2)
    rng = np.random.RandomState(1)
    theta = {name: tf.constant(rng.randn(*shape)) for name, shape in net.shapes.items()}
    images = tf.constant(rng.randn(5, 6, 4, 2))
    moments = net.moments(theta, images)
    assert list(moments) == [name for name in net.shapes if name.endswith("/beta")]
    np.testing.assert_allclose(net.logits(theta, images, moments), net.logits(theta, images), rtol=1e-10)
    x = tf.nn.conv2d(images, theta["conv_net_2d/conv_2d_0/w"], 1, "SAME") + theta["conv_net_2d/conv_2d_0/b"]
    mean, variance = moments["conv_net_2d/batch_norm_0/beta"]
    np.testing.assert_allclose(mean, np.mean(x, (0, 1, 2)), rtol=1e-10)
    np.testing.assert_allclose(variance, np.var(x, (0, 1, 2)), rtol=1e-10)
    # By given moments, an image's logits do not depend on the others of its batch.
    np.testing.assert_allclose(net.logits(theta, images[:1], moments), net.logits(theta, images, moments)[:1])
