"""Values that mean nothing, or something, by their kind."""

import math
import re
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

VALUES = {
    "object": object(),
    "text": "nonesuch",
    "bytes": b"1",
    "complex": 1j,
    "function": len,
    "dictionary": {"a": 1},
    "list of text": ["a"],
    "list of lists": [[1]],
    "list of nan": [math.nan],
    "list of fractions": [1.5],
    "list of zero": [0],
    "list of -1": [-1],
    "list of true": [True],
    "list of huge": [10**30],
    "nan": math.nan,
    "numpy nan": np.float32("nan"),
    "array of nan": np.full([2], math.nan),
    "infinity": math.inf,
    "-infinity": -math.inf,
    "true": True,
    "1.5": 1.5,
    "text of a number": "1",
    "negative": -1,
    "zero": 0,
    "huge": 1e30,
    "huge integer": 10**30,
    "beyond float": 10**400,
    "none": None,
    "empty text": "",
    "empty list": [],
    "empty dictionary": {},
}


def faults(option: str, construct: Callable[..., Any], taken: Iterable[str], says: str = "Received: ") -> list[str]:
    """What of an option is taken that should not be, refused that should be taken, or refused in another way.

    A refusal is a ValueError that says what was received.

    Args:
      option: its name.
      construct: what is called with the value under that name.
      taken: the kinds of values that mean something.
      says: a pattern of what a refusal says.
    """
    found = []
    for kind, value in VALUES.items():
        try:
            construct(**{option: value})
            is_taken = True
        except ValueError as error:
            if not re.search(says, str(error)):
                found.append(f"{option}, {kind}: an error that does not say what was received: {error}")
                continue
            is_taken = False
        except Exception as error:
            found.append(f"{option}, {kind}: {type(error).__name__}: {str(error)[:200]}")
            continue
        if is_taken != (kind in taken):
            found.append(f"{option}, {kind}: {'taken' if is_taken else 'refused'}")
    return found
