"""Images of TFDS at their natural sizes, as numbers from 0 to 1."""

import tensorflow as tf

from benchmarks.keras_zoo.task import Data
from problems import datasets

_TRAIN, _HELD_OUT = 20_000, 1_000


def labelled(name: str):
    """The `data` of a task on images `[N, height, width, channels]` and labels `[N]` of the dataset `name`."""

    def data(data_dir: str | None) -> Data:
        return Data(_split(name, "train", _TRAIN, data_dir), _split(name, "test", _HELD_OUT, data_dir))

    return data


def unlabelled(name: str):
    """The `data` of a task on the images alone."""

    def data(data_dir: str | None) -> Data:
        train, held_out = labelled(name)(data_dir)
        return Data(train[:1], held_out[:1])

    return data


def some_labels(name: str, labels: range):
    """The `data` of a task on the images of some labels, which count from 0."""

    def data(data_dir: str | None) -> Data:
        return Data(*(_keep(split, labels) for split in labelled(name)(data_dir)))

    return data


def _split(name, split, count, data_dir):
    images, labels = datasets.load(name, split, data_dir)
    return tf.cast(images[:count], tf.float32) / 255, labels[:count]


def _keep(split, labels):
    images, own = split
    kept = (own >= labels.start) & (own < labels.stop)
    return images[kept], own[kept] - labels.start
