"""Rules trained at equal compute: what is trained, how long a budget is, and the table of what came of it."""

import itertools
import math
import types

import numpy as np
import pytest

from experiments.talk import architectures, meta_trainings, more_tasks
from experiments.talk.meta_trainings import Trained
from l2l_tf.training import tasks

FLAGS = types.SimpleNamespace(quick=False, seed=0, minutes=2.0, data_dir=None, download=False)


@pytest.mark.parametrize("variant", [*architectures.VARIANTS.values(), *more_tasks.VARIANTS.values()])
def test_all_are_trained_alike_but_for_what_is_compared(variant):
    config = meta_trainings._config(FLAGS, variant, 100)
    assert config.tasks_per_step == variant.slots
    assert [member["family"] for member in config.problem_options["problems"]] == list(variant.members)
    assert config.longest_run == 1_000


def test_fewer_tasks_are_among_the_more():
    members = [variant.members for variant in more_tasks.VARIANTS.values()]
    assert [len(set(own)) for own in members] == [1, 4, 11, 18]
    assert all(set(few) < set(more) for few, more in itertools.pairwise(members))
    assert len({variant.slots for variant in more_tasks.VARIANTS.values()}) == 1


def test_a_budget_is_as_many_outer_steps_as_fit_it(monkeypatch, tmp_path):
    class Training:
        def __init__(self, *args, **options):
            pass

        def run(self, report):
            for seconds in (60.0, 30.0, 0.5, 0.4, 0.5, 9.0, 1.0):  # The first ones compile.
                report(types.SimpleNamespace(seconds=seconds))

    monkeypatch.setattr(tasks, "TasksTraining", Training)
    variant = architectures.VARIANTS["ControlledMLP"]
    assert meta_trainings._fitting(FLAGS, variant, tmp_path) == 240


def test_the_table_and_the_figure():
    found = {
        "a": Trained(1_200, 30.0, [(600, -1.0), (1200, -1.5)], np.array([0.1, 0.2, 0.6])),
        "b": Trained(300, 29.0, [(300, math.inf)], np.array([2.0, 2.0, 2.0])),
    }
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in meta_trainings.table(found).splitlines()]
    assert rows[2] == ["a", "1,200", "30.0", "0.3000", "0.2000", "-1.500"]
    assert meta_trainings.as_json(found["b"])["validations"] == [[300, None]]
    left, right = meta_trainings.figure(found).axes
    assert list(left.lines[0].get_xdata()) == [15.0, 30.0]
    assert list(right.lines[0].get_ydata()) == [0.1, 0.2, 0.6]
