"""Real-valued non-volume-preserving flows."""

import tensorflow as tf

from problems.taskset.families.flow import Bijector, Flow, shift_and_log_scale
from problems.taskset.parts.dense import dense, dense_weights


class Nvp(Flow):
    """A flow of couplings (Dinh et al. 2017, "Density estimation using Real NVP").

    Parameters `bijector_0/linear_0/w`, `bijector_0/linear_0/b`, ..., `bijector_1/linear_0/w`, ...
    """

    @staticmethod
    def _bijector(name, dims, hidden, activation):
        return Coupling(name, dims, hidden, activation)


class Coupling(Bijector):
    """z_1 = x_1, z_2 = (x_2 - t(x_1)) exp(-s(x_1)), x_1 the first half of x; t and s are a perceptron's outputs."""

    def __init__(self, name, dims, hidden, activation):
        self._name, self._activation = name, activation
        self._kept = dims // 2
        self._sizes = [self._kept, *hidden, 2 * (dims - self._kept)]

    def weights(self, initializer):
        return dense_weights(self._name, self._sizes, initializer)

    def __call__(self, parameters, x):
        kept, moved = x[:, : self._kept], x[:, self._kept :]
        outputs = dense(self._name, len(self._sizes) - 1, parameters, kept, self._activation)
        shift, log_scale = shift_and_log_scale(outputs)
        moved = (moved - shift) * tf.exp(-log_scale)
        return tf.concat([kept, moved], 1), -tf.reduce_sum(log_scale, 1)
