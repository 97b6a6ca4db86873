"""Training image classifiers: MNIST and CIFAR-10, as in the paper and the original code."""

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import tensorflow as tf

from problems import datasets
from problems.held_out import mean_over_rows
from problems.layers import Classifier, ConvNet, Mlp
from problems.problem import Parameters, Problem, draw_rows, split_seed

# Batch normalisation makes the loss depend on the batch, so the batches of held-out data have a size of their
# own, whatever that of the minibatches is.
_HELD_OUT_BATCH = 500
_AVERAGED = "_running_averages"


class Split(NamedTuple):
    """Some rows of an array of images: images uint8 `[N, height, width, channels]`, labels and rows int32."""

    images: tf.Tensor
    labels: tf.Tensor
    rows: tf.Tensor


class ImageClassification(Problem):
    """f(theta) = mean cross entropy of a classifier over a minibatch of images, drawn with replacement.

    Pixels are divided by 255. theta_0 is IID Gaussian, as in the original code; the offsets of batch
    normalisation (`.../beta`) start at 0.

    Splits: the last `validation_size` training images are "validation", the test images "test"; minibatches
    come from the other training images, or in mode "test", as in the original code, from the test images.

    With batch normalisation, the split "test_running_averages" is the test images normalised by running averages of the
    minibatches' moments, as classifiers are used, and not by the batch's own, as the paper measures them.

    `held_out_loss` takes a split in its stored order, in batches of 500 (in nearly equal ones where 500 does not
    divide it). The size matters under batch normalisation, which goes by each batch's own moments.

    With `input_noise`, held-out images (`validation_loss` and `held_out_loss`) come with Gaussian noise on their
    pixels, the minibatches of `loss` without: the shift between what is trained on and what counts of Metz et al. 2019,
    "Using learned optimizers to make models robust to input noise". A whole split has the same noise every time.

    Args:
      classifier: the network.
      load: from "train" or "test" to all its images, uint8 `[N, height, width, channels]`, and labels `[N]`.
      labels: the labels to keep, relabelled 0 ... k - 1 in that order; None keeps all.
      mode: "train" or "test".
      batch_size: of the minibatches.
      stddev: the standard deviation of theta_0.
      validation_size: how many of the training images are held out.
      input_noise: standard deviation of the noise on held-out pixels, which lie in 0 to 1.
      dtype: of the parameters and the loss.

    Raises:
      ValueError: an option out of range.
      DatasetNotPreparedError: by `load`.
    """

    held_out_splits = ("validation", "test")
    _newer = MappingProxyType({"input_noise": 0.0})

    def __init__(
        self,
        classifier: Classifier,
        load: Callable[[str], tuple[tf.Tensor, tf.Tensor]],
        /,
        labels: Sequence[int] | None = None,
        mode: str = "train",
        batch_size: int = 128,
        stddev: float = 0.01,
        validation_size: int = 5_000,
        input_noise: float = 0.0,
        dtype: str = "float32",
    ):
        if labels is not None and len(set(labels)) < len(labels):
            raise ValueError(f"labels is a list of different labels. Received: {list(labels)}.")
        self._classifier = classifier
        self._load = load
        self._kept = None if labels is None else list(labels)
        self._batch_size = batch_size
        self._stddev = stddev
        self._validation_size = validation_size
        self._input_noise = input_noise
        self._dtype = tf.as_dtype(dtype)
        if any(name.endswith("/beta") for name in classifier.shapes):
            self.averaged_splits = (f"test{_AVERAGED}",)
        self._splits: dict[str, Split] = {}
        self._drawn = mode
        self._split(mode)  # Missing data is better known now than at the first step.

    def initial_parameters(self, instance, seed) -> Parameters:
        shapes = self._classifier.shapes
        return {
            name: tf.zeros(shape, self._dtype)
            if name.endswith("/beta")
            else tf.random.stateless_normal(shape, parameter_seed, stddev=self._stddev, dtype=self._dtype)
            for (name, shape), parameter_seed in zip(shapes.items(), split_seed(seed, len(shapes)), strict=True)
        }

    def loss(self, parameters, instance, seed):
        return tf.reduce_mean(self._minibatch_losses(parameters, self._drawn, seed))

    def validation_loss(self, parameters, instance, seed):
        return tf.reduce_mean(self._minibatch_losses(parameters, "validation", seed, tf.random.fold_in(seed, 1)))

    def held_out_loss(self, parameters, instance, split):
        if split not in self.held_out_splits:
            return super().held_out_loss(parameters, instance, split)
        return self._mean_loss(parameters, split)

    def statistics(self, parameters, instance, seed):
        if not self.averaged_splits:
            return super().statistics(parameters, instance, seed)
        data = self._split(self._drawn)
        images = self._images(data, self._minibatch_rows(data, seed), None)
        return self._classifier.moments(parameters, images)

    def averaged_loss(self, parameters, instance, split, averages):
        if split not in self.averaged_splits:
            return super().averaged_loss(parameters, instance, split, averages)
        return self._mean_loss(parameters, split.removesuffix(_AVERAGED), averages)

    def _mean_loss(self, parameters, split, moments=None):
        data = self._split(split)

        def losses(first, end, number):
            rows = data.rows[first:end]
            return tf.reduce_sum(self._losses(parameters, data, rows, tf.stack([number, 0]), moments))

        return mean_over_rows(losses, data.rows.shape[0], _HELD_OUT_BATCH, self._dtype)

    def _minibatch_losses(self, parameters, split, seed, noise_seed=None):
        data = self._split(split)
        return self._losses(parameters, data, self._minibatch_rows(data, seed), noise_seed)

    def _minibatch_rows(self, data, seed):
        return tf.gather(data.rows, draw_rows(seed, self._batch_size, data.rows.shape[0]))

    def _losses(self, parameters, data, rows, noise_seed, moments=None):
        given = () if moments is None else (moments,)
        logits = self._classifier.logits(parameters, self._images(data, rows, noise_seed), *given)
        labels = tf.gather(data.labels, rows)
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)

    def _images(self, data, rows, noise_seed):
        images = tf.cast(tf.gather(data.images, rows), self._dtype) / 255
        if self._input_noise and noise_seed is not None:
            noise = tf.random.stateless_normal(tf.shape(images), noise_seed, dtype=self._dtype)
            images += tf.cast(self._input_noise, self._dtype) * noise
        return images

    def _split(self, name: str) -> Split:
        if name not in self._splits:
            # The first use may be while a function is traced: what is kept must not belong to its graph.
            with tf.init_scope():
                self._splits[name] = self._make_split(name)
        return self._splits[name]

    def _make_split(self, name: str) -> Split:
        images, labels = self._load("test" if name == "test" else "train")
        num_images = images.shape[0]
        rows = tf.range(num_images)
        if name != "test":
            if num_images <= self._validation_size:
                raise ValueError(
                    f"validation_size is less than the number of training images, {num_images}. "
                    f"Received: {self._validation_size}."
                )
            first_held_out = num_images - self._validation_size
            rows = rows[:first_held_out] if name == "train" else rows[first_held_out:]
        labels = tf.cast(labels, tf.int32)
        if self._kept is not None:
            matches = tf.equal(labels[:, tf.newaxis], tf.constant(self._kept, tf.int32))
            rows = tf.boolean_mask(rows, tf.gather(tf.reduce_any(matches, axis=1), rows))
            labels = tf.argmax(matches, axis=1, output_type=tf.int32)
        if not rows.shape[0]:
            raise ValueError(f"The {name} split has no image of the labels {self._kept}.")
        return Split(images, labels, rows)


