"""The Estimator contract: how the gradient of the meta-loss for phi is estimated."""

from collections.abc import Callable

import tensorflow as tf

from l2l_tf.unroll import OuterGradient, Run

Estimator = Callable[[Run, tf.Tensor], OuterGradient]
