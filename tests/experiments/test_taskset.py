"""The TaskSet study: what normalises losses, trials that are kept, budgets in a table."""

import json
import math

import numpy as np
import pytest

from experiments.talk import taskset, taskset_normalise, taskset_runs, taskset_tables, taskset_trials
from l2l_tf.networks import search_spaces
from l2l_tf.saving import files
from problems import taskset as tasks
from problems.taskset import published
from problems.taskset.published import Normaliser


def test_a_smoothed_curve_is_means_of_windows_and_infinite_where_one_is_not_finite():
    curve = np.array([[1e30, 1.0, 2.0, 3.0, math.nan, 5.0, 7.0]])
    smooth = taskset_runs.smoothed(curve, 2)
    np.testing.assert_array_equal(smooth, [[5e29, 1.5, 2.5, math.inf, math.inf, 6.0]])


def test_the_scale_is_the_mean_at_the_start_and_the_lowest_smoothed_mean_over_seeds():
    generator = np.random.default_rng(0)
    initial = 5 + 0.1 * generator.standard_normal([2, 50])
    falling = np.linspace(5, 1, 201)
    curves = np.stack([np.stack([falling + shift, falling * 0 + 5, falling * math.nan]) for shift in (-0.5, 0.5)])
    found = taskset_normalise.scale(initial, curves)
    assert found["fault"] is None
    assert found["initial"] == pytest.approx(initial.mean())
    assert found["best"] == pytest.approx(falling[-50:].mean())
    assert (found["best_rate"], found["best_step"]) == (0, 200)
    assert found["lowest"][1:] == [5.0, None]


@pytest.mark.parametrize(
    ("initial", "level", "fault"),
    [
        (math.inf, 1.0, "Its initial loss is not finite."),
        (5.0, math.nan, "Adam has no finite loss at any rate."),
        (5.0, 5.0, "Adam does not bring its loss down at any rate."),
        (5.0, 4.95, "Adam does not bring its loss down at any rate."),
    ],
)
def test_a_task_without_a_scale_is_kept_and_says_why(initial, level, fault):
    noise = np.random.default_rng(0).standard_normal([2, 50])
    found = taskset_normalise.scale(initial + noise, np.full([2, 3, 101], level))
    assert found["fault"] == fault
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_a_normalisation_that_was_stopped_while_it_wrote_goes_on_to_the_same_numbers(tmp_path, monkeypatch, capsys):
    listed = [published.task(name) for name in ("quadratic_seed0", "quadratic_seed1")]
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    taskset_normalise.run_all(listed, whole, 4, 1)
    replace = files.os.replace
    for moment in range(2):  # The first file, then the second.

        def stop(source, target, moment=moment):
            if len(list(stopped.glob("*.json"))) >= moment:
                raise KeyboardInterrupt
            replace(source, target)

        monkeypatch.setattr(files.os, "replace", stop)
        with pytest.raises(KeyboardInterrupt):
            taskset_normalise.run_all(listed, stopped, 4, 1)
        assert len(list(stopped.iterdir())) == moment
    monkeypatch.setattr(files.os, "replace", replace)
    taskset_normalise.run_all(listed, stopped, 4, 1)
    assert "[1/2] quadratic_seed0: is there" in capsys.readouterr().out
    for task in listed:
        first, second = (json.loads((folder / f"{task.name}.json").read_text()) for folder in (whole, stopped))
        for record in (first, second):
            del record["seconds"], record["date"]
        assert first == second
        assert first["config"] == task.config


def test_members_side_by_side_are_the_configurations_one_by_one():
    config = published.task("losg_seed0").config
    task = tasks.build(config)
    together = taskset_trials.of_space(task, "opt_list", 0, 3, 6)
    alone = taskset_trials.of_space(task, "opt_list", 2, 3, 6)
    assert len(together) == 3
    np.testing.assert_allclose(together[2].curve, alone[0].curve, rtol=1e-4)
    assert together[2].test == pytest.approx(alone[0].test, rel=1e-4)


def test_kept_trials_come_back_and_are_of_one_length(tmp_path):
    trials = [taskset_trials.Trial(0.5, math.inf, (1.0, math.inf)), taskset_trials.Trial(0.25, 1.0, (1.0, 0.5))]
    kept = taskset_trials.Kept(tmp_path, 10)
    assert kept.read("a", "opt_list") == []
    kept.write("a", "opt_list", trials)
    assert taskset_trials.Kept(tmp_path, 10).read("a", "opt_list") == trials
    with pytest.raises(ValueError, match="give another --runs"):
        taskset_trials.Kept(tmp_path, 20)


def test_rows_of_a_table_by_hand():
    trial = taskset_trials.Trial
    trials = {
        "a": [trial(1.0, 2.0, (3.0, 1.0)), trial(2.0, 3.0, (3.0, 2.0))],
        "b": [trial(math.inf, math.inf, (5.0, math.inf)), trial(5.0, 4.0, (5.0, 5.0))],
    }
    normalisers = {"a": Normaliser(3.0, 1.0), "b": Normaliser(5.0, 3.0)}
    losses = taskset_tables.normalised(trials, normalisers)
    np.testing.assert_array_equal(losses.outer, [[0, 0.5], [2, 1]])
    for_all = taskset_tables.best_for_all("space", losses, 2)
    np.testing.assert_array_equal(for_all.outer, [0.5, 1])  # Its mean is .75, that of the other 1.
    np.testing.assert_array_equal(for_all.test, [1, 0.5])
    for_each = taskset_tables.best_for_each("space", losses, 2)
    np.testing.assert_array_equal(for_each.outer, [0, 1])
    np.testing.assert_array_equal(for_each.test, [0.5, 0.5])
    np.testing.assert_array_equal(taskset_tables.best_for_each("space", losses, 1).outer, [0, 2])
    assert "| space, per task | 2 | 0.5000 / 0.5000 | 0.5000 / 0.5000 | 0.7500 |" in taskset_tables.table([for_each])
    assert taskset_tables.by_task(["a", "b"], [for_each]).splitlines()[1:] == [
        '"space, per task"'.join(["a,", ",2,0,0.5"]),
        '"space, per task"'.join(["b,", ",2,1,0.5"]),
    ]


@pytest.mark.parametrize("word", ["opt_list", "opt_list:", "opt_list:-1", "opt_list:101", "adamw:10"])
def test_budgets_are_spaces_with_a_number_that_they_have(word):
    assert taskset.budgets_from(["adam_lr:14", "opt_list:100"]) == {"adam_lr": 14, "opt_list": 100}
    with pytest.raises(ValueError, match="Received: "):
        taskset.budgets_from([word])


def test_a_normaliser_is_of_all_rates_of_the_space():
    assert len(search_spaces.ADAM_RATES) == search_spaces.SPACES[taskset_normalise.SPACE].size == 14
