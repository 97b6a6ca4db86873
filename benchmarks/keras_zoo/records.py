"""What has been run: a line of JSON for each run, written as it ends. Needs no TensorFlow."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

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
        self.path = folder / FILE
        self.lines: list[dict[str, Any]] = []
        self._keys = set()
        text = self._whole_lines()
        for number, line in enumerate(text.splitlines(), 1):
            try:
                record = json.loads(line)
                self._keys.add(_key(record))
                self.lines.append(record)
            except (ValueError, KeyError, TypeError):
                raise ValueError(
                    f"{str(self.path)!r} has a line a run, each of JSON; remove what is not. Received: line {number}."
                ) from None

    def has(self, **key: Any) -> bool:
        """Whether the run was made; the key has all of model, optimizer, version, rate, seed and steps."""
        return _key(key) in self._keys

    def add(self, losses: np.ndarray, held_out: float | None, **about: Any) -> dict[str, Any]:
        """Writes a run down, and returns its record.

        Args:
          losses: `[steps]`, of the minibatches.
          held_out: at the end, or None where there are no held-out data.
          **about: the key, and what else is to be kept.
        """
        losses = np.asarray(losses, np.float64)
        tail = losses if about["optimizer"] == START else losses[-max(len(losses) // 10, 1) :]
        curve = [part.mean() for part in np.array_split(losses, min(_CURVE, len(losses)))]
        record = {
            **about,
            "loss": _number(tail.mean()),
            **({} if held_out is None else {"held_out": _number(held_out)}),
            "curve": [_number(value, 4) for value in curve],
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "a") as file:
            file.write(json.dumps(record) + "\n")
        self.lines.append(record)
        self._keys.add(_key(record))
        return record

    def _whole_lines(self) -> str:
        """The file without the line that a killed process had begun."""
        if not self.path.exists():
            return ""
        text = self.path.read_text()
        whole = text[: text.rfind("\n") + 1]
        if whole != text:
            self.path.write_text(whole)
        return whole


def _key(record):
    return tuple(record[field] for field in _KEY)


def _number(value, digits=7):
    """Rounded, so that lines stay short; None where it is not finite, which JSON has no word for."""
    if not math.isfinite(value):
        return None
    return float(f"{value:.{digits}g}")
