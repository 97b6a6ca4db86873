"""Texts of a configuration, in four roles."""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from problems import datasets
from problems.taskset.data import synthetic, tables, vocabulary
from problems.taskset.data.source import Source


class Corpus(NamedTuple):
    """A split's texts, in a shuffled order: tokens one after the other, where each text is among them, labels."""

    flat: tf.Tensor
    starts: tf.Tensor
    lengths: tf.Tensor
    labels: tf.Tensor | None


class Texts(Source):
    """A batch: tokens `[B, patch]`, int32, below the vocabulary; with labels `[B]` for text classification.

    A text's tokens are a window of it at random, filled up with 0 where the text is shorter. Tokens at or above the
    vocabulary's size are its last.

    Args:
      config: a configuration's `data` of the kind "language" or "text_classification".
      vocabulary_size: at least 2.
      data_dir, download: as `datasets.load` takes them.

    Raises:
      DatasetNotPreparedError: it is not there.
    """

    def __init__(
        self, config: Mapping[str, Any], vocabulary_size: int, data_dir: str | None = None, download: bool = False
    ):
        self._config = config
        self._vocabulary_size = vocabulary_size
        self.batch_size = config["batch_size"]
        dataset = tables.TEXTS[config["dataset"]]
        # The first use may be while a function is traced: what is kept must not belong to its graph.
        with tf.init_scope():
            self._corpora, rows = _corpora(config["dataset"], config["tokens"], config["label"], data_dir, download)
        train = rows["train"][: config["num_train"]]
        self._rows = {role: train if role == "train" or config["just_train"] else rows[role] for role in tables.ROLES}
        self._own_test = dataset.has_test and not config["just_train"]

    def count(self, role):
        return len(self._rows[role])

    def batch(self, role, examples, seed):
        corpus = self._corpora["test" if role == "test" and self._own_test else "train"]
        rows = examples + self._rows[role].start
        patch = self._config["patch"]
        lengths = tf.gather(corpus.lengths, rows)
        shares = tf.random.stateless_uniform(tf.shape(rows), seed)
        windows = tf.maximum(lengths - patch, 0) + 1
        first = tf.minimum(tf.cast(shares * tf.cast(windows, tf.float32), tf.int32), windows - 1)
        positions = first[:, tf.newaxis] + tf.range(patch)
        inside = positions < lengths[:, tf.newaxis]
        places = tf.gather(corpus.starts, rows)[:, tf.newaxis] + tf.where(inside, positions, 0)
        tokens = tf.minimum(tf.gather(corpus.flat, places), self._vocabulary_size - 1)
        tokens = tf.where(inside, tokens, vocabulary.PADDING)
        if self._config["kind"] == "language":
            return tokens
        assert corpus.labels is not None
        return tokens, tf.gather(corpus.labels, rows)


@functools.lru_cache(maxsize=8)
def _corpora(name, tokens, label, data_dir, download):
    """The corpus of each split, and the rows of each role."""
    table = tables.TEXTS[name]
    splits = ("train", "test") if table.has_test else ("train",)
    read = {split: _read(name, split, label, data_dir, download) for split in splits}
    num_train = len(read["train"][0])
    rows = tables.rows(num_train, table.has_test, table.piece)
    if table.has_test:
        rows["test"] = range(len(read["test"][0]))
    texts = [text for split in splits for text in read[split][0]]
    # Words are counted in what is trained on alone.
    numbered = vocabulary.by_bytes(texts) if tokens == "bytes" else vocabulary.by_words(texts, len(rows["train"]))
    flat = tf.constant(numbered.flat)
    corpora = {}
    for split, own in zip(splits, (slice(0, num_train), slice(num_train, None))):
        labels = read[split][1]
        corpora[split] = Corpus(
            flat,
            tf.constant(numbered.starts[own]),
            tf.constant(numbered.lengths[own]),
            None if labels is None else tf.constant(labels),
        )
    return corpora, rows


def _read(name, split, label, data_dir, download):
    table = tables.TEXTS[name]
    texts, labels = (
        synthetic.texts()
        if name == tables.SYNTHETIC
        else datasets.load_texts(name, split, table.text, table.label, data_dir, download)
    )
    order = np.random.default_rng(0).permutation(len(texts))
    if label is not None and labels is not None:
        order = order[labels[order] == label]
    return [texts[i] for i in order], None if labels is None else labels[order]
