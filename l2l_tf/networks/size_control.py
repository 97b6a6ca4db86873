"""How large the update of each tensor is: a small MLP on what is known of the tensors, which sees no loss.

Of the tensors a of a model, with averages over their n coordinates, after t steps:

    noise_k  = -log rms(m_k / sqrt(v)), for every decay k of the momenta, corrected for their start at 0
    growth_k = log of the root mean square gradient over the last 1 / (1 - b_k) steps, against the longest of them
    q        = noise, growth, log rms(theta), log n, s
    A, B     = MLP((q, mean of noise and growth over tensors that have had a gradient, log rms of all theta, clock))
    s'       = s + 0.03 tanh(B), within [-memory, memory] where that is given
    size     = exp(bounded(A + s))

A control that is told how long the run is has a further layer of what `run_length` makes of that, whose outputs are
added to those of the first before they are cut off at 0, and multiplies sizes by the factor there.

Noise is near 0 where gradients agree from step to step, about half a log of the steps averaged over where they are
noise, and larger where they turn back, as under steps that are too long. None of it changes when the loss is scaled.
The statistics are those of the step before; in the first step all of q is 0.

    control = SizeControl(layers, decays, second_moment_decay, initializers, dtype, is_default, told)
    magnitudes, sums = control(statistics, sums, counts, step, trained_steps, length)
"""

from collections.abc import Sequence

import tensorflow as tf

from l2l_tf.networks import coordinate_features, lstm_layers, mlp_layers, run_length
from l2l_tf.networks.initializers import WeightInitializers

TOLD_LAYER = "control_told"
_RATE = 0.03  # of s, a step
_BOUND = 8.0  # of the logarithm of a size
_TINY = 1e-8  # of shares that are at most about 1
_LEAST_SQUARE = 1e-12  # of parameters
_MOST = 10.0  # of noise and growth


