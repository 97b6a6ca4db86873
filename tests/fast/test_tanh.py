import numpy as np
import tensorflow as tf

from l2l_tf.fast.tanh import tanh

_compiled = tf.function(tanh, jit_compile=True)


def test_it_is_tanh_to_single_precision():
    x = np.concatenate([np.linspace(-12, 12, 100_003), np.geomspace(1e-30, 10, 10_001)]).astype(np.float32)
    expected = np.tanh(x.astype(np.float64))
    np.testing.assert_allclose(_compiled(tf.constant(x)), expected, rtol=4e-7)
    assert np.max(np.abs(_compiled(tf.constant(x)))) <= 1


def test_it_is_odd_and_saturates():
    x = tf.constant([0.0, 1e-20, 0.3, 7.9, 8.1, 1e30, np.inf])
    values = _compiled(x)
    np.testing.assert_array_equal(_compiled(-x), -values)
    np.testing.assert_array_equal(values[:2], x[:2])
    np.testing.assert_allclose(values[-3:], 1, rtol=3e-7)


def test_nan_stays_nan_and_touches_no_other():
    values = _compiled(tf.constant([np.nan, 1.0] * 16))
    np.testing.assert_array_equal(np.isnan(values), [True, False] * 16)


def test_double_precision_is_exact():
    x = tf.linspace(tf.constant(-9.0, tf.float64), 9.0, 101)
    np.testing.assert_allclose(tanh(x), np.tanh(x), rtol=1e-15)
