"""The outer objective: what of a trajectory's losses f(theta_0) ... f(theta_T) is minimised over phi."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from l2l_tf.trajectory_weights import trajectory_weights

Objective = Callable[[tf.Tensor], tf.Tensor]

_TRANSFORMS = {"identity": tf.identity, "log": tf.math.log}


def trajectory_objective(
    len_unroll: int, loss_weights: str | Sequence[float] = "all", transform: str = "identity"
) -> Objective:
    """L = sum_t w_t transform(f(theta_t)), t = 0 ... T (Andrychowicz et al. 2016, equation 3).

    Args:
      len_unroll: T.
      loss_weights: w: see `trajectory_weights`.
      transform: "identity", or "log", which gives late, small losses the weight that early, large ones have.

    Returns:
      A function from the losses `[T + 1]` to a scalar.

    Raises:
      ValueError: unknown weights or transform, or the wrong number of weights.
    """
    if transform not in _TRANSFORMS:
        raise ValueError(f"The losses' transform is one of {sorted(_TRANSFORMS)}. Received: {transform!r}.")
    weights = trajectory_weights(len_unroll, loss_weights)

    def objective(losses: tf.Tensor) -> tf.Tensor:
        return tf.tensordot(tf.constant(weights, losses.dtype), _TRANSFORMS[transform](losses), 1)

    return objective
