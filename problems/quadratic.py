"""Random least-squares problems, many at a time."""

import tensorflow as tf

from problems.problem import Parameters, Problem, split_seed


class Quadratic(Problem):
    """f(theta) = mean over a batch of ||W theta - y||^2, W `[batch, dims, dims]`, y `[batch, dims]`.

    Parameter: `x`, `[batch, dims]`. The functions of a batch are independent: `function_axis` is 0.

    Args:
      batch_size: functions drawn together.
      num_dims: dimension of each.
      stddev: standard deviation of the Gaussian theta_0.
      draw: "uniform", W and y IID U[0, 1) as in the original code; "gaussian", IID N(0, 1) as in the paper
        (Andrychowicz et al. 2016, section 3.1); or "ill_conditioned", y IID N(0, 1) and W = Q diag(s) P with Q and P
        random rotations and the singular values s from 1 down to condition_number^-1/2, evenly spaced in their
        logarithm, so that every Hessian 2 W^T W has that condition number and no coordinate is an eigenvector.
      condition_number: of the Hessians, with draw="ill_conditioned".
      dtype: of all tensors.

    Raises:
      ValueError: an option out of range.
    """

    name = "quadratic"
    function_axis = 0

    def __init__(
        self,
        batch_size: int = 128,
        num_dims: int = 10,
        stddev: float = 0.01,
        draw: str = "uniform",
        dtype: str = "float32",
        condition_number: float = 1000.0,
    ):
        self._shape = [batch_size, num_dims]
        self._stddev = stddev
        self._draw = tf.random.stateless_uniform if draw == "uniform" else tf.random.stateless_normal
        self._condition_number = condition_number if draw == "ill_conditioned" else None
        self._dtype = tf.as_dtype(dtype)

    def _told(self, options):
        if self._condition_number is None:
            del options["condition_number"]
        return super()._told(options)

    def sample(self, seed):
        w_seed, y_seed = split_seed(seed, 2)
        w = self._draw([*self._shape, self._shape[1]], w_seed, dtype=self._dtype)
        if self._condition_number is not None:
            w = self._ill_conditioned(w, w_seed)
        y = self._draw(self._shape, y_seed, dtype=self._dtype)
        return {"w": w, "y": y}

    def _ill_conditioned(self, gaussian, seed):
        """Q diag(s) P, with the rotations of two Gaussian matrices."""
        other = tf.random.stateless_normal(gaussian.shape, tf.random.fold_in(seed, 1), dtype=self._dtype)
        q, p = tf.linalg.qr(gaussian)[0], tf.linalg.qr(other)[0]
        exponents = tf.linspace(tf.zeros([], self._dtype), 0.5, self._shape[1])
        return tf.matmul(q * tf.cast(self._condition_number, self._dtype) ** -exponents, p)

    def initial_parameters(self, instance, seed) -> Parameters:
        return {"x": tf.random.stateless_normal(self._shape, seed, stddev=self._stddev, dtype=self._dtype)}

    def loss(self, parameters, instance, seed):
        residual = tf.linalg.matvec(instance["w"], parameters["x"]) - instance["y"]
        return tf.reduce_mean(tf.reduce_sum(tf.square(residual), axis=1))
