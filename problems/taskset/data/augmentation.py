"""Random crops, flips and colours of a minibatch, as pure arithmetic on its images and drawn numbers."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from problems.problem import split_seed

Draws = dict[str, tf.Tensor]


def draw(config: Mapping[str, Any], count: int | tf.Tensor, seed: tf.Tensor) -> Draws:
    """The random numbers of `count` images: each `[count]`."""
    color = config["color"] or {}
    seeds = iter(split_seed(seed, 8))

    def uniform(low, high):
        return tf.random.stateless_uniform([count], next(seeds), low, high)

    offsets = [tf.random.stateless_uniform([count], next(seeds), 0, config["crop"] + 1, tf.int32) for _ in range(2)]
    draws = {
        "top": offsets[0],
        "left": offsets[1],
        "flip_left_right": uniform(0, 1),
        "flip_up_down": uniform(0, 1),
    }
    if color:
        draws["brightness"] = uniform(-color["brightness"], color["brightness"])
        draws["saturation"] = uniform(1 - color["saturation"], 1 + color["saturation"])
        draws["hue"] = uniform(-color["hue"], color["hue"])
        draws["contrast"] = uniform(1 - color["contrast"], 1 + color["contrast"])
    return draws


def augment(config: Mapping[str, Any], images: tf.Tensor, draws: Draws) -> tf.Tensor:
    """`[B, height, width, channels]` of 0 to 1; smaller by `crop`, and cut to 0 to 1 again after colours."""
    if config["crop"]:
        images = _shifted(images, draws["top"], config["crop"], 1)
        images = _shifted(images, draws["left"], config["crop"], 2)
    if config["flip_left_right"]:
        images = tf.where(_each(draws["flip_left_right"] < 0.5), tf.reverse(images, [2]), images)
    if config["flip_up_down"]:
        images = tf.where(_each(draws["flip_up_down"] < 0.5), tf.reverse(images, [1]), images)
    if config["color"]:
        images = images + _each(draws["brightness"])
        images = saturated(images, _each(draws["saturation"]))
        images = turned(images, _each(draws["hue"]))
        mean = tf.reduce_mean(images, [1, 2], keepdims=True)
        images = tf.clip_by_value((images - mean) * _each(draws["contrast"]) + mean, 0, 1)
    return images


def saturated(images: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """The saturation of HSV times `factor`, cut to 0 to 1; value and hue stay. As `tf.image.adjust_saturation`."""
    images = tf.clip_by_value(images, 0, 1)
    value = tf.reduce_max(images, -1, keepdims=True)
    chroma = value - tf.reduce_min(images, -1, keepdims=True)
    most = tf.math.divide_no_nan(value, chroma)  # From which factor on the saturation is 1.
    return value - (value - images) * tf.minimum(tf.maximum(factor, 0), most)


def turned(images: tf.Tensor, by: tf.Tensor) -> tf.Tensor:
    """The hue of HSV moved on by `by` turns; value and saturation stay. As `tf.image.adjust_hue`."""
    value = tf.reduce_max(images, -1, keepdims=True)
    chroma = value - tf.reduce_min(images, -1, keepdims=True)
    red, green, blue = tf.split(images, 3, -1)
    sixths = tf.where(
        tf.equal(value, red),
        tf.math.divide_no_nan(green - blue, chroma),
        tf.where(
            tf.equal(value, green),
            2 + tf.math.divide_no_nan(blue - red, chroma),
            4 + tf.math.divide_no_nan(red - green, chroma),
        ),
    )
    k = tf.math.floormod(tf.constant([5.0, 3.0, 1.0]) + sixths + 6 * by, 6.0)
    return value - chroma * tf.clip_by_value(tf.minimum(k, 4 - k), 0, 1)


def _each(numbers: tf.Tensor) -> tf.Tensor:
    return tf.reshape(numbers, [-1, 1, 1, 1])


def _shifted(images: tf.Tensor, offsets: tf.Tensor, crop: int, axis: int) -> tf.Tensor:
    """Each image from its offset on, `crop` smaller on an axis."""
    size = images.shape[axis] - crop
    found = images[:, :size] if axis == 1 else images[:, :, :size]
    for offset in range(1, crop + 1):
        moved = images[:, offset : offset + size] if axis == 1 else images[:, :, offset : offset + size]
        found = tf.where(_each(tf.equal(offsets, offset)), moved, found)
    return found
