"""Learning-rate searches written down in a JSON file, so that none is done twice. Needs no TensorFlow."""

import hashlib
import json
from pathlib import Path
from typing import Any

from l2l_tf.saving import files, locks

_FORMAT_VERSION = 2
_UNSIGNED = 1  # The format before it had a digest.


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
        record = json.loads(json.dumps(record))
        with locks.writing_to(self.path):  # Other processes may add to it too.
            searches = [other for other in self._read() if other["key"] != record["key"]]
            searches.append(record)
            content = {"format_version": _FORMAT_VERSION, "sha256": _digest(searches), "searches": searches}
            files.write(self.path, json.dumps(content, indent=1) + "\n")

    def _read(self) -> list[dict[str, Any]]:
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return []
        except (ValueError, RecursionError) as error:
            raise self._damaged(f"not whole JSON ({error})") from error
        version = content.get("format_version") if isinstance(content, dict) else None
        if version not in (_FORMAT_VERSION, _UNSIGNED):
            raise self._damaged(f"of the format version {version!r}, not {_FORMAT_VERSION}")
        searches = content.get("searches")
        if not isinstance(searches, list) or not all(map(_is_search, searches)):
            raise self._damaged("without the searches and their keys")
        if version == _FORMAT_VERSION and content.get("sha256") != _digest(searches):
            raise self._damaged("not as it was written (other digest)")
        return searches

    def _damaged(self, what: str) -> ValueError:
        return ValueError(
            f"The tuning cache {str(self.path)!r} is {what}. Delete it, and the searches are done again, or name "
            "another with --tuning_cache."
        )


def _is_search(record: Any) -> bool:
    if not isinstance(record, dict) or "key" not in record:
        return False
    rate, trials = record.get("learning_rate", 1.0), record.get("trials", [])
    is_number = isinstance(rate, (int, float)) and not isinstance(rate, bool)
    return is_number and 0 < rate < float("inf") and isinstance(trials, list)


def _digest(searches: list[dict[str, Any]]) -> str:
    return hashlib.sha256(json.dumps(searches, sort_keys=True).encode()).hexdigest()
