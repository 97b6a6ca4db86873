"""Images and labels of a configuration, in four roles."""

import functools
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from problems import datasets
from problems.taskset.data import augmentation, synthetic, tables
from problems.taskset.data.source import Source

_CHUNK = 2_000


class Images(Source):
    """A batch: images `[B, height, width, channels]`, float32 of 0 to 1, and labels `[B]`, int32.

    Args:
      config: a configuration's `data` of the kind "images".
      data_dir, download: as `datasets.load` takes them.

    Raises:
      DatasetNotPreparedError: it is not there.
    """

    def __init__(self, config: Mapping[str, Any], data_dir: str | None = None, download: bool = False):
        self._config = config
        self.batch_size = config["batch_size"]
        dataset = tables.IMAGES[config["dataset"]]
        # The first use may be while a function is traced: what is kept must not belong to its graph.
        with tf.init_scope():
            given = (config["dataset"], config["size"], config["grey"], data_dir, download)
            images, labels = _resized(*given, "train")
            rows = tables.rows(images.shape[0], dataset.has_test, dataset.piece)
            self._data = {"train": (images, labels)}
            if dataset.has_test:
                self._data["test"] = _resized(*given, "test")
                rows["test"] = range(self._data["test"][0].shape[0])
        train = rows["train"][: config["num_train"]]
        self._rows = {role: train if role == "train" or config["just_train"] else rows[role] for role in tables.ROLES}
        self._classes = (config["classes"] or dataset.classes, dataset.classes)

    def count(self, role):
        return len(self._rows[role])

    def batch(self, role, examples, seed):
        own = role == "test" and "test" in self._data and not self._config["just_train"]
        images, labels = self._data["test" if own else "train"]
        rows = examples + self._rows[role].start
        images = tf.cast(tf.gather(images, rows), tf.float32) / 255
        labels = tf.gather(labels, rows)
        merged, all_classes = self._classes
        if merged != all_classes:
            labels = labels * merged // all_classes
        if config := self._config["augmentation"]:
            images = augmentation.augment(config, images, augmentation.draw(config, tf.shape(examples)[0], seed))
        return images, labels


@functools.lru_cache(maxsize=16)
def _resized(name, size, grey, data_dir, download, split):
    if name == tables.SYNTHETIC:
        images, labels = map(tf.constant, synthetic.images(split))
    else:
        images, labels = datasets.load(name, split, data_dir, download)
    if size is None and not (grey and images.shape[-1] > 1):
        return images, labels
    return tf.concat(
        [_reduce(images[i : i + _CHUNK], size, grey) for i in range(0, images.shape[0], _CHUNK)], 0
    ), labels


def _reduce(images: tf.Tensor, size: int | None, grey: bool) -> tf.Tensor:
    """uint8 to uint8: bicubic over the pixels that one covers, and the luminance of a colour."""
    images = tf.cast(images, tf.float32)
    if grey and images.shape[-1] == 3:
        images = tf.image.rgb_to_grayscale(images)
    if size is not None and images.shape[1:3] != [size, size]:
        images = tf.image.resize(images, [size, size], "bicubic", antialias=True)
    return tf.cast(tf.round(tf.clip_by_value(images, 0, 255)), tf.uint8)
