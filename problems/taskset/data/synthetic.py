"""Data of our own making, the same on every machine: images of ten patterns, and texts of two moods."""

import functools

import numpy as np

_NUM_IMAGES, _NUM_TEST = 4_000, 1_000
_NUM_TEXTS = 3_000
_NUM_WORDS = 2_000
_LETTERS = "etaoinshrdlucmfwypvbgkjqxz"


@functools.cache
def images(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Images `[N, 32, 32, 3]`, uint8, and labels `[N]`: smooth patterns, one a class, in noise.

    The label is to be seen in an image, but not with certainty: a network's loss falls, and not to 0.
    """
    generator = np.random.default_rng([1, ["train", "test"].index(split)])
    coarse = np.random.default_rng(0).uniform(0, 255, [10, 4, 4, 3])
    patterns = coarse.repeat(8, axis=1).repeat(8, axis=2)
    count = _NUM_IMAGES if split == "train" else _NUM_TEST
    labels = generator.integers(0, 10, count)
    shares = generator.uniform(0.1, 0.6, [count, 1, 1, 1])
    noise = generator.uniform(0, 255, [count, 16, 16, 3]).repeat(2, axis=1).repeat(2, axis=2)
    return (shares * patterns[labels] + (1 - shares) * noise).astype(np.uint8), labels.astype(np.int32)


@functools.cache
def texts() -> tuple[list[bytes], np.ndarray]:
    """Texts of 20 to 120 words, and labels.

    Words have Zipf's frequencies, in another order for each label, and a word leads to one of its own followers half of
    the time.
    """
    generator = np.random.default_rng(2)
    words = _words(generator)
    frequencies = 1 / np.arange(1, _NUM_WORDS + 1)
    frequencies /= frequencies.sum()
    swapped = np.arange(_NUM_WORDS)
    swapped[:200] = generator.permutation(200)
    followers = generator.integers(0, _NUM_WORDS, [_NUM_WORDS, 4])
    labels = generator.integers(0, 2, _NUM_TEXTS)
    found = []
    for label in labels:
        length = int(generator.integers(20, 121))
        drawn = generator.choice(_NUM_WORDS, length, p=frequencies)
        drawn = swapped[drawn] if label else drawn
        follow, which = generator.uniform(size=length) < 0.5, generator.integers(0, 4, length)
        for i in range(1, length):
            if follow[i]:
                drawn[i] = followers[drawn[i - 1], which[i]]
        found.append(" ".join(words[i] for i in drawn).encode())
    return found, labels.astype(np.int32)


def _words(generator: np.random.Generator) -> list[str]:
    words: dict[str, None] = {}
    while len(words) < _NUM_WORDS:
        length = 1 + int(generator.geometric(0.25))
        words["".join(_LETTERS[min(int(generator.exponential(6)), 25)] for _ in range(length))] = None
    return list(words)
