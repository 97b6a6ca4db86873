"""Distributions of problems: `sample_problem(seed)` gives a problem, and equal seeds equal ones.

A distribution says a problem as data, `Task`, before it builds one, so that it can be kept, told and built elsewhere.
TensorFlow is imported with the first problem that is built.
"""

import abc
import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from problems import catalogue, option_values
from problems.taskset.registry import FAMILIES
from problems.taskset.registry import sample as sample_of_taskset
from problems.taskset.samplers.parts import SOURCES

if TYPE_CHECKING:
    from problems.problem import Problem

MIXTURE, TASKSET = "mixture", "taskset"
SPLITS = ("train", "validation", "test")
# Of six tasks in a row that a family has, four are to learn from, one to choose by, one held out.
_SPLIT_OF = ("train", "train", "train", "train", "validation", "test")
_LARGEST_SEED = 2**31 - 1


class Task(NamedTuple):
    """A problem as data.

    Attributes:
      family: what it is counted under in means and summaries.
      problem, problem_options: as `problems.get` takes them.
    """

    family: str
    problem: str
    problem_options: dict[str, Any]


class Distribution(abc.ABC):
    """A distribution over problems.

    It is in parts, families or members of a mixture, with a share each. Where many problems are in use at once, each
    can be told its `quantile`, so that the parts have their shares of them.

    Args:
      data: keyword arguments for problems that take them and are not part of their identity (`data_dir`, `download`).
    """

    def __init__(self, data: Mapping[str, Any] | None = None):
        self._data = dict(data or {})

    @abc.abstractmethod
    def task(self, seed: int, quantile: float | None = None) -> Task:
        """The problem of a seed, as data.

        Args:
          seed: at least 0.
          quantile: from 0 to below 1, chooses the part; by default the seed does.
        """

    def validation(self) -> "Distribution":
        """The problems to choose a rule by: others of the same kind where there are others."""
        return self

    def build(self, task: Task) -> "Problem":
        """The problem of a task.

        Raises:
          ValueError, DatasetNotPreparedError: as `problems.get`.
        """
        import problems

        entry = catalogue.CATALOGUE.get(catalogue.find(task.problem))
        data = {name: value for name, value in self._data.items() if entry and name in entry.options}
        return problems.get(task.problem, **{**task.problem_options, **data})

    def sample_problem(self, seed: int) -> "Problem":
        """The problem of a seed, an integer of at least 0.

        Raises:
          ValueError, DatasetNotPreparedError: as `problems.get`.
        """
        return self.build(self.task(seed))


