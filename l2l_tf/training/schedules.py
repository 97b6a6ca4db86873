"""Quantities that change along a run, as pure functions of how far it is. Needs no TensorFlow."""

import math


def cosine(progress: float, start: float, final_fraction: float) -> float:
    """From `start` at progress 0 to `start * final_fraction` at 1, along half a cosine."""
    return start * (final_fraction + (1 - final_fraction) * 0.5 * (1 + math.cos(math.pi * progress)))
