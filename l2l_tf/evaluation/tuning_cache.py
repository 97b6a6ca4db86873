"""Learning-rate searches written down in a JSON file, so that none is done twice. Needs no TensorFlow."""

import json
from pathlib import Path
from typing import Any

from l2l_tf.saving import files

_FORMAT_VERSION = 1


class TuningCache:
    """The searches in the file `path`, found again by all that determines them.

    A search is a JSON-able record whose entry `"key"` says what was searched; the other entries are its results.

    Args:
      path: of the file; created with the first `add`.

    Raises:
      ValueError: the file is not a whole cache of this format.
      OSError: it cannot be read.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._read()

    def find(self, key: dict[str, Any]) -> dict[str, Any] | None:
        """The record with this key, or None."""
        key = json.loads(json.dumps(key))
        return next((record for record in self._read() if record["key"] == key), None)

    def add(self, record: dict[str, Any]) -> None:
        """Writes `record` to the file, in place of one with the same key.

        Raises:
          OSError: the file cannot be written; what it held before is kept.
        """
        # Read again, as another process may have added to it meanwhile.
        record = json.loads(json.dumps(record))
        searches = [other for other in self._read() if other["key"] != record["key"]]
        content = {"format_version": _FORMAT_VERSION, "searches": [*searches, record]}
        files.write(self.path, json.dumps(content, indent=1) + "\n")

    def _read(self) -> list[dict[str, Any]]:
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return []
        except ValueError as error:
            raise self._damaged(f"not whole JSON ({error})") from error
        version = content.get("format_version") if isinstance(content, dict) else None
        if version != _FORMAT_VERSION:
            raise self._damaged(f"of the format version {version!r}, not {_FORMAT_VERSION}")
        searches = content.get("searches")
        if not isinstance(searches, list) or not all(isinstance(s, dict) and "key" in s for s in searches):
            raise self._damaged("without the searches and their keys")
        return searches

    def _damaged(self, what: str) -> ValueError:
        return ValueError(
            f"The tuning cache {str(self.path)!r} is {what}. Delete it, and the searches are done again, or name "
            "another with --tuning_cache."
        )
