"""What has been run: a line of JSON for each run, written as it ends. Needs no TensorFlow."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from l2l_tf.saving.json_lines import JsonLines

FILE = "runs.jsonl"
START = "start"
_CURVE = 20
_KEY = ("model", "optimizer", "version", "rate", "seed", "steps")


class Records:
    """The runs in a folder's `FILE`.

    Args:
      folder: made with the first run.

    Raises:
      ValueError: a line is damaged.
    """

    def __init__(self, folder: Path):
        self._lines = JsonLines(folder / FILE, *_KEY)
        self._keys = set(map(_key, self.lines))

    @property
    def lines(self) -> list[dict[str, Any]]:
        """All records."""
        return self._lines.records

    def has(self, **key: Any) -> bool:
        """Whether the run was made; the key has all of model, optimizer, version, rate, seed and steps."""
        return _key(key) in self._keys

    def add(
        self, losses: np.ndarray, held_out: float | None, own: np.ndarray | None = None, **about: Any
    ) -> dict[str, Any]:
        """Writes a run down, and returns its record.

        Args:
          losses: `[steps]`, of the minibatches.
          held_out: at the end, or None where there are no held-out data.
          own: `[steps, models]`, what each of several models minimises: means of the last tenth and largest are kept.
          **about: the key, and what else is to be kept.
        """
        losses = np.asarray(losses, np.float64)
        tail = losses if about["optimizer"] == START else losses[-max(len(losses) // 10, 1) :]
        curve = [part.mean() for part in np.array_split(losses, min(_CURVE, len(losses)))]
        record = {
            **about,
            "loss": _number(tail.mean()),
            **({} if held_out is None else {"held_out": _number(held_out)}),
            **({} if own is None else _of_several(np.asarray(own, np.float64))),
            "curve": [_number(value, 4) for value in curve],
        }
        self._lines.add(record)
        self._keys.add(_key(record))
        return record


def _of_several(own):
    """`[steps, models]` as the mean of the last tenth and the largest of each model."""
    return {
        "own": [_number(value) for value in own[-max(len(own) // 10, 1) :].mean(0)],
        "own_largest": [_number(value) for value in own.max(0)],
    }


def _key(record):
    return tuple(record[field] for field in _KEY)


def _number(value, digits=7):
    """Rounded, so that lines stay short; None where it is not finite, which JSON has no word for."""
    if not math.isfinite(value):
        return None
    return float(f"{value:.{digits}g}")
