"""Names of networks: they become names of files. Needs no TensorFlow."""

import re
from collections.abc import Iterable

_NAME = re.compile(r"\w[\w.+ -]*")


def check(names: Iterable[str]) -> None:
    """Checks the names of an optimizer's networks.

    Raises:
      ValueError: one that is no plain name of a file.
    """
    if wrong := [name for name in names if not isinstance(name, str) or not _NAME.fullmatch(name)]:
        raise ValueError(
            f"Names of networks are of letters, digits, spaces and . _ + -, as files are named after them. "
            f"Received: {wrong}."
        )
