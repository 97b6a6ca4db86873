"""Verdicts on the talk's claims, from results written by hand, and the pages that the verdicts read."""

import json

import numpy as np
import pytest

from experiments.shared.verdict import DOES_NOT_HOLD, HOLDS, IN_PART
from experiments.talk import claims, judgements, taskset_tables
from experiments.talk.judgements import NOT_MEASURED
from tests.commands.in_process import flags_of


def _write(folder, content):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(content))


def _verdict(judge, results):
    return judge(results, "general").verdict


def test_nothing_is_measured_where_nothing_was_run(tmp_path):
    text = claims.render(tmp_path, "general")
    assert text.count(f"| {NOT_MEASURED} |") == len(claims.CLAIMS)
    assert {claim.number for claim in claims.CLAIMS} == set(range(13, 23))


def test_a_damaged_file_is_said(tmp_path):
    (tmp_path / "widths").mkdir()
    (tmp_path / "widths" / "results.json").write_text("{")
    with pytest.raises(ValueError, match=r"widths/results.json' is damaged. Run its experiment again."):
        claims.render(tmp_path, "general")


@pytest.mark.parametrize(
    ("hierarchical", "controlled", "expected"), [(0.1, 0.2, HOLDS), (0.1, 0.4, IN_PART), (0.4, 0.5, DOES_NOT_HOLD)]
)
def test_architectures(tmp_path, hierarchical, controlled, expected):
    means = {"HierarchicalLSTM": hierarchical, "ControlledMLP": controlled, "AdafactorMLP": 0.3, "PerParameterMLP": 0.6}
    _write(tmp_path / "architectures", {"rules": {name: {"mean": mean} for name, mean in means.items()}})
    found = judgements.architectures(tmp_path, "general")
    assert found.verdict == expected
    assert "AdafactorMLP 0.300" in found.measured


@pytest.mark.parametrize(
    ("means", "expected"),
    [((0.4, 0.3, 0.2), HOLDS), ((0.4, 0.2, 0.3), IN_PART), ((0.2, 0.1, 0.3), DOES_NOT_HOLD), ((0.4,), NOT_MEASURED)],
)
def test_more_tasks(tmp_path, means, expected):
    # In the order of text, 11 stands before 4.
    rules = {f"{count} tasks": {"mean": mean} for count, mean in zip((1, 4, 11), means)}
    _write(tmp_path / "more_tasks", {"rules": dict(sorted(rules.items()))})
    assert _verdict(judgements.more_tasks, tmp_path) == expected


def test_taskset_by_budget(tmp_path):
    def row(name, trials, mean, median):
        test = np.array([median, median, 3 * mean - 2 * median])
        return taskset_tables.Row(name, trials, test, test, test[:, None])

    rows = [
        row("general (untuned)", 1, 0.11, 0.03),
        row("adam_lr, global (configuration 7 of 14)", 1, 0.26, 0.09),
        row("adam_lr, per task", 14, 0.15, 0.06),
        row("opt_list, per task", 10, 0.09, 0.04),
        row("opt_list, per task", 100, 0.05, 0.02),
    ]
    written = taskset_tables.as_json(rows, ["general"])
    assert [(own["optimizer"], own["learned"]) for own in written[:2]] == [("general", True), ("adam_lr", False)]
    assert written[2]["test"] == {"mean": pytest.approx(0.15), "median": 0.06}
    _write(tmp_path / "taskset" / "held_out", {"rows": written})
    found = {most: judgements.taskset(least, most)(tmp_path, "general") for least, most in ((1, 1), (2, 14), (15, 1e9))}
    assert [own.verdict for own in found.values()] == [HOLDS, IN_PART, DOES_NOT_HOLD]
    assert "mean / median 0.110 / 0.030, against adam_lr, per task (14) 0.150 / 0.060; opt_list" in found[14].measured
    assert judgements.taskset(1, 1)(tmp_path, "another") == judgements.NOTHING


def _ratio(value):
    return {"rules": {"general": [1.0]}, "ratios": {"general": value}}


@pytest.mark.parametrize(
    ("ratios", "expected"), [((0.9, 1.05), HOLDS), ((0.9, 1.06), IN_PART), ((None, 1.06), DOES_NOT_HOLD)]
)
def test_out_of_distribution(tmp_path, ratios, expected):
    cases = {str(i): _ratio(ratio) for i, ratio in enumerate(ratios)}
    # A rule that does not fit the parameters says nothing of a problem.
    cases["unfit"] = {"rules": {"general": None}, "ratios": {"general": None}}
    _write(tmp_path / "out_of_distribution", {"cases": cases})
    found = judgements.out_of_distribution(tmp_path, "general")
    assert found.verdict == expected
    assert ("diverged" in found.measured) == (None in ratios)


