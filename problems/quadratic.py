"""Random least-squares problems, many at a time."""

import tensorflow as tf

from problems.problem import Parameters, Problem, split_seed

_DRAWS = ("uniform", "gaussian")


class Quadratic(Problem):
    """f(theta) = mean over a batch of ||W theta - y||^2, W `[batch, dims, dims]`, y `[batch, dims]`.

    Parameter: `x`, `[batch, dims]`. The functions of a batch are independent: `function_axis` is 0.

    Args:
      batch_size: functions drawn together.
      num_dims: dimension of each.
      stddev: standard deviation of the Gaussian theta_0.
      draw: "uniform", W and y IID U[0, 1) as in the original code, or "gaussian", IID N(0, 1) as in the paper
        (Andrychowicz et al. 2016, section 3.1).
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
    ):
        if draw not in _DRAWS:
            raise ValueError(f"quadratic draws are {list(_DRAWS)}. Received: draw={draw!r}.")
        if batch_size < 1 or num_dims < 1:
            raise ValueError(
                "quadratic needs batch_size and num_dims of at least 1. "
                f"Received: batch_size={batch_size}, num_dims={num_dims}."
            )
        self.options = {
            "batch_size": batch_size,
            "num_dims": num_dims,
            "stddev": stddev,
            "draw": draw,
            "dtype": dtype,
        }
        self._shape = [batch_size, num_dims]
        self._stddev = stddev
        self._draw = tf.random.stateless_uniform if draw == "uniform" else tf.random.stateless_normal
        self._dtype = tf.as_dtype(dtype)

    def sample(self, seed):
        w_seed, y_seed = split_seed(seed, 2)
        w = self._draw([*self._shape, self._shape[1]], w_seed, dtype=self._dtype)
        y = self._draw(self._shape, y_seed, dtype=self._dtype)
        return {"w": w, "y": y}

    def initial_parameters(self, instance, seed) -> Parameters:
        return {"x": tf.random.stateless_normal(self._shape, seed, stddev=self._stddev, dtype=self._dtype)}

    def loss(self, parameters, instance, seed):
        residual = tf.linalg.matvec(instance["w"], parameters["x"]) - instance["y"]
        return tf.reduce_mean(tf.reduce_sum(tf.square(residual), axis=1))
