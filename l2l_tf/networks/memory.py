"""A memory M of one matrix a function, shared by its coordinates: reads are M r, writes add outer products.

M = scale * I + sum of a b^T over all that was written. `dense` keeps the sum as a matrix; `history` keeps the last
pairs (a, b) and never forms it. `scale` is no part of what is kept, so it can be learned.

Vectors are `[functions, heads, n]`, one for each head.
"""

from typing import NamedTuple

import tensorflow as tf


def empty_dense(num_functions: int, coordinates: int, dtype: tf.DType) -> tf.Tensor:
    """`[functions, n, n]`, nothing written."""
    return tf.zeros([num_functions, coordinates, coordinates], dtype)


def read_dense(memory: tf.Tensor, scale: tf.Tensor | float, vectors: tf.Tensor) -> tf.Tensor:
    """M r for each of the vectors; O(n^2)."""
    return scale * vectors + tf.matmul(vectors, memory, transpose_b=True)


def write_dense(memory: tf.Tensor, left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    """M + sum_j a_j b_j^T over the heads."""
    return memory + tf.matmul(left, right, transpose_a=True)


class History(NamedTuple):
    """The last pairs, the latest first.

    Attributes:
      left, right: `[functions, history * heads, n]`, the a's and the b's; zeros where nothing was written yet.
    """

    left: tf.Tensor
    right: tf.Tensor


def empty_history(num_functions: int, num_pairs: int, coordinates: int, dtype: tf.DType) -> History:
    """Room for `num_pairs` pairs, nothing written."""
    zeros = tf.zeros([num_functions, num_pairs, coordinates], dtype)
    return History(zeros, zeros)


def read_history(memory: History, scale: tf.Tensor | float, vectors: tf.Tensor) -> tf.Tensor:
    """M r for each of the vectors; O(n pairs)."""
    products = tf.matmul(vectors, memory.right, transpose_b=True)
    return scale * vectors + tf.matmul(products, memory.left)


def write_history(memory: History, left: tf.Tensor, right: tf.Tensor) -> History:
    """The pairs of one write come in, those of the oldest go."""
    kept = memory.left.shape[1] - left.shape[1]
    return History(tf.concat([left, memory.left[:, :kept]], axis=1), tf.concat([right, memory.right[:, :kept]], axis=1))
