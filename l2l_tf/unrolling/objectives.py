"""The outer objective: what of the losses at theta_0 ... theta_T is minimised over phi, and of which losses."""

import dataclasses
import math
from collections.abc import Callable, Sequence

import tensorflow as tf

from l2l_tf.unrolling import arguments
from l2l_tf.unrolling.trajectory_weights import BEST, trajectory_weights

TRAINING, VALIDATION = "training", "validation"
LOSSES = (TRAINING, VALIDATION)
LOG_FLOOR = 1e-12  # Losses from 0 up to it are solved: they count as it, and have nothing more to give.
_HALF_FLOOR = 2.0**-14  # In float16, the other is 0.


@tf.custom_gradient
def _floored_log(losses: tf.Tensor):
    """log f, and from f = 0 to the floor the floor's, with the gradient 0.

    A loss below 0 has no logarithm: value and gradient are NaN. (1 / f, TensorFlow's gradient there, leads uphill.)
    """
    floor = tf.constant(_HALF_FLOOR if losses.dtype == tf.float16 else LOG_FLOOR, losses.dtype)
    solved = (losses >= 0) & (losses < floor)

    def gradient(cotangent):
        slope = tf.where(solved, tf.zeros_like(losses), tf.math.reciprocal(losses))
        return cotangent * tf.where(losses < 0, tf.constant(math.nan, losses.dtype), slope)

    return tf.math.log(tf.where(solved, floor, losses)), gradient


_TRANSFORMS = {"identity": tf.identity, "log": _floored_log}


@dataclasses.dataclass(frozen=True)
class Objective:
    """The meta-loss of an unroll.

    Attributes:
      reduce: from the losses `[T + 1]` to a scalar.
      loss: of which losses: "training", the f(theta_t) that the optimizer sees the gradients of, or "validation",
        the problem's `outer_validation_loss` at the same theta_t (Metz et al. 2019, section 4).
    """

    reduce: Callable[[tf.Tensor], tf.Tensor]
    loss: str = TRAINING

    def __post_init__(self):
        if self.loss not in LOSSES:
            raise ValueError(f"The outer objective's loss is one of {list(LOSSES)}. Received: {self.loss!r}.")

    @property
    def of_validation(self) -> bool:
        """Whether it needs the validation losses of a trajectory."""
        return self.loss == VALIDATION

    def __call__(self, losses: tf.Tensor) -> tf.Tensor:
        return self.reduce(losses)


@arguments.checked
def trajectory_objective(
    len_unroll: int,
    loss_weights: str | Sequence[float] = "all",
    transform: str = "identity",
    loss: str = TRAINING,
) -> Objective:
    """L = sum_t w_t transform(f(theta_t)), t = 0 ... T (Andrychowicz et al. 2016, equation 3), or the least of them.

    Args:
      len_unroll: T.
      loss_weights: w: see `trajectory_weights`; or "best", L = min_t transform(f(theta_t)), the lowest loss so far.
      transform: "identity", or "log", which gives late, small losses the weight that early, large ones have. Losses
        from 0 to `LOG_FLOOR` count as that.
      loss: which f: see `Objective`.

    Raises:
      ValueError: unknown weights, transform or loss, or the wrong number of weights.
    """
    if loss_weights == BEST:
        return Objective(lambda losses: tf.reduce_min(_TRANSFORMS[transform](losses)), loss)
    weights = trajectory_weights(len_unroll, loss_weights)

    def weighted_sum(losses: tf.Tensor) -> tf.Tensor:
        return tf.tensordot(tf.constant(weights, losses.dtype), _TRANSFORMS[transform](losses), 1)

    return Objective(weighted_sum, loss)
