"""All models of the zoo by name."""

from benchmarks.keras_zoo.models import functions, generative, images, relations, series, tables, texts
from benchmarks.keras_zoo.task import PARTS, Task

TASKS: dict[str, Task] = {
    name: task
    for kinds in (tables, images, generative, texts, series, functions, relations)
    for name, task in kinds.TASKS.items()
}


def of_part(part: str) -> dict[str, Task]:
    """The tasks of a part, or of all parts."""
    return {name: task for name, task in TASKS.items() if part in ("all", task.part)}


__all__ = ["PARTS", "TASKS", "of_part"]
