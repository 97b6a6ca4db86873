"""Outer gradients: how the gradient of the meta-loss for phi is estimated.

An estimator maps `(run, seed)` to an OuterGradient, which carries the run on.
"""

from l2l_tf.estimators.backpropagation import truncated_backpropagation
from l2l_tf.estimators.estimator import Estimator

__all__ = ["Estimator", "truncated_backpropagation"]
