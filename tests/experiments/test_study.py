"""A small study from end to end: trained, resumed, tuned, compared, written down twice alike."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from scipy import stats

from experiments.__main__ import NAMES
from experiments.__main__ import load as load_experiment
from experiments.paper import cifar, quadratic
from experiments.shared import runs, study, study_command, tables
from experiments.shared.study import Part, Study, Training
from l2l_tf import presets
from l2l_tf.evaluation import comparison
from l2l_tf.evaluation.evaluator import Curves, Evaluator
from l2l_tf.evaluation.report import Result
from l2l_tf.saving.saved_optimizer import load, read
from l2l_tf.training.events import Epoch
from l2l_tf.training.loop import Training as Run
from l2l_tf.unrolling import seeds
from problems.quadratic import Quadratic
from tests.commands.in_process import flags_of
from tests.evaluation import pages

ROOT = Path(__file__).parents[2]
OPTIONS = {"batch_size": 2, "num_dims": 2}
TRAINING = Training(
    "tiny",
    "quadratic",
    {
        "problem_options": OPTIONS,
        "networks": {"cw": {"net": "CoordinateWiseDeepLSTM", "net_options": {"layers": [2], "scale": 0.1}}},
        "num_epochs": 2,
        "num_steps": 4,
        "unroll_length": 2,
        "evaluation_period": 1,
        "evaluation_epochs": 2,
    },
)
STUDY = Study(
    trainings=(TRAINING,),
    parts=(Part("tiny-4", "Tiny quadratics", "quadratic", OPTIONS, 4, {"LSTM": "tiny"}, last=2, by_time=True),),
    seeds=(0, 1),
    num_draws=5,
    tuning_draws=2,
    baselines=("SGD", "Adam"),
    grids={"SGD": (-5, -3), "Adam": (-5, -3)},
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("study")


def _run(folder, *words, of=STUDY):
    with flags_of(study_command, "--threads=default", f"--folder={folder}/runs", f"--output={folder}/results", *words):
        study_command.main("tiny", of)


@pytest.fixture(scope="module")
def written(folder):
    """The study, run in full; its folder of results."""
    _run(folder)
    return folder / "results" / "tiny-4"


def _finals(path, step="4"):
    """Optimizer to its losses at the last step, or at another, from curves.csv."""
    with open(path / "curves.csv") as file:
        rows = [row for row in csv.DictReader(file) if row["step"] == step]
    return {
        name: np.array([float(row["loss"]) for row in rows if row["optimizer"] == name])
        for name in dict.fromkeys(row["optimizer"] for row in rows)
    }


def test_table_holds_the_numbers_of_the_curves(written):
    lines = (written / "table.md").read_text().splitlines()
    assert lines[0] == "Tiny quadratics"
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    finals, before = _finals(written), _finals(written, "3")
    assert list(finals) == ["LSTM, seed 0", "LSTM, seed 1", "SGD", "Adam"]
    best = min(("SGD", "Adam"), key=lambda name: finals[name].mean())
    assert table[0][-3:] == [f"of {best}'s", f"better than {best}", "loss of the last 2 steps (95 %)"]
    for losses in (finals, before):
        losses["LSTM, 2 seeds"] = (losses["LSTM, seed 0"] + losses["LSTM, seed 1"]) / 2
    rows = {row[0]: row for row in table[2:]}
    assert list(rows) == ["LSTM, seed 0", "LSTM, seed 1", "LSTM, 2 seeds", "SGD", "Adam"]
    for name, losses in finals.items():
        mean, _, half = rows[name][2].partition(" ± ")
        assert float(mean) == pytest.approx(losses.mean(), rel=1e-3)
        assert float(half) == pytest.approx(
            losses.mean() - stats.t.interval(0.95, 4, losses.mean(), stats.sem(losses))[0], rel=0.05
        )
        assert float(rows[name][3]) == pytest.approx(np.median(losses), rel=1e-3)
        assert float(rows[name][4]) == pytest.approx(losses.mean() / finals[best].mean(), abs=1e-3)
        last_two = (losses + before[name]).mean() / 2
        assert float(rows[name][6].partition(" ± ")[0]) == pytest.approx(last_two, rel=1e-3)
        assert rows[name][5] == ("-" if name == best else f"{np.sum(losses < finals[best])}/5")


def test_a_training_starts_from_the_one_it_comes_after(tmp_path):
    """Of the same seed, whichever of the two is named; nothing else is changed."""
    second = TRAINING._replace(name="tiny-long", after="tiny", settings={**TRAINING.settings, "num_epochs": 3})
    part = STUDY.parts[0]._replace(learned={"LSTM": "tiny-long"})
    chain = STUDY._replace(trainings=(second, TRAINING), parts=(part,))
    _run(tmp_path, "--train_only", "--seed=1", "--trainings=tiny", of=chain)
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["tiny-1"]
    _run(tmp_path, "--train_only", "--seed=1", of=chain)
    folders = [tmp_path / "runs" / name for name in ("tiny-1", "tiny-long-1")]
    first, after = (read(folder)[0]["metadata"]["training"] for folder in folders)
    assert first["start_from"] is None and after["start_from"] == folders[0].as_posix()
    assert sorted(path.name for path in folders[0].parent.iterdir()) == ["tiny-1", "tiny-long-1"]


def test_draws_are_fresh_and_those_of_an_evaluation(written, folder):
    problem = Quadratic(**OPTIONS)
    network = load(folder / "runs" / "tiny-1", function_axis=problem.function_axis)
    draws = seeds.fold(seeds.root(study.EVALUATION_SEED), seeds.Purpose.EVALUATION)
    expected = Evaluator(problem, network, 4)(draws, 5).final()
    np.testing.assert_allclose(_finals(written)["LSTM, seed 1"], expected, rtol=1e-6)


def test_what_is_written_beside_the_table(written):
    results = json.loads((written / "results.json").read_text())
    assert results["seed"] == study.EVALUATION_SEED
    assert results["machine"]["cpus"] >= 1
    assert results["num_draws"] == 5
    assert results["seconds"] > 0
    assert "tensorflow" in results["versions"]
    assert {"command", "commit", "date"} <= set(results)
    learned = [result["details"] for result in results["results"] if result["learned"]]
    assert [(of["group"], of["seed"], of["path"]) for of in learned] == [("LSTM", 0, "tiny-0"), ("LSTM", 1, "tiny-1")]
    assert str(written) not in json.dumps(results)
    for figure in ("figure.png", "figure-by-time.png"):
        assert matplotlib.image.imread(written / figure).shape[2] == 4


def test_the_page_has_the_table_and_the_curves_of_the_figure(written):
    page = (written / "report.html").read_text()
    assert pages.elements(page, "h1")[0].text == "Tiny quadratics"
    lines = [line for line in (written / "table.md").read_text().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert [cell.text for cell in pages.elements(page, "th")] == cells[0]
    assert [cell.text for cell in pages.elements(page, "td")] == [cell for row in cells[2:] for cell in row]
    (data,) = pages.elements(page, "script", id="data")
    data = json.loads(data.text)
    finals = {optimizer["name"]: optimizer["curves"][0]["mean"][-1] for optimizer in data["optimizers"]}
    measured = _finals(written)
    measured["LSTM, 2 seeds"] = (measured.pop("LSTM, seed 0") + measured.pop("LSTM, seed 1")) / 2
    assert finals == {name: pytest.approx(losses.mean(), rel=1e-6) for name, losses in measured.items()}
    assert len(data["tuning"]) == 2


def test_seeds_start_from_weights_of_their_own(written, folder):
    weights = [load(folder / "runs" / f"tiny-{seed}").trainable_variables[0].numpy() for seed in (0, 1)]
    assert not np.any(weights[0] == weights[1])


def test_the_same_again_bit_for_bit_without_training_or_searching(written, folder, capsys):
    before = {name: (written / name).read_bytes() for name in ("table.md", "curves.csv", "tuning.json")}
    capsys.readouterr()
    _run(folder)
    assert {name: (written / name).read_bytes() for name in before} == before
    assert "Training" not in capsys.readouterr().out


def test_a_comparison_that_was_cut_short_goes_on(written, folder, tmp_path, monkeypatch):
    measured, measure, most = [], comparison.run, 3

    def run(problem, contender, *arguments, **options):
        if len(measured) == most:
            raise KeyboardInterrupt
        measured.append(contender.name)
        return measure(problem, contender, *arguments, **options)

    monkeypatch.setattr(comparison, "run", run)
    optimizers = ",".join(f"{folder}/runs/tiny-{seed}" for seed in (0, 1))
    with pytest.raises(KeyboardInterrupt):
        _run(tmp_path, f"--optimizer={optimizers}")
    most = 4
    _run(tmp_path, f"--optimizer={optimizers}")
    assert measured == ["LSTM, seed 0", "LSTM, seed 1", "SGD", "Adam"]
    for ours, theirs in zip(_finals(tmp_path / "results" / "tiny-4").values(), _finals(written).values(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert not (tmp_path / "results" / "tiny-4" / "unfinished").exists()


def test_a_training_that_was_cut_short_goes_on(written, folder, tmp_path, capsys):
    """Two epochs in two goes are two epochs in one."""
    whole = load(folder / "runs" / "tiny-0").trainable_variables
    run = Run(TRAINING.config(tmp_path / "runs", 0), TRAINING.folder(tmp_path / "runs", 0))

    def interrupt(event):
        if isinstance(event, Epoch):
            os.kill(os.getpid(), signal.SIGTERM)

    assert run.run(interrupt).reason == "interrupted"
    _run(tmp_path, "--train_only", "--seed=0")
    assert "Resuming tiny, seed 0" in capsys.readouterr().out
    assert not (tmp_path / "results").exists()
    assert not (tmp_path / "runs" / "tiny-1").exists()
    for left, right in zip(load(tmp_path / "runs" / "tiny-0").trainable_variables, whole, strict=True):
        np.testing.assert_array_equal(left, right)


def test_given_optimizers_are_compared_without_training(written, folder, tmp_path):
    shutil.copytree(folder / "runs" / "tiny-1", tmp_path / "mine-1")
    _run(tmp_path, f"--optimizer={folder}/runs/tiny-0,{tmp_path}/mine-1", "--num_draws=2")
    finals = _finals(tmp_path / "results" / "tiny-4")
    assert list(finals) == ["LSTM, seed 0", "mine-1", "SGD", "Adam"]  # the first has the name of the study's own
    np.testing.assert_array_equal(finals["LSTM, seed 0"], _finals(written)["LSTM, seed 0"][:2])
    np.testing.assert_array_equal(finals["mine-1"], _finals(written)["LSTM, seed 1"][:2])
    assert not (tmp_path / "runs").exists()


def test_rates_that_are_given_are_not_searched(written, folder, tmp_path):
    given = STUDY.parts[0]._replace(rates={"SGD": (0.1, 0.025), "Adam": (0.01,)})
    _run(tmp_path, f"--optimizer={folder}/runs/tiny-0", of=STUDY._replace(parts=(given,)))
    results = json.loads((tmp_path / "results" / "tiny-4" / "results.json").read_text())["results"]
    assert [(r["name"], r["learning_rate"]) for r in results[1:]] == [
        ("SGD, 0.1", 0.1),
        ("SGD, 0.025", 0.025),
        ("Adam, 0.01", 0.01),
    ]
    assert not (tmp_path / "results" / "tiny-4" / "tuning.json").exists()
    assert "given, not searched" in (tmp_path / "results" / "tiny-4" / "table.md").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--parts=tiny-5"], r"^The parts of tiny are \['tiny-4'\]\. Received: \['tiny-5'\]\.$"),
        (["--seed=a"], r"^--seed is whole numbers, e\.g\. 0,1,2\. Received: 'a'\.$"),
        (["--seed=1,1"], r"^--seed is different whole numbers of at least 0\. Received: '1,1'\.$"),
        (["--optimizer=nowhere"], r"^There is no saved optimizer at 'nowhere': no such folder\.$"),
        (["--optimizer=mnist,mnist"], r"^Folders of optimizers have names of their own\. Received: 'mnist' twice\.$"),
        (["--train_only", "--optimizer=mnist"], r"^Give --optimizer or --train_only, not both"),
        (["--trainings=tiny"], r"^--trainings go with --train_only"),
        (["--train_only", "--trainings=tin"], r"^The trainings of tiny are \['tiny'\]\. Received: \['tin'\]\.$"),
    ],
)
def test_errors(folder, words, message):
    with pytest.raises(ValueError, match=message):
        _run(folder, *words)


def test_a_folder_trained_with_other_settings_is_refused(written, folder):
    longer = TRAINING._replace(settings={**TRAINING.settings, "num_epochs": 3})
    with pytest.raises(ValueError, match=r"begun with other settings; .* num_epochs: 2 there, 3 here"):
        _run(folder, of=STUDY._replace(trainings=(longer,)))


def test_quick_is_the_first_and_last_part_in_miniature(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    short = study.shortened(quadratic.STUDY)
    assert [part.name for part in short.parts] == ["quadratic-uniform-100", "quadratic-gaussian-200"]
    assert {part.num_steps for part in short.parts} == {4}
    assert study.shortened(cifar.STUDY).parts[1].options["conv_channels"] == [2]
    assert all(training.config(Path("runs"), 0).num_epochs == 2 for training in short.trainings)


def test_settings_on_the_quadratic_are_the_preset():
    preset = presets.get("recommended", "quadratic")
    assert {name: quadratic.SETTINGS[name] for name in preset} == preset


def test_every_part_names_a_training_and_settings_are_sound():
    modules = [load_experiment(name) for name in NAMES]
    studies = [module.STUDY for module in modules if hasattr(module, "STUDY")]
    assert len(studies) >= 8
    for experiment in studies:
        compared = [name for part in experiment.parts for name in part.learned.values()]
        needed = {training.name for training in runs.needed(experiment.trainings, compared)}
        assert needed == {training.name for training in experiment.trainings}
        for training in experiment.trainings:
            assert training.config(Path("runs"), 3).seed == 3


def test_pooled_is_the_mean_over_seeds_draw_by_draw():
    losses = np.arange(12.0).reshape(2, 2, 3)
    results = [
        Result(f"a, {i}", Curves(x, {"test": x[:, 1:]}, (1, 2), np.ones(2)), True, None, {"group": "a"})
        for i, x in enumerate(losses)
    ]
    found = tables.pooled("a", tables.groups(results)["a"])
    assert found.name == "a, 2 seeds"
    np.testing.assert_array_equal(found.curves.losses, losses.mean(0))
    np.testing.assert_array_equal(found.curves.held_out["test"], losses.mean(0)[:, 1:])


def _command(*words):
    return subprocess.run(
        [sys.executable, "-m", "experiments", *words], capture_output=True, text=True, cwd=ROOT, check=False
    )


def test_the_command_lists_experiments_and_refuses_others():
    listed = _command()
    assert listed.returncode == 0
    assert [line.split()[0] for line in listed.stdout.splitlines()[2:]][:4] == [
        "quadratic",
        "mnist",
        "transfer",
        "sweep",
    ]
    refused = _command("mnits")
    assert refused.returncode == 2
    assert refused.stderr.startswith("Error: Experiments are quadratic, mnist, ")
    assert refused.stderr.endswith("Received: 'mnits'.\n")
    assert "Usage: python -m experiments quadratic [--flag=value ...]" in _command("quadratic", "--help").stdout
