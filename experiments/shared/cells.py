"""What an experiment has measured, a line of JSON a cell of its table.

Interrupted, it goes on with the cells that are left; a table gets a new rule for the price of that rule alone. Needs no
TensorFlow.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from l2l_tf.saving import saved_optimizer

FILE = "cells.jsonl"


class Cells:
    """The cells in a folder's `FILE`, each found by its key, a JSON-able dictionary.

    Args:
      folder: made with the first cell.

    Raises:
      ValueError: the file is damaged.
    """

    def __init__(self, folder: Path):
        self._path = folder / FILE
        self._cells: dict[str, dict[str, Any]] = {}
        text = self._path.read_text() if self._path.exists() else ""
        whole = text[: text.rfind("\n") + 1]
        if whole != text:  # A process was killed within a line.
            self._path.write_text(whole)
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                cell = json.loads(line)
                self._cells[_text(cell["key"])] = cell
            except (ValueError, KeyError, TypeError):
                raise ValueError(
                    f"{str(self._path)!r} has a line of JSON a cell; remove what is not. Received: line {number}."
                ) from None

    def has(self, key: dict[str, Any]) -> bool:
        return _text(key) in self._cells

    def get(self, key: dict[str, Any]) -> dict[str, Any]:
        """The cell.

        Raises:
          KeyError: there is none.
        """
        return self._cells[_text(key)]

    def add(self, key: dict[str, Any], cell: dict[str, Any]) -> None:
        """Writes the cell down at once."""
        cell = {"key": key, **cell}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with open(self._path, "a") as file:
            file.write(json.dumps(cell) + "\n")
        self._cells[_text(key)] = cell


def version(folder: Path) -> str:
    """Of a saved optimizer: another where its networks or their weights are.

    Raises:
      SavedOptimizerError: the folder does not hold one.
    """
    config, _ = saved_optimizer.read(folder)
    parts = {name: config.get(name) for name in ("networks", "net_assignments")}
    return hashlib.sha256(_text(parts).encode()).hexdigest()[:8]


def _text(key: Any) -> str:
    return json.dumps(key, sort_keys=True)
