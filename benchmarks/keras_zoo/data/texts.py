"""Reviews of IMDB as words or as characters. TFDS's training split alone is used: held-out texts are cut from it."""

import collections
import functools
import re

import numpy as np

from benchmarks.keras_zoo.task import Data
from problems import datasets

ALPHABET = " abcdefghijklmnopqrstuvwxyz.,'!?"
_TRAIN, _HELD_OUT = 4_000, 1_000
_CHARACTERS_OF = 600  # reviews


def reviews(words: int, length: int):
    """The `data` of a task on reviews as the numbers of their first words `[N, length]`, and sentiments 0 or 1 `[N]`.

    0 is padding, 1 a word that is not among the `words` - 2 most frequent ones.
    """

    def data(data_dir: str | None) -> Data:
        texts, labels = _texts(data_dir)
        split = [re.findall("[a-z']+", text) for text in texts]
        counts = collections.Counter(word for text in split[:_TRAIN] for word in text)
        numbers = {word: i + 2 for i, (word, _) in enumerate(counts.most_common(words - 2))}
        rows = np.zeros([len(split), length], np.int32)
        for row, text in zip(rows, split):
            known = [numbers.get(word, 1) for word in text[:length]]
            row[: len(known)] = known
        return Data((rows[:_TRAIN], labels[:_TRAIN]), (rows[_TRAIN:], labels[_TRAIN:]))

    return data


def characters(length: int):
    """The `data` of a task on characters: `[N, length]`, and those that come next `[N, length]`."""

    def data(data_dir: str | None) -> Data:
        texts, _ = _texts(data_dir)
        train, held_out = texts[:_CHARACTERS_OF], texts[_TRAIN : _TRAIN + _CHARACTERS_OF // 10]
        return Data(_windows(train, length), _windows(held_out, length, 1_000))

    return data


@functools.cache
def _texts(data_dir):
    texts, labels = datasets.load_texts("imdb_reviews", "train", "text", "label", data_dir)
    order = np.random.default_rng(0).permutation(len(texts))[: _TRAIN + _HELD_OUT]
    return [texts[i].decode("utf-8", "ignore").lower().replace("<br />", " ") for i in order], labels[order]


def _windows(texts, length, count=None):
    numbers = {character: i for i, character in enumerate(ALPHABET)}
    line = np.array([numbers[c] for c in " ".join(texts) if c in numbers], np.int32)
    starts = np.arange(0, len(line) - length - 1, length)[:count]
    windows = line[starts[:, None] + np.arange(length + 1)]
    return windows[:, :-1], windows[:, 1:]
