"""Texts as numbers: bytes, or words in the order of their counts."""

import collections
import itertools
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

PADDING = 0
_WORD = re.compile(r"\w+|[^\w\s]")


class Tokens(NamedTuple):
    """Texts one after the other.

    Attributes:
      flat: the tokens of all texts, from 1 on.
      starts, lengths: `[N]`, int32, where each text begins and how many tokens it has; at least one.
    """

    flat: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray


def words(text: bytes) -> list[str]:
    """The words of a text in lower case; a punctuation mark is one."""
    return _WORD.findall(text.decode("utf-8", "replace").lower())


def by_bytes(texts: Sequence[bytes]) -> Tokens:
    """Each byte as its number; 0 is the padding's."""
    lengths = _lengths(texts)
    joined = b"".join(text or b" " for text in texts)
    return Tokens(np.frombuffer(joined, np.uint8).astype(np.int32), _starts(lengths), lengths)


def by_words(texts: Sequence[bytes], num_counted: int) -> Tokens:
    """Each word as its rank by count in the first `num_counted` texts, from 1 on; words not in those come last.

    Words of one count are in the order of the alphabet, so that equal texts give equal numbers.
    """
    split = [words(text) or ["."] for text in texts]
    counts = collections.Counter(itertools.chain.from_iterable(split[:num_counted]))
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    ranks = {word: rank for rank, word in enumerate(ranked, 1)}
    unknown = len(ranks) + 1
    lengths = _lengths(split)
    numbers = (ranks.get(word, unknown) for word in itertools.chain.from_iterable(split))
    return Tokens(np.fromiter(numbers, np.int32, int(lengths.sum())), _starts(lengths), lengths)


def _lengths(sequences: Sequence[Sequence]) -> np.ndarray:
    return np.array([max(1, len(sequence)) for sequence in sequences], np.int32)


def _starts(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int32)
