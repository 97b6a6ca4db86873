"""Masked autoregressive flows."""

import itertools

import numpy as np
import tensorflow as tf

from problems.taskset.families.flow import Bijector, Flow, shift_and_log_scale
from problems.taskset.parts.dense import dense, dense_weights


class Maf(Flow):
    """A flow of autoregressive maps (Papamakarios et al. 2017, "Masked autoregressive flow for density estimation").

    Parameters `bijector_0/linear_0/w`, `bijector_0/linear_0/b`, ..., `bijector_1/linear_0/w`, ...
    """

    @staticmethod
    def _bijector(name, dims, hidden, activation):
        return Autoregressive(name, dims, hidden, activation)


class Autoregressive(Bijector):
    """z_i = (x_i - t_i) exp(-s_i), where t_i and s_i, a masked perceptron's outputs, depend on x_1 ... x_{i-1} alone.

    Masks as of Germain et al. 2015, "MADE", with degrees spread evenly over a layer: its units have 1 to dims - 1, and
    see units of the layer before that have no higher ones; outputs see lower ones.
    """

    def __init__(self, name, dims, hidden, activation):
        self._name, self._activation = name, activation
        self._sizes = [dims, *hidden, 2 * dims]
        inputs = np.arange(1, dims + 1)
        degrees = [inputs, *(np.floor(np.linspace(1, dims - 1, size)) for size in hidden)]
        seen = [before[:, np.newaxis] <= after for before, after in itertools.pairwise(degrees)]
        seen.append(degrees[-1][:, np.newaxis] < np.concatenate([inputs, inputs]))
        self._masks = {f"{name}/linear_{i}/w": mask.astype(np.float32) for i, mask in enumerate(seen)}

    def weights(self, initializer):
        return dense_weights(self._name, self._sizes, initializer)

    def __call__(self, parameters, x):
        masked = {**parameters, **{name: parameters[name] * mask for name, mask in self._masks.items()}}
        outputs = dense(self._name, len(self._sizes) - 1, masked, x, self._activation)
        shift, log_scale = shift_and_log_scale(outputs)
        return (x - shift) * tf.exp(-log_scale), -tf.reduce_sum(log_scale, 1)