class TaskSetFamilies(Distribution):
    """Tasks of TaskSet's families, all families with the same share.

    Args:
      families: names, as `taskset.FAMILIES` has them.
      split: "train", "validation" or "test": of six numbers of a family's tasks in a row the first four, the fifth or
        the sixth.
      source: "prepared" for data sets of TFDS, "synthetic" for our own of the same shapes.
      data: see `Distribution`.

    Raises:
      ValueError: no family, an unknown one, or an unknown split or source.
    """

    def __init__(
        self,
        families: Sequence[str],
        split: str = "train",
        source: str = "prepared",
        data: Mapping[str, Any] | None = None,
    ):
        super().__init__(data)
        if not isinstance(families, list | tuple) or not families or not all(f in list(FAMILIES) for f in families):
            raise ValueError(f"families is a list of {sorted(FAMILIES)}. Received: {families!r}.")
        if split not in SPLITS:
            raise ValueError(f"split is one of {list(SPLITS)}. Received: {split!r}.")
        if source not in SOURCES:
            raise ValueError(f"source is one of {list(SOURCES)}. Received: {source!r}.")
        self._families = list(families)
        self._split = split
        self._source = source

    def task(self, seed, quantile=None):
        generator = np.random.default_rng(seed)
        share = generator.random() if quantile is None else quantile
        family = self._families[int(share * len(self._families))]
        numbers = [i for i, split in enumerate(_SPLIT_OF) if split == self._split]
        number = 6 * int(generator.integers(_LARGEST_SEED // 6)) + numbers[generator.integers(len(numbers))]
        return Task(family, TASKSET, {"config": sample_of_taskset(family, number, self._source)})

    def validation(self):
        split = "validation" if self._split == "train" else self._split
        return TaskSetFamilies(self._families, split, self._source, self._data)


class Mixture(Distribution):
    """Some problems by name, with weights.

    Args:
      problems: each `{"problem": ..., "problem_options": {...}, "weight": ..., "family": ...}`. Options are those of
        `problems.get`; the weight is 1 and the family the problem's name where they are not given.
      data: see `Distribution`.

    Raises:
      ValueError: no problem, or one that is none.
    """

    def __init__(self, problems: Sequence[Mapping[str, Any]], data: Mapping[str, Any] | None = None):
        super().__init__(data)
        if not isinstance(problems, list | tuple) or not problems:
            raise ValueError(f"A mixture has the option problems, a list of one or more. Received: {problems!r}.")
        self._tasks, weights = zip(*map(_weighted, problems), strict=True)
        self._ends = np.cumsum(weights) / np.sum(weights)

    def task(self, seed, quantile=None):
        share = np.random.default_rng(seed).random() if quantile is None else quantile
        return self._tasks[min(int(np.searchsorted(self._ends, share, "right")), len(self._tasks) - 1)]


class OfFunction(Distribution):
    """What a user's own function `sample_problem(seed, **options) -> Problem` gives.

    Args:
      name: of the function, `package.module:function`.
      options: what else it takes.
      data: see `Distribution`.
    """

    def __init__(self, name: str, options: Mapping[str, Any] | None = None, data: Mapping[str, Any] | None = None):
        super().__init__(data)
        self._name = name
        self._options = dict(options or {})

    def task(self, seed, quantile=None):
        return Task(self._name.partition(":")[2], self._name, {**self._options, "seed": seed})


def is_one(name: str, options: Mapping[str, Any]) -> bool:
    """Whether name and options are those of a distribution, and no problem's."""
    return name == MIXTURE or (name == TASKSET and "families" in options)


def get(name: str, options: Mapping[str, Any], data: Mapping[str, Any] | None = None) -> Distribution:
    """A distribution by its name: `taskset` with `families`, `mixture`, a user's function, or one problem alone.

    Args:
      name: "taskset", "mixture", `package.module:function`, or a problem's name.
      options: of it.
      data: see `Distribution`.

    Raises:
      ValueError: an unknown name or option.
    """
    if is_one(name, options):
        taken = inspect.signature(TaskSetFamilies if name == TASKSET else Mixture).parameters
        if unknown := [option for option in options if option not in taken or option == "data"]:
            raise ValueError(
                f"The distribution {name} takes the options {[option for option in taken if option != 'data']}. "
                f"Received: {unknown}."
            )
        if name == MIXTURE:
            return Mixture(options.get("problems", ()), data)
        return TaskSetFamilies(**options, data=data)
    if ":" in name:
        catalogue.check(name, options)
        return OfFunction(name, options, data)
    return Mixture([{"problem": name, "problem_options": dict(options)}], data)


def _weighted(item: Any) -> tuple[Task, float]:
    known = {"problem", "problem_options", "weight", "family"}
    if not isinstance(item, Mapping) or "problem" not in item or not set(item) <= known:
        raise ValueError(
            'A problem of a mixture is {"problem": ..., "problem_options": {...}, "weight": ..., "family": ...}. '
            f"Received: {item!r}."
        )
    name, options, weight = item["problem"], item.get("problem_options", {}), item.get("weight", 1)
    if not option_values.is_number(weight) or weight <= 0:
        raise ValueError(f"The weight of a problem in a mixture is a number above 0. Received: {weight!r}.")
    catalogue.check(name, options)
    catalogue.check_values(name, options)
    catalogue.check_inside(name, options)
    return Task(item.get("family", name), name, catalogue.resolved(name, options)), float(weight)
