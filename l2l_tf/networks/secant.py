"""The vectors that quasi-Newton updates are made of, and BFGS in terms of them."""

import numpy as np
import tensorflow as tf

NUM_VECTORS = 3
# Below, s and y are taken to be orthogonal: nothing is learned of the curvature, as in any BFGS in practice.
_LEAST_COSINE = 1e-5

# M' = M + d s^T + s d^T + (tau - 1) s s^T in the vectors of `secant_vectors`: [left or right, write head, vector].
BFGS = np.array(
    [
        [[0, 1, 0], [1, 0, 0], [-1, 0, 1]],
        [[1, 0, 0], [0, 1, 0], [1, 0, 0]],
    ],
    np.float32,
)


def secant_vectors(step: tf.Tensor, change: tf.Tensor, predicted: tf.Tensor) -> tf.Tensor:
    """What the last step told of the inverse Hessian, without units, as `[functions, 3, n]`.

    With the step s = theta_t - theta_{t-1}, the change of the gradient y = g_t - g_{t-1}, and z = M y, the step that
    the memory would have expected:

        s / sqrt(s.y),    d / sqrt(s.y) with d = s - z,    tau s / sqrt(s.y) with tau = y.z / s.y

    Outer products of two of them have the units of M. The inner products s.y and y.z are the two global averages
    that the paper's construction of BFGS asks of the controller; a cell that squashes could not divide by them over
    many orders of magnitude, so they are computed as they are. Where s.y is not above 0 all three vectors are 0.

    Args:
      step, change, predicted: s, y and z, `[functions, n]`.
    """
    curvature = tf.reduce_sum(step * change, axis=1, keepdims=True)
    known = curvature > _LEAST_COSINE * tf.norm(step, axis=1, keepdims=True) * tf.norm(change, axis=1, keepdims=True)
    inverse = tf.where(known, 1 / tf.where(known, curvature, 1.0), 0.0)
    root = tf.where(known, tf.sqrt(tf.where(known, inverse, 1.0)), 0.0)
    tau = tf.reduce_sum(change * predicted, axis=1, keepdims=True) * inverse
    return tf.stack([step * root, (step - predicted) * root, step * root * tau], axis=1)
