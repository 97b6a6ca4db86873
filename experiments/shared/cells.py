"""What an experiment has measured, a line of JSON a cell of its table.

Interrupted, it goes on with the cells that are left; a table gets a new rule for the price of that rule alone. Needs no
TensorFlow.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from l2l_tf.saving import saved_optimizer
from l2l_tf.saving.json_lines import JsonLines

FILE = "cells.jsonl"


class Cells:
    """The cells in a folder's `FILE`, each found by its key, a JSON-able dictionary.

    Args:
      folder: made with the first cell.

    Raises:
      ValueError: the file is damaged.
    """

    def __init__(self, folder: Path):
        self._lines = JsonLines(folder / FILE, "key")
        self._cells = {_text(cell["key"]): cell for cell in self._lines.records}

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
        self._lines.add(cell)
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
