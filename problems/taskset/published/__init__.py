"""The published list: tasks that are sampled, cheap, split once and for good, with what normalises their losses.

`tasks.json` is the list, made once by `choosing`; `normalisers/NAME.json` is what Adam's runs on a task came to. Needs
no TensorFlow.
"""

import functools
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

SPLITS = ("train", "choose", "held_out")
LOWEST, HIGHEST = -2.0, 2.0
FOLDER = Path(__file__).parent


class Published(NamedTuple):
    """A task of the list.

    Attributes:
      name: `FAMILY_seedN`.
      split: one of `SPLITS`: for meta-training, for choosing between rules, for reports alone.
      parameters: how many numbers are learned.
      milliseconds: of a step of Adam, on one core of the machine that the list was made on.
      config: what the task is rebuilt from.
    """

    name: str
    split: str
    parameters: int
    milliseconds: float
    config: dict[str, Any]


class Normaliser(NamedTuple):
    """A task's scale: n(l) = (l - best) / (initial - best), cut to -2 ... 2 (Metz et al. 2020, arXiv 2009.11243).

    Both are mean losses of "outer_validation" minibatches.

    Attributes:
      initial: at theta_0.
      best: the lowest along the smoothed curves of Adam at 14 rates.
    """

    initial: float
    best: float

    def __call__(self, loss: float) -> float:
        """Of one loss; what is not finite counts as 2."""
        if not math.isfinite(loss):
            return HIGHEST
        return min(max((loss - self.best) / (self.initial - self.best), LOWEST), HIGHEST)


def tasks(split: str | None = None) -> dict[str, Published]:
    """The tasks by name, in the order of the list; all, or those of a split.

    Raises:
      ValueError: an unknown split.
    """
    if split is not None and split not in SPLITS:
        raise ValueError(f"The published tasks of taskset have the splits {list(SPLITS)}. Received: {split!r}.")
    return {name: task for name, task in _tasks().items() if split in (None, task.split)}


def task(name: str) -> Published:
    """The task of that name.

    Raises:
      ValueError: there is none.
    """
    if name not in _tasks():
        raise ValueError(
            f"The published tasks of taskset are those of problems/taskset/published/tasks.json, e.g. "
            f"{next(iter(_tasks()), None)!r}. Received: {name!r}."
        )
    return _tasks()[name]


def normaliser(of: str | Mapping[str, Any]) -> Normaliser | None:
    """The scale of a task, by its name in the list or by its configuration.

    Returns:
      None where there is none: a configuration that is not of the list, or a task that cannot be normalised, as Adam
      did not bring its loss down, or none of its losses is finite. `record` says which.

    Raises:
      ValueError: a name that is not in the list.
    """
    name = task(of).name if isinstance(of, str) else _names().get(_key(of))
    found = record(name) if name else None
    if not found or found["fault"]:
        return None
    return Normaliser(found["initial"], found["best"])


@functools.lru_cache(maxsize=1024)
def record(name: str) -> dict[str, Any] | None:
    """All that is known of a task's scale, with where it comes from; None where it has not been computed.

    Its `fault` says why there is no scale, and is None where there is one.
    """
    path = FOLDER / "normalisers" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


@functools.cache
def _tasks() -> dict[str, Published]:
    listed = json.loads((FOLDER / "tasks.json").read_text(encoding="utf-8"))["tasks"]
    return {entry["name"]: Published(**entry) for entry in listed}


@functools.cache
def _names() -> dict[str, str]:
    return {_key(published.config): name for name, published in _tasks().items()}


def _key(config: Mapping[str, Any]) -> str:
    return json.dumps(config, sort_keys=True)
