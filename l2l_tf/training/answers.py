"""What a worker answers to its jobs, as bytes: few large arrays, as many small objects cost the driver its time."""

import pickle
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from l2l_tf.training.estimate import Estimate
from l2l_tf.training.slots import Place


class Answer(NamedTuple):
    """What a job gave.

    Attributes:
      estimate: made; None without.
      place: where the slot stands after it; of no meaning where it is lost.
      copied: arrays of the run after it, where they were wanted.
      seconds: that the worker took for it.
      lost: whether the worker does not have the slot, so that nothing was done.
    """

    estimate: Estimate | None
    place: Place
    copied: list[np.ndarray] | None = None
    seconds: float = 0.0
    lost: bool = False


def packed(answers: Sequence[Answer]) -> bytes:
    """Answers as bytes, which `unpacked` reads."""
    estimates = [answer.estimate for answer in answers if answer.estimate is not None]
    return pickle.dumps(
        (
            np.stack([estimate.gradient for estimate in estimates]) if estimates else None,
            [(e.meta_loss, e.final_loss, e.dropped, e.traced, e.error) for e in estimates],
            [(a.estimate is not None, *a.place, a.copied, a.seconds, a.lost) for a in answers],
        ),
        pickle.HIGHEST_PROTOCOL,
    )


def unpacked(packet: bytes) -> list[Answer]:
    """The answers of `packed`; their gradients are rows of one array."""
    gradients, numbers, rest = pickle.loads(packet)
    estimates = (Estimate(gradient, *of) for gradient, of in zip(gradients, numbers)) if numbers else iter(())
    return [
        Answer(next(estimates) if has else None, Place(*place), copied, seconds, lost)
        for has, *place, copied, seconds, lost in rest
    ]
