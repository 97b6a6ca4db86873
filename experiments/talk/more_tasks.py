"""The same rule meta-trained on 1, 4, 11 and 18 tasks at equal compute, and judged on new ones."""

from experiments.talk import meta_trainings
from experiments.talk.meta_trainings import Variant
from problems.taskset import small

DESCRIPTION = """ControlledMLP, meta-trained on 1, 4, 11 and 18 of the small tasks, the fewer among the more, with
as many estimates in each outer step, for the same time of one core; then judged on TaskSet's tasks for choosing.

  python -m experiments more_tasks --minutes=30"""

FLAGS = meta_trainings.define_flags("more_tasks")
_SLOTS = 18
_FIRST = ("fashion_mnist", "tanh", "autoencoder", "characters")
TASKS = (
    *_FIRST,
    *(name for name in small.TASKS if name not in _FIRST),
    *small.FURTHER,
)
COUNTS = (1, 4, 11, 18)
VARIANTS = {
    f"{count} task{'s' * (count > 1)}": Variant("ControlledMLP", {"scale": 0.002}, TASKS[:count], _SLOTS)
    for count in COUNTS
}


def main():
    what = f"The rules differ in the number of their training tasks alone; {_SLOTS} estimates an outer step."
    meta_trainings.run(FLAGS, VARIANTS, "More training tasks", what)
