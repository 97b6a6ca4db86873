"""tanh for compiled calls, in arithmetic that a compiler keeps in its vector registers.

XLA's own tanh on CPUs is called for 16 numbers at a time, through memory. Written out, it is part of the loop
around it.
"""

import tensorflow as tf

# tanh x = x P(x^2) / Q(x^2), fitted on [-8, 8] for the smallest largest relative error, 2e-8 before rounding; beyond,
# tanh is within 3e-7 of what it is at 8.
_BOUND = 8.0
_NUMERATOR = (1.56797458e-08, 2.22378811e-05, 3.59317719e-03, 1.34628745e-01, 1.0)
_DENOMINATOR = (8.71213197e-07, 3.44609398e-04, 2.62472025e-02, 4.67962079e-01, 1.0)


def tanh(x: tf.Tensor) -> tf.Tensor:
    """tanh x, in single precision to 4e-7 of its value. NaN stays NaN. TensorFlow's own in other precisions."""
    if x.dtype != tf.float32:
        return tf.tanh(x)
    # By comparisons, which are false for NaN: XLA's minimum and maximum may lose it.
    x = tf.where(x > _BOUND, _BOUND, tf.where(x < -_BOUND, -_BOUND, x))
    square = x * x
    return x * _polynomial(_NUMERATOR, square) / _polynomial(_DENOMINATOR, square)


def _polynomial(coefficients: tuple[float, ...], x: tf.Tensor) -> tf.Tensor:
    """By Horner's rule, the highest power first."""
    value = coefficients[0] * x + coefficients[1]
    for coefficient in coefficients[2:]:
        value = value * x + coefficient
    return value