class SizeControl:
    """The MLP, and what goes around it.

    Args:
      layers: units of each hidden layer, at least 2.
      decays: of the momenta, K of them.
      second_moment_decay: of v.
      initializers: of the weights; layers `control_1`, ..., `control_output`.
      dtype: of the weights.
      is_default: whether the network starts as Adam does, A being minus the noise of the decay next to 0.9.
      told: whether it is told how long runs are.
      memory: the largest s, None for any.
    """

    def __init__(
        self,
        layers: Sequence[int],
        decays: Sequence[float],
        second_moment_decay: float,
        initializers: WeightInitializers,
        dtype: tf.DType,
        is_default: bool,
        told: bool = False,
        memory: float | None = None,
    ):
        self._told = told
        self._memory = memory
        self._decays = tuple(decays)
        self._second_moment_decay = second_moment_decay
        self.layers = []
        inputs = 4 * len(decays) + 2 + len(coordinate_features.TIME_SCALES)
        for layer, units in zip(layer_names(layers), (*layers, 2)):
            self.layers.append(lstm_layers.build_linear(layer, inputs, units, initializers, dtype))
            inputs = units
        if is_default:
            mlp_layers.descend(self.layers, coordinate_features.nearest(self._decays))
        if told:
            build = lstm_layers.build_linear
            self.layers.append(build(TOLD_LAYER, run_length.NUM_SEEN, layers[0], initializers, dtype))
            if is_default:
                for variable in (self.layers[-1].w, self.layers[-1].b):
                    variable.assign(tf.zeros_like(variable))

    @property
    def num_statistics(self) -> int:
        """Of a tensor: the means of theta^2, of (m_k / sqrt(v))^2 and of the squared gradient, for every decay."""
        return 1 + 2 * len(self._decays)

    def __call__(
        self,
        statistics: tf.Tensor,
        sums: tf.Tensor,
        counts: tf.Tensor,
        step: tf.Tensor,
        trained_steps: int | None,
        length: tf.Tensor | tuple[()] = (),
        weights: mlp_layers.Weights | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The logarithms of the sizes, and the next s, `[R, T]` each.

        Args:
          statistics: see `num_statistics`, of R rows (functions, or members of a population) of T tensors: `[R, T, S]`.
          sums: s, `[R, T]`.
          counts: n of each tensor, `[T]`.
          step: how many steps were taken, a scalar or `[R]`.
          trained_steps: see CoordinateMLP.
          length: of the runs, a scalar or `[R]`, 0 where it is not known; `()` where it is of none.
          weights: (w, b) of each layer in `layers`, `[M, ...]` of members that share the rows evenly; None are the
            network's own.
        """
        rows, tensors = sums.shape
        step = tf.cast(tf.reshape(step, [-1, 1, 1]), sums.dtype)
        inputs = self._inputs(statistics, sums, counts, step, trained_steps)
        if weights is None:
            weights = mlp_layers.weights_of(self.layers)
        members = weights[0][0].shape[0] if weights[0][0].shape.rank == 3 else 1
        values = tf.reshape(inputs, [members, -1, inputs.shape[2]])
        further, log_factor = tf.zeros([], sums.dtype), tf.zeros([], sums.dtype)
        if self._told:
            w, b = weights[-1]
            weights = weights[:-1]
            length = tf.zeros([1]) if isinstance(length, tuple) else length
            length = tf.cast(tf.reshape(length, [-1, 1]), sums.dtype)
            log_factor = run_length.log_factor(step[..., 0], length)
            seen, known = run_length.seen(step[..., 0] + tf.zeros_like(sums), length + tf.zeros_like(sums))
            further = _linear(w, b, tf.reshape(seen, [members, -1, run_length.NUM_SEEN]))
            further *= tf.reshape(known, [members, -1, 1])
        for w, b in weights[:-1]:
            values = tf.nn.relu(_linear(w, b, values) + further)
            further = tf.zeros([], sums.dtype)
        size, rate = tf.unstack(tf.reshape(_linear(*weights[-1], values), [rows, tensors, 2]), axis=2)
        magnitudes = _BOUND * tf.tanh((size + sums) / _BOUND) + log_factor
        sums = sums + _RATE * tf.tanh(rate)
        if self._memory is not None:
            sums = tf.clip_by_value(sums, -self._memory, self._memory)
        return magnitudes, sums

    def _inputs(self, statistics, sums, counts, step, trained_steps) -> tf.Tensor:
        """`[R, T, C]`, of steps `[R or 1, 1, 1]`."""
        count = len(self._decays)
        squares, shares, gradients = tf.split(statistics, [1, count, count], axis=2)
        begun = tf.cast(step > 0, statistics.dtype)
        first = 1 - tf.constant(self._decays, statistics.dtype) ** tf.maximum(step, 1)
        second = 1 - tf.constant(self._second_moment_decay, statistics.dtype) ** tf.maximum(step, 1)
        noise = -_half_log(shares * second / tf.square(first) + _TINY)
        powers = gradients / first
        growth = _half_log((powers[..., :-1] + _tiny(powers)) / (powers[..., -1:] + _tiny(powers)))
        # Tensors that have had no gradient have nothing to say.
        begun *= tf.cast(powers[..., -1:] > 0, statistics.dtype)
        own = begun * tf.clip_by_value(tf.concat([noise, growth], 2), -_MOST, _MOST)
        heard = tf.reduce_sum(own, 1, keepdims=True) / tf.maximum(tf.reduce_sum(begun, 1, keepdims=True), 1)
        like = tf.zeros_like(squares)
        counts = tf.cast(counts, statistics.dtype)[:, None]
        everything = tf.reduce_sum(squares * counts / tf.reduce_sum(counts), 1, keepdims=True) + like
        sizes = tf.cast(step > 0, statistics.dtype) * _half_log(tf.concat([squares, everything], 2) + _LEAST_SQUARE)
        logs = tf.math.log(counts) / 10
        clock = tf.stack(coordinate_features.clock(step[..., 0], trained_steps), 2)
        return tf.concat([own, heard + like, sizes / 5, logs + like, sums[..., None], clock + like], 2)


def layer_names(layers: Sequence[int]) -> list[str]:
    """`control_1`, ..., `control_output`, without that of the run's length."""
    return [*(f"control_{i + 1}" for i in range(len(layers))), "control_output"]


def _linear(w: tf.Tensor, b: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """On `[M, n, inputs]`, with weights of all or of each."""
    return tf.matmul(values, w) + (b[:, None] if b.shape.rank == 2 else b)


def _half_log(values: tf.Tensor) -> tf.Tensor:
    return tf.math.log(values) / 2


def _tiny(powers: tf.Tensor) -> tf.Tensor:
    """Of gradients: where all are 0, growth is 0."""
    return tf.constant(1e-30, powers.dtype)