def test_widths_near_the_training_and_far_from_it(tmp_path):
    measured = {"width": {"1": _ratio(3.0), "30": _ratio(1.0), "200": _ratio(1.0), "1000": _ratio(0.9)}}
    _write(tmp_path / "widths", {"trained": {"width": [20, 20]}, "measured": measured})
    near, far = judgements.widths(True)(tmp_path, "general"), judgements.widths(False)(tmp_path, "general")
    assert (near.verdict, far.verdict) == (HOLDS, IN_PART)
    assert "width: level on 2 of 2" in near.measured
    _write(tmp_path / "widths", {"trained": {"width": None}, "measured": measured})
    assert _verdict(judgements.widths(True), tmp_path) == IN_PART
    assert _verdict(judgements.widths(False), tmp_path) == NOT_MEASURED


def _run(optimizer, train, test, seconds=10.0, by_then=None, learned=False):
    return {
        "optimizer": optimizer,
        "learned": learned,
        "train": [9, train],
        "test": [9, test],
        "seconds": [1, seconds],
        "by_then": by_then,
    }


@pytest.mark.parametrize(
    ("train", "test", "expected"), [(1.0, 1.0, HOLDS), (1.0, 1.2, IN_PART), (None, 1.2, DOES_NOT_HOLD)]
)
def test_resnet(tmp_path, train, test, expected):
    runs = {
        "general": _run("general", train, test, learned=True),
        "Adam, 0.001": _run("Adam", 1.0, 1.3),
        "SGD, momentum 0.9, 0.1": _run("SGD, momentum 0.9", 1.5, 1.1),
    }
    _write(tmp_path / "resnet-14", {"num_steps": 200, "runs": runs})
    found = judgements.resnet(14)(tmp_path, "general")
    assert found.verdict == expected
    assert "SGD, momentum 0.9, 0.1 1.100" in found.measured
    assert _verdict(judgements.resnet(35), tmp_path) == NOT_MEASURED


@pytest.mark.parametrize(
    ("train", "then", "expected"), [(1.0, 1.05, HOLDS), (1.0, 1.2, IN_PART), (1.2, None, DOES_NOT_HOLD)]
)
def test_by_step_and_by_time(tmp_path, train, then, expected):
    runs = {
        "general": _run("general", train, 1.0, seconds=15.0, by_then=then, learned=True),
        "Adam, 0.001": _run("Adam", 1.0, 1.3),
        "SGD, momentum 0.9, 0.1": _run("SGD, momentum 0.9", 0.5, 1.1),  # it is Adam that is asked for
    }
    _write(tmp_path / "resnet-35", {"num_steps": 200, "runs": runs})
    found = judgements.by_time(tmp_path, "general")
    assert found.verdict == expected
    assert "1.50 times as long" in found.measured


@pytest.mark.parametrize(
    ("finals", "expected"),
    [((2.0, 0.9, 1.0), HOLDS), ((1.1, 1.2, 1.0), DOES_NOT_HOLD), ((None, 1.0, None), HOLDS)],
)
def test_self_training(tmp_path, finals, expected):
    names = ("general", "general, clipped", "Adam, 0.001")
    outer = {name: {"learned": "Adam" not in name, "final": [x, x]} for name, x in zip(names, finals)}
    _write(tmp_path / "self_training", {"outer_steps": 2000, "cases": {"lstm": {"outer": outer}}})
    assert _verdict(judgements.self_training, tmp_path) == expected


@pytest.mark.parametrize(("shrinkage", "expected"), [(0.5, HOLDS), (0.2, IN_PART), (-0.04, DOES_NOT_HOLD)])
def test_implicit_regularisation(tmp_path, shrinkage, expected):
    figures = {"general": {"shrinkage": shrinkage}, "Adam, 0.01": {"shrinkage": 0.0}}
    _write(tmp_path / "implicit_regularisation", {"figures": figures})
    assert _verdict(judgements.implicit_regularisation, tmp_path) == expected


@pytest.mark.parametrize(
    ("shifts", "expected"), [((-0.1, -0.1), HOLDS), ((-0.1, 0.1), IN_PART), ((0.1, 0.1), DOES_NOT_HOLD)]
)
def test_objectives(tmp_path, shifts, expected):
    base = np.random.default_rng(0).lognormal(size=20)
    results = [
        {"details": {"group": group}, "held_out_final_losses": {"test": (base + shift).tolist()}}
        for group, all_shifts in (("training loss", (0.0, 0.0)), ("validation loss", shifts))
        for shift in all_shifts
    ]
    _write(tmp_path / "objectives-noise", {"split": "test", "results": results})
    assert _verdict(judgements.objectives("objectives-noise"), tmp_path) == expected


def test_the_command_writes_both_tables(tmp_path, capsys):
    with flags_of(claims, f"--results={tmp_path}"):
        claims.main()
    assert (tmp_path / "claims_talk.md").read_text() == claims.render(tmp_path, "general")
    assert (tmp_path / "claims.md").exists()
    assert "claims_talk.md" in capsys.readouterr().out
