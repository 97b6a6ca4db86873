"""VGG-19 to its third block: what a network that has seen a million photographs makes of an image.

Simonyan and Zisserman 2015, "Very deep convolutional networks for large-scale image recognition": 3x3 convolutions
with ReLU, in blocks with pooling in between. The pooling takes means where the original takes maxima, as Gatys et al.
2016 (section 2) do for images that are to be optimized: gradients reach every pixel, and on a CPU take a third less
time.
"""

import itertools
import math
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from problems.pictures import IMAGENET, expand

_CHANNELS = {
    "block1_conv1": 64,
    "block1_conv2": 64,
    "block2_conv1": 128,
    "block2_conv2": 128,
    "block3_conv1": 256,
    "block3_conv2": 256,
    "block3_conv3": 256,
    "block3_conv4": 256,
}
LAYERS = tuple(_CHANNELS)
_MOST_OF_A_HEADER = 10_000  # NumPy reads none that is longer.
# Of the three colours over ImageNet, blue first, on the scale 0 to 255.
_MEAN_BGR = (103.939, 116.779, 123.68)


def features(weights: dict[str, tf.Tensor], image: tf.Tensor, layers: Iterable[str]) -> dict[str, tf.Tensor]:
    """What the named layers make of an image, after ReLU.

    Args:
      weights: as `load_weights` gives them.
      image: `[height, width, 3]`, RGB on the scale 0 to 255; both sizes multiples of 4.
      layers: of `LAYERS`.

    Returns:
      Layer to `[height / 2^(block - 1), width / 2^(block - 1), channels]`.
    """
    wanted = set(layers)
    x = (tf.reverse(image, [-1]) - tf.constant(_MEAN_BGR, image.dtype))[tf.newaxis]
    found = {}
    for last, layer in itertools.pairwise(("block1", *LAYERS)):
        if last[:6] != layer[:6]:
            x = tf.nn.avg_pool2d(x, 2, 2, "VALID")
        x = tf.nn.relu(tf.nn.conv2d(x, weights[f"{layer}/kernel"], 1, "SAME") + weights[f"{layer}/bias"])
        if layer in wanted:
            found[layer] = x[0]
        if len(found) == len(wanted):
            break
    return found


def load_weights(source: str) -> dict[str, np.ndarray]:
    """`block1_conv1/kernel`, `block1_conv1/bias` ... `block3_conv4/bias`, float32, as in Keras.

    Args:
      source: an `.npz` file with these names, others being passed over, or "imagenet" for those of
        `keras.applications`, which Keras downloads once and keeps.

    Raises:
      ValueError: no such file, or one without these weights; a download that failed.
    """
    weights = _from_keras() if source == IMAGENET else _from_file(source)
    for name, shape in _shapes().items():
        if weights[name].shape != shape or weights[name].dtype.kind != "f":
            raise ValueError(
                f"vgg_weights: {name} has the shape {list(shape)} in VGG-19, and holds floats. Received: "
                f"{list(weights[name].shape)}, {weights[name].dtype}, in {source!r}."
            )
    return {name: value.astype(np.float32) for name, value in weights.items()}


def _shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    fan_in = 3
    for layer, fan_out in _CHANNELS.items():
        shapes |= {f"{layer}/kernel": (3, 3, fan_in, fan_out), f"{layer}/bias": (fan_out,)}
        fan_in = fan_out
    return shapes


def _from_file(source: str) -> dict[str, np.ndarray]:
    path = expand(source)
    try:
        with np.load(path, allow_pickle=False) as stored:
            missing = [name for name in _shapes() if name not in stored]
            if missing:
                raise ValueError(
                    f"vgg_weights: the file has no {missing[0]}; it holds VGG-19's block1_conv1/kernel, "
                    f"block1_conv1/bias ... block3_conv4/bias. Received: {str(path)!r}."
                )
            # Looked at before anything is inflated: nothing of them is larger than in double precision.
            for name, shape in _shapes().items():
                if stored.zip.getinfo(f"{name}.npy").file_size > 8 * math.prod(shape) + _MOST_OF_A_HEADER:
                    raise ValueError(
                        f"vgg_weights: {name} has the shape {list(shape)} in VGG-19, and holds floats. Received: a "
                        f"larger one, in {source!r}."
                    )
            return {name: stored[name] for name in _shapes()}
    except FileNotFoundError:
        raise ValueError(f"vgg_weights: there is no such file. Received: {str(path)!r}.") from None
    except Exception as error:  # Whatever zipfile, zlib and NumPy make of damaged bytes, or of other files.
        if str(error).startswith("vgg_weights"):
            raise
        raise ValueError(f"vgg_weights is an .npz file, or {IMAGENET!r}. Received: {str(path)!r}.") from error


def _from_keras() -> dict[str, np.ndarray]:
    import keras

    try:
        model = keras.applications.VGG19(include_top=False, weights=IMAGENET)
    except Exception as error:  # Keras raises no more special one where the download fails.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"vgg_weights: Keras could not fetch VGG-19 ({reason}). Check the network, or name a file with these "
            'weights in the option "vgg_weights".'
        ) from error
    weights: dict[str, np.ndarray] = {}
    for layer in LAYERS:
        kernel, bias = model.get_layer(layer).get_weights()
        weights |= {f"{layer}/kernel": kernel, f"{layer}/bias": bias}
    return weights
