"""Files that grow by a line of JSON for each thing that is done, so that what is interrupted goes on. No TensorFlow."""

import json
from pathlib import Path
from typing import Any


class JsonLines:
    """The records in a file, an object a line. A line that a killed process had begun is taken off.

    Args:
      path: of the file; made, with its folder, with the first record.
      keys: what every record has.

    Attributes:
      records: in their order.

    Raises:
      ValueError: a line is no such record.
    """

    def __init__(self, path: Path, *keys: str):
        self._path = path
        self.records: list[dict[str, Any]] = []
        text = path.read_text() if path.exists() else ""
        whole = text[: text.rfind("\n") + 1]
        if whole != text:
            path.write_text(whole)
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                record = json.loads(line)
                for key in keys:
                    record[key]
                self.records.append(record)
            except (ValueError, KeyError, TypeError):
                raise ValueError(
                    f"{str(path)!r} has a line of JSON for each of its records; remove what is not. "
                    f"Received: line {number}."
                ) from None

    def add(self, record: dict[str, Any]) -> None:
        """Writes a record down at once."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with open(self._path, "a") as file:
            file.write(json.dumps(record) + "\n")
        self.records.append(record)
