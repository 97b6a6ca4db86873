"""What a comparison is written down as, read back and recomputed."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from l2l_tf.evaluation import figures, report
from l2l_tf.evaluation.evaluator import Curves
from l2l_tf.evaluation.report import Result

RANDOM = np.random.default_rng(0)


def _curves(losses, held_out=None):
    losses = np.asarray(losses)
    steps = losses.shape[1] - 1
    return Curves(losses, held_out or {}, (1, steps), np.full(len(losses), 0.25))


@pytest.fixture
def results():
    learned = RANDOM.lognormal(size=(4, 4)).astype(np.float32)
    held_out = {"validation": RANDOM.lognormal(size=(4, 2)), "test": RANDOM.lognormal(size=(4, 2))}
    hand_designed = learned + np.float32(0.5) * np.array([[1], [1], [-1], [1]], np.float32)
    return [
        Result("L2L", _curves(learned, held_out), True, None, {"path": "runs/a"}),
        Result("Adam", _curves(hand_designed, held_out), False, 0.01, {"tuning": {"learning_rate": 0.01}}),
    ]


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 9, 19, 99, 999])
def test_t_quantile(degrees):
    assert report.t_quantile(degrees) == pytest.approx(stats.t.ppf(0.975, degrees), rel=2e-3)


def test_interval():
    values = RANDOM.normal(size=12).astype(np.float32)
    low, high = stats.t.interval(0.95, 11, values.mean(), stats.sem(values))
    assert report.interval(values) == pytest.approx((values.mean(), low, high), rel=1e-4)
    assert report.interval(np.array([3.0])) == (3.0, 3.0, 3.0)
    assert report.plus_minus(report.interval(np.array([3.0]))) == "3"
    assert report.plus_minus(report.interval(np.array([3.0, 4.0]))) == "3.5 ± 6.4"
    assert report.plus_minus(report.interval(np.array([3.0, np.inf]))) == "not finite"


def test_table_holds_the_numbers(results):
    lines = report.table(results, markdown=True).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    held_out = ["validation loss (95 %)", "test loss (95 %)"]
    assert cells[0] == [
        *("optimizer", "learning rate", "final loss (95 %)", "median", "log10 mean", *held_out, "L2L wins", "s / run")
    ]
    assert set("".join(cells[1])) == {"-"}
    for row, result in zip(cells[2:], results, strict=True):
        final = result.curves.losses[:, -1].astype(np.float64)
        low, _ = stats.t.interval(0.95, 3, final.mean(), stats.sem(final))
        assert row[0] == result.name
        mean, _, half = row[2].partition(" ± ")
        assert float(mean) == pytest.approx(final.mean(), rel=1e-3)
        assert float(half) == pytest.approx(final.mean() - low, rel=5e-2)
        assert float(row[3]) == pytest.approx(np.median(final), rel=1e-3)
        assert float(row[4]) == pytest.approx(np.log10(final.mean()), abs=1e-3)
        assert float(row[6].split(" ± ")[0]) == pytest.approx(result.curves.held_out["test"][:, 1].mean(), rel=1e-3)
        assert row[8] == "0.25"
    assert [cells[2][i] for i in (1, 7)] == ["-", "-"]
    assert [cells[3][i] for i in (1, 7)] == ["0.01", "3/4"]
    plain = report.table(results).splitlines()
    assert len(plain) == 3
    assert plain[2].split() == " ".join(cells[3]).split()


def test_a_loss_that_is_not_finite_loses_and_is_said():
    results = [
        Result("L2L", _curves([[1.0, 1.0]] * 4), True),
        Result("SGD", _curves([[1.0, 0.5], [1.0, np.nan], [1.0, np.inf], [1.0, 1.0]]), False, 9.0),
    ]
    row = report.summary(results[1], results[0])
    assert row["wins_of_first"] == 2
    assert row["final_loss"] == {"mean": None, "low": None, "high": None}
    assert row["log10_mean_final_loss"] is None
    assert "not finite" in report.table(results).splitlines()[2]
    assert json.loads(json.dumps(report.as_json(results, {}), allow_nan=False))["results"][1]["mean_curve"] == [1, None]


def test_long_mean_curves_are_thinned_to_their_last_step():
    losses = np.arange(10_001, dtype=np.float32)[None]
    (entry,) = report.as_json([Result("L2L", _curves(losses), True)], {})["results"]
    assert entry["mean_curve_every"] == 10
    assert entry["mean_curve"] == list(range(0, 10_001, 10))
    (short,) = report.as_json([Result("L2L", _curves(losses[:, :1001]), True)], {})["results"]
    assert (short["mean_curve_every"], len(short["mean_curve"])) == (1, 1001)


def test_files_read_back(results, tmp_path):
    about = {"command": "python evaluate.py", "seed": 3, "date": "2026-01-01", "versions": {"python": "3"}}
    report.write(results, about, tmp_path / "new")
    with open(tmp_path / "new" / "curves.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 4 * 4
    for result in results:
        own = [row for row in rows if row["optimizer"] == result.name]
        losses = np.array([row["loss"] for row in own], np.float32).reshape(4, 4)
        np.testing.assert_array_equal(losses, result.curves.losses)
        assert [(int(row["draw"]), int(row["step"])) for row in own] == [(d, s) for d in range(4) for s in range(4)]
        tests = np.array([row["test"] for row in own]).reshape(4, 4)
        np.testing.assert_array_equal(tests[:, [1, 3]].astype(float), result.curves.held_out["test"])
        assert set(tests[:, [0, 2]].ravel()) == {""}
    content = json.loads((tmp_path / "new" / "results.json").read_text())
    assert {name: content[name] for name in about} == about
    for entry, result in zip(content["results"], results, strict=True):
        np.testing.assert_array_equal(np.float32(entry["final_losses"]), result.curves.losses[:, -1])
        np.testing.assert_allclose(entry["mean_curve"], result.curves.losses.mean(0), rtol=1e-6)
        assert entry["held_out_final_losses"]["validation"] == result.curves.held_out["validation"][:, 1].tolist()
        assert (entry["name"], entry["learned"], entry["details"]) == (result.name, result.learned, result.details)
        assert entry["final_loss"]["mean"] == pytest.approx(result.curves.final().mean(), rel=1e-6)
    table = (tmp_path / "new" / "table.md").read_text()
    assert table.startswith(report.table(results, markdown=True))
    assert "- command: `python evaluate.py`\n- date: `2026-01-01`\n" in table


def test_figure_is_in_the_papers_style(results):
    axes = figures.learning_curves(results, "title").axes[0]
    learned, hand_designed = axes.get_lines()
    assert (learned.get_linestyle(), hand_designed.get_linestyle()) == ("-", "--")
    assert [line.get_label() for line in (learned, hand_designed)] == ["L2L", "Adam"]
    np.testing.assert_allclose(learned.get_ydata(), results[0].curves.losses.mean(0), rtol=1e-6)
    np.testing.assert_array_equal(learned.get_xdata(), range(4))
    assert (axes.get_yscale(), axes.get_xlabel(), axes.get_title()) == ("log", "step", "title")
    assert len(axes.collections) == 2
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    final = results[0].curves.losses[:, -1].astype(np.float64)
    assert np.any(np.isclose(band, stats.t.interval(0.95, 3, final.mean(), stats.sem(final))[1], rtol=5e-3))


def test_figure_of_a_held_out_loss(results):
    axes = figures.learning_curves(results, split="test").axes[0]
    assert axes.get_ylabel() == "test loss"
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), (1, 3))
    expected = results[0].curves.held_out["test"].mean(axis=0)
    np.testing.assert_allclose(axes.lines[0].get_ydata(), expected)


def test_figure_by_time(results):
    axes = figures.learning_curves(results, split="test", by_time=True).axes[0]
    assert (axes.get_xlabel(), axes.get_xscale()) == ("seconds", "log")
    for line, result in zip(axes.lines, results, strict=True):
        expected = np.multiply((1, 3), result.curves.mean_epoch_time / 3)
        np.testing.assert_allclose(line.get_xdata(), expected)


def test_many_optimizers_have_lines_of_their_own_color_and_names_beside_them(results):
    many = [results[0]._replace(name=str(i)) for i in range(13)]
    plot = figures.learning_curves(many)
    (axes,) = plot.axes
    assert len({line.get_color() for line in axes.lines}) == 13
    assert not axes.collections
    assert axes.get_legend() is None
    (legend,) = plot.legends
    assert [text.get_text() for text in legend.get_texts()] == [result.name for result in many]


def test_figure_of_losses_that_are_not_positive_is_linear():
    axes = figures.learning_curves([Result("L2L", _curves([[1.0, 0.0], [1.0, 0.0]]), True)]).axes[0]
    assert axes.get_yscale() == "linear"


def test_a_divergence_does_not_flatten_the_others():
    steady = _curves([[2.0, 1.0, 0.5]] * 2)
    diverging = _curves([[2.0, 1e20, np.inf]] * 2)
    axes = figures.learning_curves([Result("L2L", steady, True), Result("SGD", diverging, False)]).axes[0]
    assert axes.get_ylim()[1] == pytest.approx(20)
    nothing = _curves([[np.nan, np.nan]])
    figures.learning_curves([Result("L2L", nothing, True)])


@pytest.mark.parametrize(("suffix", "begins"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("PDF", b"%PDF")])
def test_figure_files(suffix, begins, results, tmp_path):
    path = tmp_path / "new" / f"curves.{suffix}"
    figures.write(figures.learning_curves(results), path)
    assert path.read_bytes().startswith(begins)


def test_another_suffix_is_refused(results, tmp_path):
    with pytest.raises(ValueError, match=r"^A figure's file name ends in one of \['\.pdf', '\.png', '\.svg'\]\. Rec"):
        figures.write(figures.learning_curves(results), tmp_path / "curves.jpg")
    assert list(tmp_path.iterdir()) == []


def test_needs_neither_tensorflow_nor_a_display():
    code = (
        "import sys, numpy as np;"
        "from types import SimpleNamespace as S; from l2l_tf.evaluation import figures, report;"
        "c = S(losses=np.ones((2, 2)), held_out={}, counted=np.ones(2, bool));"
        "figures.learning_curves([report.Result('L2L', c, True)]);"
        "assert not {'tensorflow', 'matplotlib.pyplot'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_draws_that_are_not_finite_where_they_start_are_left_out_and_named():
    ours = np.array([[1.0, 0.5], [np.nan, np.nan], [1.0, 0.1], [np.inf, 0.2]])
    theirs = np.array([[1.0, 0.7], [np.nan, np.nan], [1.0, 0.0], [np.inf, 9.0]])
    results = [Result("L2L", _curves(ours), True), Result("Adam", _curves(theirs), False, 0.1)]
    row = report.summary(results[1], results[0])
    assert (row["num_draws"], row["left_out_draws"], row["wins_of_first"]) == (2, [1, 3], 1)
    assert row["final_loss"]["mean"] == pytest.approx(0.35)
    assert row["log10_mean_final_loss"] == pytest.approx(np.log10(0.35))
    *rows, empty, said = report.table(results).splitlines()
    assert len(rows) == 3 and empty == ""
    assert said == "Left out are the draws that are not finite at theta_0, as the loss is not: 1, 3."
    entry = report.as_json(results, {})["results"][0]
    assert entry["mean_curve"] == [1.0, 0.3]
    assert entry["final_losses"] == [0.5, None, 0.1, 0.2]
    axes = figures.learning_curves(results).axes[0]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [1.0, 0.3])


def test_where_no_draw_starts_finite_all_are_counted():
    (result,) = [Result("L2L", _curves([[np.nan, 1.0], [np.nan, 3.0]]), True)]
    row = report.summary(result, result)
    assert (row["num_draws"], row["left_out_draws"], row["final_loss"]["mean"]) == (2, [], 2.0)


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ({"interior": True, "safe": True, "left_out_draws": []}, []),
        ({"interior": True}, []),  # As older records are.
        (
            {"interior": False, "safe": False, "left_out_draws": []},
            ["SGD: the learning rate 1 is at the edge of those tried, 0.1 to 1."],
        ),
        (
            {"interior": True, "safe": False, "left_out_draws": [3, 17]},
            [
                "SGD: no safety test of its learning rates held; at 1 rare draws may diverge.",
                "SGD: draws without a finite loss at any learning rate are left out: 3, 17.",
            ],
        ),
        (
            {"interior": True, "safe": True, "left_out_draws": list(range(12))},
            [
                "SGD: draws without a finite loss at any learning rate are left out: "
                "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ... (12 in all)."
            ],
        ),
    ],
)
def test_what_a_search_of_learning_rates_has_to_say(search, said):
    trials = [{"learning_rate": rate} for rate in (0.1, 0.5, 1.0)]
    search = {"learning_rate": 1.0, "trials": trials, **search}
    result = Result("SGD", _curves([[1.0, 0.5]]), False, 1.0, {"tuning": search})
    assert report.caveats([result]) == said
    assert report.table([result]).splitlines()[2:] == (["", *said] if said else [])


@pytest.mark.parametrize(
    ("loss", "line"),
    [(0.01, "Log Mean Final Error: -2.000"), (0.0, "Mean Final Error: 0"), (-3.25, "Mean Final Error: -3.25")],
)
def test_a_loss_without_a_logarithm_is_shown_as_it_is(loss, line):
    assert report.log10_line(loss) == line


def test_the_interval_of_a_figure_does_not_go_below_the_least_draw():
    draws = np.array([[1.0, 1.0], [1.0, 1.1], [9.0, 1.2]])
    mean, low, high = figures.band(draws)
    np.testing.assert_allclose(mean, [11 / 3, 1.1])
    assert low[0] == 1.0  # mean - half would be negative
    assert 1.0 <= low[1] < 1.1 < high[1]
    half = report.t_quantile(2) * np.std(draws[:, 0], ddof=1) / np.sqrt(3)
    assert high[0] == pytest.approx(mean[0] + half)
