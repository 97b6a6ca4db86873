"""The vectors that quasi-Newton updates are made of, and BFGS in terms of them."""

import numpy as np
import tensorflow as tf

NUM_VECTORS = 3
# Between s and y. Below, they are taken to be orthogonal, as in any BFGS in practice.
_LEAST_COSINE = 1e-5
# How many units of round-off of the largest gradient so far the change of a gradient has to have along the step.
_ROUND_OFFS = 30.0

# M' = M + s s^T + (q s - z) (q s)^T - q s z^T in the vectors of `secant_vectors`: [left or right, write head, vector].
BFGS = np.array(
    [
        [[1, 0, 0], [0, -1, 1], [0, 0, -1]],
        [[1, 0, 0], [0, 0, 1], [0, 1, 0]],
    ],
    np.float32,
)


def secant_vectors(step: tf.Tensor, change: tf.Tensor, predicted: tf.Tensor, largest_gradient: tf.Tensor) -> tf.Tensor:
    """What the last step told of the inverse Hessian, without units, as `[functions, 3, n]`.

    With the step s = theta_t - theta_{t-1}, the change of the gradient y = g_t - g_{t-1}, and z = M y, the step that
    the memory would have expected:

        s / sqrt(s.y),    z / sqrt(y.z),    q s / sqrt(s.y) with q = sqrt(y.z / s.y)

    Outer products of two of them have the units of M, and a size that BFGS's own have. The inner products s.y and y.z
    are the two global averages that the paper's construction of BFGS asks of the controller; a cell that squashes
    could not divide by them over many orders of magnitude, so they are computed as they are.

    All three vectors are 0 where s.y is not above 0, and where it may be round-off: an optimization that has
    converged as far as its type goes would otherwise write noise of any size. The last two are 0 where y.z is not
    above 0.

    Args:
      step, change, predicted: s, y and z, `[functions, n]`.
      largest_gradient: `[functions, 1]`, the largest norm of a gradient so far.
    """
    curvature = tf.reduce_sum(step * change, axis=1, keepdims=True)
    round_off = float(np.finfo(step.dtype.as_numpy_dtype).eps) * largest_gradient
    least = tf.maximum(_LEAST_COSINE * tf.norm(change, axis=1, keepdims=True), _ROUND_OFFS * round_off)
    known = curvature > tf.stop_gradient(least * tf.norm(step, axis=1, keepdims=True))
    foreseen = tf.reduce_sum(change * predicted, axis=1, keepdims=True)
    inverse_root = _inverse_root(curvature, known)
    expected_inverse_root = _inverse_root(foreseen, known & (foreseen > 0))
    s = step * inverse_root
    q = foreseen * expected_inverse_root * inverse_root
    return tf.stack([s, predicted * expected_inverse_root, s * q], axis=1)


def _inverse_root(x: tf.Tensor, where: tf.Tensor) -> tf.Tensor:
    """1 / sqrt(x), and 0 with a gradient of 0 elsewhere."""
    return tf.where(where, tf.math.rsqrt(tf.where(where, x, tf.ones_like(x))), tf.zeros_like(x))
