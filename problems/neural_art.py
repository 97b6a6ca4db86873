"""Neural art: an image with the content of a photograph and the style of a painting."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from problems import pictures, vgg
from problems.problem import Parameters, Problem, draw_rows, split_seed

CONTENT_LAYER = "block3_conv2"
STYLE_LAYERS = ("block1_conv1", "block2_conv1", "block3_conv1", "block3_conv4")


class Targets(NamedTuple):
    """What a draw is about.

    Attributes:
      image: `[height, width, 3]`, the content in units of theta.
      content: features of the content.
      style: the Gram matrices of the style, layer to `[channels, channels]`.
    """

    image: tf.Tensor
    content: tf.Tensor
    style: dict[str, tf.Tensor]


class NeuralArt(Problem):
    """f(theta) = alpha content + beta style + gamma variation, of an image theta.

    Andrychowicz et al. 2016, section 3.4, after Gatys, Ecker and Bethge 2016, "Image style transfer using
    convolutional neural networks". With F_l the features of layer l of VGG-19 and G_l = F_l^T F_l / positions:

        content   = |F(theta) - F(content)|^2 / |F(content)|^2                  of block3_conv2
        style     = mean over l of |G_l(theta) - G_l(style)|^2 / |G_l(style)|^2
                    of block1_conv1, block2_conv1, block3_conv1, block3_conv4
        variation = mean squared difference of neighbouring pixels

    Each term is relative to its target, so that f is of the order of 1, whatever the pictures, their size and the
    scale of the features: near 1 for mid-grey, 3 to 10 for standard Gaussian noise, below 0.1 at the end.
    Gatys goes on to blocks 4 and 5 of VGG-19; on 64 x 64 pixels those see 8 x 8 and 4 x 4.

    Parameter: `image`, `[height, width, 3]`, RGB, from black at -1 to white at 1 (where theta ends is not bounded;
    `to_pixels` cuts). theta_0 is IID Gaussian around mid-grey, as in the paper, or around the content. Its standard
    deviation and the weights, which the paper does not give, decide how much an optimizer can win: docs/neural_art.md.

    A draw picks a content and a style. Pictures are cut to the shape in the middle.

    Args:
      content: a folder of photographs, or a file or list of files; see `pictures.find`.
      style: the same for paintings, of which no split is made.
      vgg_weights: a file with the weights of VGG-19 as `vgg.load_weights` takes it, or "imagenet" for Keras' own,
        which are downloaded at the first use.
      size: height and width of the image, or `[height, width]`; multiples of 4, at least 16.
      split: of a folder of contents: "train", "validation", "test" or "all".
      content_weight, style_weight, variation_weight: alpha, beta, gamma.
      start: what theta_0 is around: "noise" for mid-grey, or "content".
      stddev: of theta_0.
      dtype: of the image and the loss.

    Raises:
      ValueError: an option out of range; a file or folder that is missing or does not hold what it should.
    """

    name = "neural_art"

    def __init__(
        self,
        content: str | Sequence[str],
        style: str | Sequence[str],
        vgg_weights: str = vgg.IMAGENET,
        size: int | Sequence[int] = 64,
        split: str = "train",
        content_weight: float = 0.05,
        style_weight: float = 1.0,
        variation_weight: float = 0.03,
        start: str = "noise",
        stddev: float = 1.0,
        dtype: str = "float32",
    ):
        self._shape = _shape(size)
        weights = (content_weight, style_weight, variation_weight)
        if not any(weights):
            raise ValueError(
                "content_weight, style_weight and variation_weight are not all 0. "
                f"Received: {content_weight}, {style_weight} and {variation_weight}."
            )
        self._content_weight, self._style_weight, self._variation_weight = weights
        self._start, self._stddev = start, stddev
        self._dtype = tf.as_dtype(dtype)
        content_files = pictures.find("content", content, split)
        style_files = pictures.find("style", style, "all")
        arrays = vgg.load_weights(vgg_weights)
        self._weights = {name: tf.constant(array, self._dtype) for name, array in arrays.items()}
        self._contents = self._read(content_files)
        self._styles = self._read(style_files)

    def sample(self, seed):
        content_seed, style_seed = split_seed(seed, 2)
        image = self._drawn(self._contents, content_seed)
        style = self._drawn(self._styles, style_seed)
        return Targets(
            image,
            vgg.features(self._weights, to_scale_of_255(image), [CONTENT_LAYER])[CONTENT_LAYER],
            {layer: gram(x) for layer, x in self._features(style, STYLE_LAYERS).items()},
        )

    def initial_parameters(self, instance, seed) -> Parameters:
        noise = tf.random.stateless_normal([*self._shape, 3], seed, stddev=self._stddev, dtype=self._dtype)
        return {"image": noise + instance.image if self._start == "content" else noise}

    def loss(self, parameters, instance, seed):
        content, style, variation = self.terms(parameters, instance)
        return self._content_weight * content + self._style_weight * style + self._variation_weight * variation

    def terms(self, parameters: Parameters, instance: Targets) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Content, style and variation, unweighted."""
        image = parameters["image"]
        found = self._features(image, {CONTENT_LAYER, *STYLE_LAYERS})
        content = _relative_error(found[CONTENT_LAYER], instance.content)
        style = [_relative_error(gram(found[layer]), target) for layer, target in instance.style.items()]
        return content, tf.add_n(style) / len(style), total_variation(image)

    def _features(self, image, layers) -> dict[str, tf.Tensor]:
        return vgg.features(self._weights, to_scale_of_255(image), layers)

    def _drawn(self, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        (row,) = tf.unstack(draw_rows(seed, 1, images.shape[0]))
        return tf.cast(images[row], self._dtype) / 127.5 - 1

    def _read(self, files: Any) -> tf.Tensor:
        return tf.constant(np.stack([pictures.read(file, *self._shape) for file in files]))


def gram(features: tf.Tensor) -> tf.Tensor:
    """`[height, width, channels]` to `[channels, channels]`: products of channels, averaged over positions."""
    rows = tf.reshape(features, [-1, features.shape[-1]])
    return tf.matmul(rows, rows, transpose_a=True) / rows.shape[0]


def total_variation(image: tf.Tensor) -> tf.Tensor:
    """The mean squared difference of pixels below one another, plus that of pixels side by side."""
    down = image[1:] - image[:-1]
    across = image[:, 1:] - image[:, :-1]
    return tf.reduce_mean(tf.square(down)) + tf.reduce_mean(tf.square(across))


def to_scale_of_255(image: tf.Tensor) -> tf.Tensor:
    """From theta's scale, -1 to 1, to 0 to 255."""
    return 127.5 * (image + 1)


def to_pixels(image: tf.Tensor) -> np.ndarray:
    """theta as uint8 `[height, width, 3]`; what lies beyond black and white is cut."""
    return np.clip(np.round(to_scale_of_255(np.asarray(image, np.float64))), 0, 255).astype(np.uint8)


def _relative_error(found: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.math.squared_difference(found, target)) / tf.reduce_sum(tf.square(target))


def _shape(size: int | Sequence[int]) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int) else size
    return height, width
