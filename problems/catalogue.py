"""The problems by name, and checks of what they are asked for, before anything heavy is imported. Needs no TensorFlow.

`table` is the table. Commands check names and options against it; the constructors check the values of their options
against it and nothing else, but for options that do not go together.
"""

import importlib
import importlib.util
import os
import reprlib
import sys
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from problems import option_values
from problems.option_values import (
    plain,
)
from problems.table import ALIASES, CATALOGUE, VALUES, is_description

_DEEPEST = 20  # Problems in each other: beyond it, somebody's mistake.


def names() -> list[str]:
    """The names of the problems."""
    return sorted(CATALOGUE)


def find(name: str, warn: bool = False) -> str:
    """`name`, or what a problem of that name in the original code is called here, with a warning."""
    if name not in ALIASES:
        return name
    if warn:
        message = f"The problem {name} of the original code is {ALIASES[name]!r} here."
        warnings.warn(message, FutureWarning, stacklevel=3)
    return ALIASES[name]


def check(name: str, options: Mapping[str, Any]) -> None:
    """Checks a problem's name, the names of its options, and that they go together, not their values.

    Of a problem of the user's own, `package.module:attribute`, only that the module is there.

    Raises:
      ValueError: an unknown name, an option that the problem does not take or that does not go with another, or one
        missing that it needs.
    """
    name = find(name) if isinstance(name, str) else str(name)
    if name in CATALOGUE:
        check_options(name, CATALOGUE[name].options, CATALOGUE[name].required, options)
        _check_together(name, options)
    elif ":" not in name:
        raise ValueError(
            f"A problem is one of {names()}, or package.module:attribute for one of your own. Received: {name!r}."
        )
    elif not _is_importable(name.partition(":")[0]):
        raise missing_module(name)


def check_values(name: str, options: Mapping[str, Any]) -> None:
    """Checks the values of a problem's options, so that commands need not import TensorFlow for it.

    Raises:
      ValueError: one that the option cannot have.
    """
    if find(name) in CATALOGUE:
        enter(find(name), options)


def enter(name: str, options: Mapping[str, Any], taken: Iterable[str] | None = None) -> dict[str, Any]:
    """A problem's options as Python's own values, checked, and whether they go together.

    Args:
      name: of the problem, or of a class that several share.
      options: as they are given.
      taken: those that it takes; by default what the catalogue says.

    Raises:
      ValueError: one has a value that it cannot have, or that does not go with another.
    """
    known = CATALOGUE[name].options if taken is None else taken
    values = {option: VALUES[option] for option in known if option in VALUES}
    entered = option_values.enter(name, values, options)
    _check_together(name, entered)
    return entered


