"""What an MLP on each coordinate sees: numbers that stay the same when the loss is scaled.

A kind of features is a hashable value, so that calls compiled for it are found again. All kinds have the same members,
over tensors `[F, *shape]` of F independent functions, of which n coordinates each:

    decays                           K of them
    num_features                     k: num_common, then as many for every decay
    num_common_means                 of second moments that belong to no decay
    epsilons                         k numbers: below their roots, a feature's root mean square counts as nothing
    start                            the number of the feature that a fresh rule descends along
    slots(shape)                     slot to the shapes of its tensors, for a tensor of `shape`: the state
    advance(gradient, slots)         -> next slots, and what else is made of them
    seconds(slots, made)             -> the second moments among them, whose means the features need
    features(views, means)           -> k tensors, coordinate by coordinate

What is made, and second moments, may have an extent of 1 along axes of the tensor on which they do not depend; so then
have features. The views are the gradient, the parameter, the first moments and the second ones.
"""

import math
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

Tensors = tuple[tf.Tensor, ...]
Slots = dict[str, tuple[Any, ...]]
TIME_SCALES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1e3, 3e3, 1e4, 3e4, 1e5)

GRADIENT_EPSILON = 1e-16  # of squares of gradients
PARAMETER_EPSILON = 1e-6  # of squares of parameters: biases that start at 0 must not have steep features
UNIT_EPSILON = 1.0  # of squares of numbers that are about 1 where gradients agree, and must be seen to be less
_SHARE = 1e-4  # of the mean over a tensor, which keeps coordinates with no gradient from outshining the others


@dataclass(frozen=True)
class MomentFeatures:
    """The gradient g, the parameter, and of every decay b its momentum and second moment.

        m' = b m + (1 - b) g;    v' = b v + (1 - b) g^2;    r = 1 / sqrt(v' + 1e-4 mean v')

    The features are g, theta, and for every decay m', v' r (the root of v'), m' r and r: 2 + 4 K of them. Moments start
    at 0 and are not corrected for it; but for m' r, normalisation takes the factor away.

    Metz et al. 2019, "Understanding and correcting pathologies in the training of learned optimizers", appendix.
    """

    decays: tuple[float, ...]

    num_common, num_common_means = 2, 0

    @property
    def num_features(self) -> int:
        return 2 + 4 * len(self.decays)

    @property
    def epsilons(self) -> tuple[float, ...]:
        of_decay = (GRADIENT_EPSILON, GRADIENT_EPSILON, UNIT_EPSILON, GRADIENT_EPSILON)
        return (GRADIENT_EPSILON, PARAMETER_EPSILON, *of_decay * len(self.decays))

    @property
    def start(self) -> int:
        return 2 + 4 * nearest(self.decays) + 2

    def slots(self, shape: tuple[int, ...]) -> dict[str, tuple[tuple[int, ...], ...]]:
        return {"first_moments": (shape,) * len(self.decays), "second_moments": (shape,) * len(self.decays)}

    def advance(self, gradient: tf.Tensor, slots: Slots) -> tuple[Slots, Tensors]:
        first = averages(slots["first_moments"], gradient, self.decays)
        second = averages(slots["second_moments"], tf.square(gradient), self.decays)
        return {"first_moments": first, "second_moments": second}, ()

    def seconds(self, slots: Slots, made: Tensors) -> Tensors:
        return slots["second_moments"]

    def features(self, views, means) -> list[tf.Tensor]:
        count = len(self.decays)
        first, second = views[2 : 2 + count], views[2 + count :]
        features = [*views[:2]]
        for m, v, average in zip(first, second, means):
            r = inverse_root(v, average)
            features += [m, v * r, m * r, r]
        return features


def nearest(decays: tuple[float, ...]) -> int:
    """The number of the decay next to 0.9."""
    return min(range(len(decays)), key=lambda i: abs(decays[i] - 0.9))


def averages(previous: tuple[tf.Tensor, ...], new: tf.Tensor, decays: tuple[float, ...]) -> tuple[tf.Tensor, ...]:
    """b x + (1 - b) new, for every decay."""
    return tuple(decay * x + (1 - decay) * new for x, decay in zip(previous, decays))


def flat(tensor: tf.Tensor) -> tf.Tensor:
    """`[F, *shape]` as `[F, n]`."""
    if tensor.shape.rank == 2:
        return tensor
    return tf.reshape(tensor, [tensor.shape[0], math.prod(tensor.shape[1:])])


def mean(values: tf.Tensor) -> tf.Tensor:
    """Over all axes but the first, which stay with an extent of 1; 0 where they are empty."""
    count = tf.maximum(tf.cast(tf.reduce_prod(tf.shape(values)[1:]), values.dtype), 1)
    return tf.reduce_sum(values, axis=list(range(1, values.shape.rank)), keepdims=True) / count


def inverse_root(values: tf.Tensor, average: tf.Tensor) -> tf.Tensor:
    """1 / sqrt(values + 1e-4 average), finite where all is 0."""
    return tf.math.rsqrt(values + _SHARE * average + GRADIENT_EPSILON)


def time_features(step: tf.Tensor, dtype: tf.DType, trained_steps: int | None = None) -> tf.Tensor:
    """tanh(t / tau - 1) for time scales tau from 1 to 100,000 steps, `[11]`; t stays at the last of `trained_steps`."""
    step = stopped(tf.cast(step, dtype), trained_steps)
    return tf.tanh(step / tf.constant(TIME_SCALES, dtype) - 1)


def clock(steps: tf.Tensor, trained_steps: int | None = None) -> list[tf.Tensor]:
    """`time_features` of a step for every coordinate: 11 tensors shaped as `steps`."""
    steps = stopped(steps, trained_steps)
    return [tf.tanh(steps / scale - 1) for scale in TIME_SCALES]


def stopped(step: tf.Tensor, trained_steps: int | None) -> tf.Tensor:
    """`step`, or the last of `trained_steps` where that is earlier."""
    return step if trained_steps is None else tf.minimum(step, tf.constant(trained_steps - 1, step.dtype))
