"""Weights: their shapes and names, and the initializers by the names of a configuration."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import tensorflow as tf

from problems.problem import Parameters, split_seed

# Of a normal distribution that is cut at two standard deviations, to the standard deviation that it had before.
_TRUNCATED = 0.87962566103423978
ZEROS: dict[str, Any] = {"name": "zeros"}
ONES: dict[str, Any] = {"name": "ones"}


class Weight(NamedTuple):
    """A weight's shape, and the initializer that it starts from, as a configuration has it."""

    shape: tuple[int, ...]
    initializer: Mapping[str, Any] = ZEROS


def linear(name: str, fan_in: int, fan_out: int, initializer: Mapping[str, Any]) -> dict[str, Weight]:
    """The weights of a linear layer `name`."""
    return {f"{name}/w": Weight((fan_in, fan_out), initializer), f"{name}/b": Weight((fan_out,))}


def draw(weights: Mapping[str, Weight], seed: tf.Tensor) -> Parameters:
    """theta_0, each weight by its initializer."""
    seeds = split_seed(seed, len(weights))
    return {name: initial(*weight, s) for (name, weight), s in zip(weights.items(), seeds, strict=True)}


def initial(shape: tuple[int, ...], initializer: Mapping[str, Any], seed: tf.Tensor) -> tf.Tensor:
    """One draw, float32.

    Fans are those of Keras: of a kernel `[..., in, out]`, in and out times the number of positions. "he" and "glorot"
    and "variance_scaling" (over the fan-in, with variance `scale` over it) have normals cut at two standard deviations,
    and made wider so that their variance is right. An "orthogonal" kernel is `scale` times a matrix `[..., out]` with
    orthonormal rows or columns.
    """
    kind, scale = initializer["name"], initializer.get("scale", 1.0)
    positions = math.prod(shape[:-2])
    fan_in, fan_out = (shape[-2] * positions, shape[-1] * positions) if len(shape) > 1 else (shape[0], shape[0])
    if kind == "zeros":
        return tf.zeros(shape)
    if kind == "ones":
        return tf.ones(shape)
    if kind == "he_normal":
        return _truncated(shape, math.sqrt(2 / fan_in) / _TRUNCATED, seed)
    if kind == "he_uniform":
        return _uniform(shape, math.sqrt(6 / fan_in), seed)
    if kind == "glorot_normal":
        return _truncated(shape, math.sqrt(2 / (fan_in + fan_out)) / _TRUNCATED, seed)
    if kind == "glorot_uniform":
        return _uniform(shape, math.sqrt(6 / (fan_in + fan_out)), seed)
    if kind == "variance_scaling":
        return _truncated(shape, math.sqrt(scale / fan_in) / _TRUNCATED, seed)
    if kind == "truncated_normal":
        return _truncated(shape, scale, seed)
    if kind == "uniform":
        return _uniform(shape, scale, seed)
    if kind == "normal":
        return tf.random.stateless_normal(shape, seed, stddev=scale)
    if kind == "orthogonal":
        return scale * _orthogonal(shape, seed)
    raise ValueError(f"taskset has no such initializer. Received: {dict(initializer)}.")


def _uniform(shape, limit, seed):
    return tf.random.stateless_uniform(shape, seed, -limit, limit)


def _truncated(shape, stddev, seed):
    return tf.random.stateless_truncated_normal(shape, seed, stddev=stddev)


def _orthogonal(shape, seed):
    rows, columns = math.prod(shape[:-1]), shape[-1]
    gaussian = tf.random.stateless_normal([max(rows, columns), min(rows, columns)], seed)
    q, r = tf.linalg.qr(gaussian)
    q *= tf.sign(tf.linalg.diag_part(r))
    return tf.reshape(q if rows >= columns else tf.transpose(q), shape)
