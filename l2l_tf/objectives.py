"""The outer objective: what of a trajectory's losses f(theta_0) ... f(theta_T) is minimised over phi."""

from collections.abc import Callable, Sequence

import tensorflow as tf

Objective = Callable[[tf.Tensor], tf.Tensor]

_TRANSFORMS = {"identity": tf.identity, "log": tf.math.log}


def trajectory_objective(
    len_unroll: int, loss_weights: str | Sequence[float] = "all", transform: str = "identity"
) -> Objective:
    """L = sum_t w_t transform(f(theta_t)), t = 0 ... T (Andrychowicz et al. 2016, equation 3).

    Args:
      len_unroll: T.
      loss_weights: w: "all" (every weight 1), "final" (only w_T = 1), or T + 1 numbers.
      transform: "identity", or "log", which gives late, small losses the weight that early, large ones have.

    Returns:
      A function from the losses `[T + 1]` to a scalar.

    Raises:
      ValueError: unknown weights or transform, or the wrong number of weights.
    """
    if transform not in _TRANSFORMS:
        raise ValueError(f"The losses' transform is one of {sorted(_TRANSFORMS)}. Received: {transform!r}.")
    if loss_weights == "all":
        loss_weights = [1.0] * (len_unroll + 1)
    elif loss_weights == "final":
        loss_weights = [0.0] * len_unroll + [1.0]
    elif isinstance(loss_weights, str):
        raise ValueError(f"loss_weights is 'all', 'final' or a list of numbers. Received: {loss_weights!r}.")
    if len(loss_weights) != len_unroll + 1:
        raise ValueError(
            f"loss_weights needs {len_unroll + 1} numbers, w_0 to w_{len_unroll}, for unrolls of {len_unroll} steps. "
            f"Received: {len(loss_weights)}."
        )
    weights = list(loss_weights)

    def objective(losses: tf.Tensor) -> tf.Tensor:
        return tf.tensordot(tf.constant(weights, losses.dtype), _TRANSFORMS[transform](losses), 1)

    return objective