def parts(name: str, options: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Name and options of the problems that this one is made of, or its own. What is no description is left out."""
    entry = CATALOGUE.get(find(name))
    if entry is None or entry.inner is None:
        return [(name, options)]
    inner = options.get(entry.inner)
    descriptions = filter(is_description, inner if isinstance(inner, list | tuple) else [inner])
    return [part for each in descriptions for part in parts(find(each["name"]), each.get("options", {}))]


def resolved(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that a problem is kept by: those that stand for others, in it and in what it is made of, written out.

    Raises:
      ValueError: they stand for nothing.
    """
    entry = CATALOGUE.get(find(name))
    if entry and entry.described:
        return entry.described.resolve(options)
    if entry is None or entry.inner is None or entry.inner not in options:
        return dict(options)

    def written_out(value):
        if not is_description(value) or "options" not in value:
            return value
        return {**value, "options": resolved(value["name"], value["options"])}

    inner = options[entry.inner]
    written = [written_out(each) for each in inner] if isinstance(inner, list | tuple) else written_out(inner)
    return {**options, entry.inner: written}


def needed_datasets(name: str, options: Mapping[str, Any]) -> list[str]:
    """The names in TFDS of the data that a problem needs, not of what it is made of."""
    entry = CATALOGUE.get(find(name))
    if entry and entry.described:
        return entry.described.needed_datasets(options)
    return [entry.dataset] if entry and entry.dataset else []


def is_convolutional(name: str, options: Mapping[str, Any]) -> bool:
    """Whether the time of a problem, one of the table, goes into convolutions."""
    entry = CATALOGUE[name]
    return entry.described.is_convolutional(options) if entry.described else entry.convolutional


def identity(options: Any) -> Any:
    """`options`, those of problems inside included, without what says where their data is."""
    if isinstance(options, Mapping):
        return {name: identity(value) for name, value in options.items() if name not in ("data_dir", "download")}
    return [identity(item) for item in options] if isinstance(options, (list, tuple)) else options


def check_inside(name: str, options: Mapping[str, Any]) -> None:
    """Checks the problems that this one is made of, and those inside of them: as `check` and `check_values`.

    Raises:
      ValueError: one is no description, or of a name, option or value that there is not, or lies too deep.
    """
    _check_inside(name, options, 0)


def _check_inside(name: str, options: Mapping[str, Any], depth: int) -> None:
    entry = CATALOGUE.get(find(name))
    if entry is None or entry.inner is None or entry.inner not in options:
        return
    if depth == _DEEPEST:
        raise ValueError(f"Problems lie at most {_DEEPEST} deep in each other. Received: deeper ones.")
    inner = options[entry.inner]
    several = entry.inner == "problems"
    if several and not isinstance(inner, list | tuple):
        raise ValueError(f"{name}: problems is a list of problems. Received: {reprlib.repr(inner)}.")
    for each in inner if several else [inner]:
        if not is_description(each):
            raise no_description(each)
        own = each.get("options", {})
        check(each["name"], own)
        check_values(each["name"], own)
        _check_inside(each["name"], own, depth + 1)


def no_description(value: Any) -> ValueError:
    """The error for something else than a problem as data."""
    return ValueError(
        f'A problem inside of another is given as {{"name": ..., "options": {{...}}}}. Received: {reprlib.repr(value)}.'
    )


def check_options(name: str, taken: tuple[str, ...], required: tuple[str, ...], options: Mapping[str, Any]) -> None:
    """Checks `options` against those that are taken and those that are required.

    Raises:
      ValueError: one that is not taken, or one missing that is required.
    """
    if unknown := [option for option in options if option not in taken]:
        raise ValueError(f"The problem {name} takes the options {list(taken)}. Received: {unknown}.")
    if missing := [option for option in required if option not in options]:
        raise ValueError(f"The problem {name} needs the options {missing}. Received: {list(options)}.")


def _check_together(name: str, options: Mapping[str, Any]) -> None:
    inside, weights = options.get("problems"), options.get("weights")
    # Whether they are lists at all is seen with their values.
    if isinstance(inside, list | tuple) and isinstance(weights, list | tuple) and len(weights) not in (0, len(inside)):
        raise ValueError(f"An ensemble of {len(inside)} problems needs as many weights. Received: {list(weights)}.")
    if apart := name in CATALOGUE and CATALOGUE[name].apart:
        values, why = apart
        if all(plain(options.get(option)) == value for option, value in values.items()):
            together = " with ".join(f"{option}={value}" for option, value in values.items())
            raise ValueError(f"{name} does not take {together}: {why}. Received: {dict(options)}.")


def check_files(name: str, options: Mapping[str, Any]) -> None:
    """Looks whether the files that a problem's options name are there; damaged ones are found when they are read.

    Raises:
      ValueError: one is missing.
    """
    entry = CATALOGUE.get(find(name))
    if entry and entry.check:
        module, _, function = entry.check.partition(":")
        getattr(importlib.import_module(module), function)(**options)


def missing_module(name: str) -> ValueError:
    """The error for `package.module:attribute` where there is no such module."""
    return ValueError(f"There is no module {name.partition(':')[0]!r} to import. Received: {name!r}.")


def make_importable() -> None:
    """Lets modules in the current directory be imported, as `python -m` does."""
    if os.getcwd() not in sys.path:
        # Last, so that no file of the user's hides a module of ours.
        sys.path.append(os.getcwd())


def _is_importable(module: str) -> bool:
    make_importable()
    # Importing a package on the way to a module would run it: only the outermost name is looked up.
    outermost = module.partition(".")[0]
    try:
        return bool(outermost) and (outermost in sys.modules or importlib.util.find_spec(outermost) is not None)
    except (ImportError, ValueError):
        return False
