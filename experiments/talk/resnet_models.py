"""Residual networks with bottlenecks, as Keras models: 14 layers for CIFAR-10, and 35 for images of 64 x 64."""

from typing import NamedTuple

import keras


class Block(NamedTuple):
    """A bottleneck: channels of its output, of its narrow middle, and the stride of the middle."""

    channels: int
    bottleneck: int
    stride: int


# Layers to blocks: three convolutions each, with the stem and the classifier beside them (Metz et al. 2020).
BLOCKS = {
    14: (Block(128, 32, 1), Block(128, 32, 2), Block(128, 64, 1), Block(128, 64, 2)),
    35: (
        Block(128, 32, 1),
        Block(128, 32, 2),
        *[Block(256, 64, 1)] * 2,
        Block(256, 64, 2),
        *[Block(512, 128, 1)] * 3,
        Block(512, 128, 2),
        *[Block(1024, 256, 1)] * 2,
    ),
}
# Of batch normalisation: averages of Keras's 0.99 are not those of the training yet after 200 steps.
_MOMENTUM = 0.9


def build(layers: int, size: int, num_classes: int = 10) -> keras.Model:
    """From images `[N, size, size, 3]` to logits `[N, num_classes]`: normalised before each convolution ("v2").

    He et al. 2016, "Identity mappings in deep residual networks". A convolution of 7 x 7 with stride 2, a pool of 3 x 3
    with stride 2, blocks, batch normalisation, the mean over space, and a linear layer.

    Args:
      layers: one of `BLOCKS`.
      size: pixels of a side.
      num_classes: of the logits.
    """
    images = keras.Input([size, size, 3])
    x = _convolution(64, 7, 2)(images)
    x = keras.layers.MaxPooling2D(3, 2, padding="same")(x)
    for block in BLOCKS[layers]:
        x = _residual(x, block)
    x = keras.layers.GlobalAveragePooling2D()(_normalised(x))
    return keras.Model(images, keras.layers.Dense(num_classes)(x))


def _residual(x, block: Block):
    """The sum of a shortcut and of 1 x 1, 3 x 3 and 1 x 1 convolutions."""
    seen = _normalised(x)
    changes = block.stride > 1 or x.shape[-1] != block.channels
    shortcut = _convolution(block.channels, 1, block.stride)(seen) if changes else x
    y = _normalised(_convolution(block.bottleneck, 1)(seen))
    y = _normalised(_convolution(block.bottleneck, 3, block.stride)(y))
    return shortcut + _convolution(block.channels, 1)(y)


def _normalised(x):
    return keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=_MOMENTUM, epsilon=1e-5)(x))


def _convolution(channels: int, side: int, stride: int = 1) -> keras.layers.Layer:
    return keras.layers.Conv2D(channels, side, stride, padding="same", use_bias=False, kernel_initializer="he_normal")
