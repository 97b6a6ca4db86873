"""TaskSet: families of tasks, each a distribution of configurations that are plain data.

>>> from problems import taskset
>>> config = taskset.sample("quadratic", 3)  # a nested dictionary, as JSON has them
>>> problem = taskset.build(config)  # the Problem that it describes

A task is rebuilt from its configuration, never from its number: a sampler may change, a stored task does not.

>>> listed = taskset.published_tasks("train")  # name to task of the published list, split once and for good
>>> config = listed["mlp_seed3"].config
>>> normaliser = taskset.normaliser("mlp_seed3")  # what brings losses of tasks to one scale; of a config as well

TensorFlow is imported with the first `build`. docs/taskset.md tells what differs from Metz et al. 2020.
"""

from typing import TYPE_CHECKING, Any

from problems.taskset.fixed import FIXED
from problems.taskset.published import normaliser
from problems.taskset.published import tasks as published_tasks
from problems.taskset.registry import FAMILIES, sample

if TYPE_CHECKING:
    from problems.taskset.task import Task

__all__ = ["FAMILIES", "FIXED", "build", "normaliser", "published_tasks", "sample"]


def build(config: dict[str, Any], data_dir: str | None = None, download: bool = False) -> "Task":
    """The Problem of a configuration.

    Args:
      config: as `sample` gives one.
      data_dir, download: as `problems.datasets.load` takes them.

    Raises:
      ValueError: no configuration.
      DatasetNotPreparedError: its data is not there.
    """
    from problems.taskset.task import Task

    return Task(config, data_dir, download)