def _num_classes(labels: Sequence[int] | None) -> int:
    return 10 if labels is None else len(labels)


class Mnist(ImageClassification):
    """A multi-layer perceptron on MNIST: 784, `layers`, 10 (Andrychowicz et al. 2016, section 3.2).

    Parameters: `mlp/linear_0/w`, `mlp/linear_0/b`, `mlp/linear_1/w`, ... The other options, the splits and the
    errors are those of `ImageClassification`.

    Args:
      layers: the hidden sizes; the paper's variants are `(40,)`, `(20, 20)`, and `(20,)` with "relu".
      activation: of the hidden layers, a key of `layers.ACTIVATIONS`.
      labels: a subset of the labels, as for `Cifar10`.
      stddev: 0.01 in the original code; every classic optimizer does better from 0.1, and so does meta-training.
      data_dir, download: as `datasets.load` takes them.
    """

    name = "mnist"
    _newer = MappingProxyType({"labels": None, **ImageClassification._newer})

    def __init__(
        self,
        layers: Sequence[int] = (20,),
        activation: str = "sigmoid",
        labels: Sequence[int] | None = None,
        data_dir: str | None = None,
        download: bool = False,
        **options: Any,
    ):
        super().__init__(
            Mlp(28 * 28, layers, _num_classes(labels), activation),
            lambda split: datasets.load("mnist", split, data_dir, download),
            labels=labels,
            **options,
        )


class Cifar10(ImageClassification):
    """A convolutional network on CIFAR-10 (Andrychowicz et al. 2016, section 3.3).

    Convolution blocks (5x5 convolution, batch normalisation, ReLU, 2x2 max-pooling), then fully connected
    layers with batch normalisation and ReLU, then the logits. Parameters: `conv_net_2d/conv_2d_0/w`,
    `conv_net_2d/conv_2d_0/b`, `conv_net_2d/batch_norm_0/beta`, ..., `mlp/linear_0/w`, `mlp/linear_0/b`,
    `mlp/batch_norm/beta`, `mlp/linear_1/w`, `mlp/linear_1/b`. The other options, the splits and the errors
    are those of `ImageClassification`.

    Args:
      conv_channels: of each convolution.
      linear_layers: the hidden sizes that follow.
      batch_norm: whether there is batch normalisation.
      labels: a subset of the labels, relabelled 0 ... k - 1 in that order, as for the paper's CIFAR-5 and
        CIFAR-2; None keeps all ten.
      data_dir, download: as `datasets.load` takes them.
    """

    name = "cifar"

    def __init__(
        self,
        conv_channels: Sequence[int] = (16, 16, 16),
        linear_layers: Sequence[int] = (32,),
        batch_norm: bool = True,
        labels: Sequence[int] | None = None,
        data_dir: str | None = None,
        download: bool = False,
        **options: Any,
    ):
        super().__init__(
            ConvNet([32, 32, 3], conv_channels, linear_layers, _num_classes(labels), batch_norm),
            lambda split: datasets.load("cifar10", split, data_dir, download),
            labels=labels,
            **options,
        )


class CifarMulti(Cifar10):
    """`Cifar10` under a name of its own.

    The default assigns one network to the convolution kernels, another to the rest.
    """

    name = "cifar-multi"
