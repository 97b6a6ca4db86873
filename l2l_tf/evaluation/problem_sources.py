"""What defines a problem: the files of its code, by their digest."""

import hashlib
import inspect
import sys
from pathlib import Path

from problems import catalogue
from problems.problem import Problem


def digest(problem: Problem) -> str:
    """Of the files that define the problem: a changed problem of the same name is another problem.

    These are the modules of its class, of the user's function that makes it, and of the problems it is made of, not
    what these import.
    """
    homes = [catalogue.CATALOGUE[name].home if name in catalogue.CATALOGUE else name for name in _names(problem)]
    inside = [home.partition(":")[0] for home in homes if ":" in home]
    modules = dict.fromkeys([type(problem).__module__, *inside])
    digest = hashlib.sha256()
    for name in modules:
        module = sys.modules.get(name)
        path = inspect.getsourcefile(module) if module and getattr(module, "__file__", None) else None
        if path and Path(path).is_file():
            digest.update(Path(path).read_bytes())
    return digest.hexdigest()[:16]


def is_of_the_catalogue(problem: Problem) -> bool:
    """Whether all that it is made of comes with this package."""
    return all(name in catalogue.CATALOGUE for name in _names(problem))


def _names(problem: Problem) -> list[str]:
    return [catalogue.find(name) for name, _ in catalogue.parts(problem.name, problem.options)]
