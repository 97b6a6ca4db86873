"""An MLP on every coordinate of a tensor, its inputs normalised over the tensor.

With x_j the features of coordinate j (see `coordinate_features`) and c what all coordinates of a tensor share:

    s    = 1 / sqrt(mean_j x_j^2 + epsilon)
    h    = relu((s x_j, c) W_1 + b_1), and so on through the hidden layers
    d, e = h W + b
    u_j  = scale d exp(magnitude_scale e)

The scales are folded into the first layer's weights, and c into its biases, so neither is ever spread over coordinates.
Large tensors go through compiled calls, the MLP in blocks of coordinates that fit into the cache and that the executor
runs in parallel. The same pure functions make both paths.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import sonnet as snt
import tensorflow as tf

from l2l_tf.networks.coordinate_features import Slots, flat, mean

COMPILED_FROM = 16_384  # Coordinates of a tensor from which compiling pays.
BLOCK = 16_384

Weights = tuple[tuple[tf.Tensor, tf.Tensor], ...]


class Rule(NamedTuple):
    """What an MLP sees, and what becomes of its outputs; hashable.

    Attributes:
      kind: of the features.
      scale, magnitude_scale: of the updates.
    """

    kind: Any
    scale: float
    magnitude_scale: float


class Seen(NamedTuple):
    """What the MLP sees of a tensor of F functions of n coordinates.

    Attributes:
      views: `[F, n]` each, what features are made of.
      means: `[F, 1]` each.
      squares: `[F, k]`, the mean square of each feature.
      scales: `[F, k]`, s of each feature.
    """

    views: tuple[tf.Tensor, ...]
    means: tuple[tf.Tensor, ...]
    squares: tf.Tensor
    scales: tf.Tensor


def layer_names(layers: Sequence[int]) -> list[str]:
    """`hidden_1`, `hidden_2`, ..., `output`."""
    return [*(f"hidden_{i + 1}" for i in range(len(layers))), "output"]


def descend(layers: Sequence[snt.Linear], feature: int) -> None:
    """Makes the first output minus the feature of that number, and the others 0, whatever else the inputs are.

    Two units of each hidden layer carry the feature's positive and negative part. The others keep their weights, and
    start without a say.
    """
    for i, layer in enumerate(layers):
        w = layer.w.numpy()
        if i == 0:
            w[:, :2] = 0
            w[feature, :2] = [1, -1]
        elif i < len(layers) - 1:
            w[:, :2] = 0
            w[:2, :2] = np.eye(2)
        else:
            w[:] = 0
            w[:2, 0] = [-1, 1]
        layer.w.assign(w)


def weights_of(layers: Sequence[snt.Linear]) -> Weights:
    """(w, b) of each layer."""
    return tuple((tf.convert_to_tensor(layer.w), tf.convert_to_tensor(layer.b)) for layer in layers)


def see(kind: Any, gradient: tf.Tensor, parameter: tf.Tensor, slots: Slots) -> tuple[Seen, Slots]:
    """What is to be seen of a tensor `[F, *shape]`, and the next slots."""
    look = _look_by_decays if _is_large(gradient) else _look
    means, squares, next_slots, made = look(kind, gradient, parameter, slots)
    scales = tf.math.rsqrt(squares + tf.constant(kind.epsilons, squares.dtype))
    views = _views(kind, gradient, parameter, next_slots, made)
    if gradient.shape.rank > 2:
        views = tuple(tf.broadcast_to(view, gradient.shape) for view in views)
    return Seen(tuple(map(flat, views)), tuple(map(flat, means)), squares, scales), next_slots


def run(
    rule: Rule, weights: Weights, seen: Seen, shared: tf.Tensor, magnitude: tf.Tensor, with_mean: bool = False
) -> tuple[tf.Tensor, tf.Tensor]:
    """The updates `[F, n]`, and the last hidden layer's mean over the coordinates `[F, units]`.

    Args:
      rule: what the MLP sees, and what becomes of its outputs.
      weights: of the layers.
      seen: see `see`.
      shared: c, `[F, c]`.
      magnitude: `[F, 1]`, added to the outputs' magnitudes.
      with_mean: whether the mean is wanted; else it is 0.
    """
    w, b = weights[0]
    num_features = rule.kind.num_features
    first = seen.scales[:, :, None] * w[:num_features]
    # Products of nothing end the process in oneDNN.
    bias = tf.matmul(shared, w[num_features:]) + b if shared.shape[1] else b[None]
    rest = (first, bias, weights[1:], magnitude)
    if not _is_large(seen.views[0]):
        updates, total = _respond(rule, with_mean, *rest, seen.views, seen.means)
    else:
        sizes = _block_sizes(seen.views[0].shape[1])
        starts = np.cumsum([0, *sizes[:-1]])
        results = [
            _compiled(_respond_block, rule, with_mean, size)(tf.constant(start), *rest, seen.views, seen.means)
            for start, size in zip(starts, sizes)
        ]
        updates = tf.concat([block for block, _ in results], axis=1)
        total = tf.add_n([of_block for _, of_block in results])
    return updates, total / tf.maximum(tf.cast(tf.shape(seen.views[0])[1], total.dtype), 1)


def _look(kind: Any, gradient: tf.Tensor, parameter: tf.Tensor, slots: Slots, begin: int = 0):
    """The means, the mean squares of the features from number `begin` on, the next slots and what else is made."""
    next_slots, made = kind.advance(gradient, slots)
    means = tuple(mean(second) for second in kind.seconds(next_slots, made))
    features = kind.features(_views(kind, gradient, parameter, next_slots, made), means)
    squares = tf.concat([flat(mean(tf.square(feature))) for feature in features[begin:]], axis=1)
    return means, squares, next_slots, made


def _look_by_decays(kind: Any, gradient: tf.Tensor, parameter: tf.Tensor, slots: Slots):
    """`_look` in a compiled call for each decay, which the executor runs in parallel."""
    count = len(kind.decays)
    parts = []
    for i, decay in enumerate(kind.decays):
        own = {slot: values[i : i + 1] if len(values) == count else values for slot, values in slots.items()}
        alone = dataclasses.replace(kind, decays=(decay,))
        begin = kind.num_common if i else 0  # What no decay is in, once is enough.
        parts.append(_compiled(_look, alone, begin=begin)(gradient, parameter, own))
    of_means, of_squares, of_slots, of_made = zip(*parts)
    means = sum((part[kind.num_common_means :] for part in of_means), of_means[0][: kind.num_common_means])
    next_slots = {
        slot: sum((part[slot] for part in of_slots), ()) if len(values) == count else of_slots[0][slot]
        for slot, values in slots.items()
    }
    return means, tf.concat(of_squares, axis=1), next_slots, sum(of_made, ())


def _views(kind: Any, gradient: tf.Tensor, parameter: tf.Tensor, slots: Slots, made) -> tuple[tf.Tensor, ...]:
    return (gradient, parameter, *slots["first_moments"], *kind.seconds(slots, made))


def _respond(
    rule: Rule, with_mean: bool, first, bias, rest: Weights, magnitude, views, means
) -> tuple[tf.Tensor, tf.Tensor]:
    inputs = tf.stack(rule.kind.features(views, means), axis=1)
    hidden = tf.nn.relu(tf.matmul(first, inputs, transpose_a=True) + bias[:, :, None])
    for w, b in rest[:-1]:
        hidden = tf.nn.relu(_apply(w, b, hidden))
    total = tf.reduce_sum(hidden, axis=2) if with_mean else tf.zeros([1, 1], hidden.dtype)
    direction, own_magnitude = tf.unstack(_apply(*rest[-1], hidden), axis=1)
    return rule.scale * direction * tf.exp(rule.magnitude_scale * (own_magnitude + magnitude)), total


def _respond_block(
    rule: Rule, with_mean: bool, size: int, start, first, bias, rest: Weights, magnitude, views, means
) -> tuple[tf.Tensor, tf.Tensor]:
    """Of `size` coordinates from `start`: cut within the compiled call, it costs no copy."""
    block = tuple(tf.slice(view, [0, start], [view.shape[0], size]) for view in views)
    return _respond(rule, with_mean, first, bias, rest, magnitude, block, means)


def _apply(w: tf.Tensor, b: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """A linear layer on `[F, inputs, n]`."""
    return tf.matmul(tf.transpose(w)[None], values) + b[:, None]


@functools.cache
def _compiled(function: Callable, *static: Any, **options: Any):
    return tf.function(functools.partial(function, *static, **options), jit_compile=True, autograph=False)


def _is_large(tensor: tf.Tensor) -> bool:
    return tensor.shape.is_fully_defined() and math.prod(tensor.shape) >= COMPILED_FROM


def _block_sizes(num_coordinates: int) -> list[int]:
    """Blocks of one size, but for the last."""
    num_blocks = max(1, round(num_coordinates / BLOCK))
    size = math.ceil(num_coordinates / num_blocks)
    full, rest = divmod(num_coordinates, size)
    return [size] * full + [rest] * (rest > 0)
