"""Averaging cells are enough for L2 clipping; results/bfgs has the long fits."""

import numpy as np
import tensorflow as tf

from experiments.paper.information import clipping


def test_gradients_are_clipped_to_norm_1():
    gradients, clipped = (tensor.numpy() for tensor in clipping.draw(1000, tf.constant([0, 1])))
    norms = np.linalg.norm(gradients, axis=1)
    assert 0.5 <= norms.min() < 0.6 and 1.9 < norms.max() <= 2.0001
    np.testing.assert_allclose(clipped, gradients / np.maximum(norms, 1)[:, None], rtol=1e-5)


def test_with_averaging_cells_it_is_closer_than_any_coordinatewise_rule():
    best = clipping.best_coordinatewise_error(num_functions=100_000, num_bins=500)
    assert 0.15 < best < 0.2
    assert clipping.fit(global_cells=5, num_steps=500, seed=0, layers=(10, 10)) < 0.1
