"""Problems that a file names. A file is data: nothing that it names is imported, but for what the catalogue knows.

A problem of a user's own, `package.module:attribute`, is code. Whoever names one on the command line or in Python wants
it imported; a saved optimizer that came from somewhere else could name any code there is. Needs no TensorFlow.
"""

from collections.abc import Mapping
from typing import Any

from problems import catalogue


class UntrustedProblemError(ValueError):
    """A file names code to import."""


def from_file(
    name: Any, options: Any, where: str, trusted: bool = False, remedy: str = "--problem=NAME or --trust"
) -> tuple[str, dict[str, Any]]:
    """Name and options of a problem that the file `where` names, fit for `problems.get`.

    What says where data is and whether to download it (`data_dir`, `download`, also of problems inside) is left out: it
    is a matter of this machine, not of the file.

    Args:
      name, options: as they stand in the file.
      where: the file or folder, for errors.
      trusted: whether the user lets the file name code.
      remedy: how a user says that, for errors.

    Raises:
      UntrustedProblemError: not trusted, and a problem there or inside of it is code to import.
      ValueError: no name, or no options.
    """
    if not isinstance(name, str) or not isinstance(options, Mapping):
        raise ValueError(
            f"{where!r} names a problem by a text, and its options by their names. Received: {name!r}, {options!r}."
        )
    if not trusted and (code := named_code(name, options)):
        raise UntrustedProblemError(
            f"{where!r} names a problem that is code to import, none of the catalogue. A file may come from anywhere, "
            f"so that is not done unasked: where you know the code and want it to run, say so ({remedy}). "
            f"Received: {code[0]!r}."
        )
    return name, catalogue.identity(options)


def named_code(name: str, options: Mapping[str, Any]) -> list[str]:
    """What building the problem would import from elsewhere than the catalogue: itself, and problems inside of it."""
    found = [name] if ":" in name else []
    waiting: list[Any] = [options]
    while waiting:  # Without recursion: how deep it is nested is for the file to say.
        value = waiting.pop()
        if isinstance(value, Mapping):
            inner = value.get("name")
            found += [inner] if isinstance(inner, str) and ":" in inner else []
            waiting += value.values()
        elif isinstance(value, (list, tuple)):
            waiting += value
    return found
