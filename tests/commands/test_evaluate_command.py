"""evaluate.py: what it refuses at once, and a comparison from end to end."""

import csv
import json
import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest

from l2l_tf import networks
from l2l_tf.commands import evaluate
from l2l_tf.evaluation.evaluator import Evaluator
from l2l_tf.saving import saved_optimizer
from l2l_tf.unrolling import seeds
from l2l_tf.unrolling.coordinates import AssignedNetworks
from problems.quadratic import Quadratic
from tests.commands import bad_input
from tests.commands.in_process import flags_of
from tests.evaluation import pages

ROOT = pathlib.Path(__file__).parents[2]
SMALL = {"batch_size": 2, "num_dims": 2}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Folders of saved optimizers: one for quadratics, one for MNIST, and damaged ones."""
    folder = tmp_path_factory.mktemp("saved")
    for name, problem, options in (("good", "quadratic", SMALL), ("mnist", "mnist", {"layers": [3], "stddev": 0.1})):
        network = AssignedNetworks({"cw": networks.get("CoordinateWiseDeepLSTM", layers=(2,), scale=0.1)})
        saved_optimizer.save(network, folder / name, {"problem": problem, "problem_options": options})
    saved_optimizer.save(network, folder / "truncated", {"problem": "simple"})
    weights = next((folder / "truncated").glob("*.npz"))
    weights.write_bytes(weights.read_bytes()[:100])
    (folder / "half").mkdir()
    (folder / "half" / "config.json").write_text('{"format_version": 1, "networks"')
    (folder / "empty").mkdir()
    (folder / "tuning.json").write_text('{"format_version": 1,')
    return folder


def _run_at_once(*arguments, cwd=None):
    began = os.times()
    done = subprocess.run([sys.executable, ROOT / "evaluate.py", *arguments], capture_output=True, text=True, cwd=cwd)
    ended = os.times()
    # Processor time: the promise is a second on a machine that is not busy with something else.
    assert ended.children_user + ended.children_system - began.children_user - began.children_system < 1
    return done


@pytest.fixture
def command(capsys):
    """Runs evaluate.py in this process, with flags of its own; gives what it printed."""

    def run(*arguments):
        capsys.readouterr()
        # TensorFlow runs already: its threads cannot be set any more.
        with flags_of(evaluate, "--threads=default", *arguments):
            evaluate.main()
        return capsys.readouterr().out

    return run


BAD = [
    (["--optimizer=Adm"], "Optimizers are L2L, SGD, Momentum, NAG, RMSprop, Adam. Received: 'Adm'."),
    (["--optimizer="], "--optimizer is empty: give it a value, or leave the flag out. Received: ''."),
    (["--problem=quadradic"], "A problem is one of ['cifar', .*. Received: 'quadradic'."),
    (["--problem=not_there:x"], "There is no module 'not_there' to import. Received: 'not_there:x'."),
    (
        ["--problem=simple", '--problem_options={"dims": 2}'],
        "The problem simple takes the options ['dtype']. Rec.*",
    ),
    (["--problem_options={"], 'flag --problem_options={: Must be a JSON object, e.g. {"key": 1}, .*'),
    (["--num_epochs=0"], "flag --num_epochs=0: 0 is not an integer in the range .*"),
    (["--num_steps=-1"], "flag --num_steps=-1: -1 is not an integer in the range .*"),
    (["--learning_rate=-1"], "flag --learning_rate=-1: -1.0 is not a non-negative number .*"),
    (["--seed=-1"], "flag --seed=-1: -1 is not an integer in the range .*"),
    (
        ["--tune", "--learning_rate=1"],
        "Give --tune or --learning_rate, not both: --tune searches the learning rates.",
    ),
    (["--path=nowhere"], "There is no saved optimizer at 'nowhere': no such folder."),
    (["--path={saved}/empty"], "There is no saved optimizer at '{saved}/empty': the folder has no config.json. .*"),
    (["--path={saved}/half"], "'{saved}/half/config.json' is not whole JSON .*"),
    (
        ["--path={saved}/truncated"],
        "The weights '{saved}/truncated/cw.*.npz' are not those .*: cut short or changed. .*",
    ),
    (["--path=a=x,y"], "--path is a folder, or name=folder,name=folder,... with names of their own .*: 'a=x,y'."),
    (["--path=adam=x"], "--path is a folder, or name=folder,.* Received: 'adam=x'."),
    (["--path=nesterov=x,b=y"], "--path is a folder, or name=folder,.* Received: 'nesterov=x,b=y'."),
    (["--path=A=x,a=y"], "--path is a folder, or name=folder,.* Received: 'A=x,a=y'."),
    (["--path=l2l=x,b=y"], "--path is a folder, or name=folder,.* Received: 'l2l=x,b=y'."),
    (
        ["--path=a={saved}/good,b={saved}/mnist"],
        "The optimizers of --path were trained on different problems, ['quadratic', 'mnist'], .* --problem.",
    ),
    (
        ["--path={saved}/mnist", "--data_dir={saved}/empty"],
        "The dataset mnist was looked for in {saved}/empty and is not there: .*",
    ),
    (
        ["--problem=cifar", "--data_dir={saved}/empty"],
        "The dataset cifar10 was looked for in {saved}/empty and is not there: .*",
    ),
    (["--problem=quadratic", "--held_out"], "--held_out: the problem quadratic has no held-out data."),
    (
        ["--plot=curves.jpg"],
        "A figure's file name ends in one of ['.pdf', '.png', '.svg']. Received: 'curves.jpg'.",
    ),
    (["--report=page.htm"], "A report's file name ends in '.html'. Received: 'page.htm'."),
    (["--report={saved}/tuning.json/page.html"], "Cannot make the folder (File exists): '{saved}/tuning.json'."),
    (["--output={saved}/tuning.json"], "Cannot make the folder (File exists): '{saved}/tuning.json'."),
    (["--plot={saved}/tuning.json/curves.png"], "Cannot make the folder (File exists): '{saved}/tuning.json'."),
    (["--tune", "--output={saved}"], "The tuning cache '{saved}/tuning.json' is not whole JSON .*--tuning_cache."),
    (["--tuning=3"], "Unknown command line flag 'tuning'. .*"),
    (["quadratic"], "evaluate.py takes flags (--name=value) and nothing else. Received: 'quadratic'."),
]


@pytest.fixture(scope="module")
def refused(saved, tmp_path_factory):
    """The outcomes of all of BAD, in one process."""
    cases = [[argument.replace("{saved}", str(saved)) for argument in arguments] for arguments, _ in BAD]
    return bad_input.outcomes("evaluate", cases, tmp_path_factory.mktemp("bad"))


@pytest.mark.parametrize("number", range(len(BAD)), ids=[" ".join(arguments) for arguments, _ in BAD])
def test_bad_input_is_one_line_at_once(number, saved, refused):
    message, outcome = BAD[number][1], refused[number]
    expected = ".*".join(map(re.escape, message.replace("{saved}", str(saved)).split(".*")))
    assert re.fullmatch(f"Error: {expected}\n", outcome.error), outcome.error
    assert not outcome.faults()
    assert outcome.output == ""


def test_bad_input_is_refused_by_the_process_too(tmp_path):
    done = _run_at_once("--optimizer=Adm", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Error: Optimizers are L2L, SGD, Momentum, NAG, RMSprop, Adam. Received: 'Adm'.\n"
    assert list(tmp_path.iterdir()) == []


def test_help_is_quick_and_ours():
    done = _run_at_once("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Compares optimizers on fresh draws of a problem.")
    flags = set(re.findall(r"^  --(?:\[no\])?(\w+)", done.stdout, re.MULTILINE))
    originals = {"optimizer", "path", "num_epochs", "seed", "problem", "num_steps", "learning_rate"}
    assert originals < flags
    assert not flags & {"log_dir", "verbosity", "v", "logtostderr"}


def test_from_end_to_end(saved, command, tmp_path, monkeypatch):
    """In a process of its own, and in this one with the rates that the first has found."""
    arguments = [
        *(f"--path={saved}/good", "--optimizer=L2L,adam,SGD", "--tune"),
        *("--num_epochs=3", "--num_steps=4", "--tuning_epochs=1", "--output=out"),
    ]
    first_only = ["--plot=out/curves.png", "--report=new/page.html"]
    program = [sys.executable, ROOT / "evaluate.py", *arguments, *first_only]
    done = subprocess.run(program, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stderr == ""
    first = json.loads((tmp_path / "out" / "results.json").read_text())
    blocks = re.findall(
        r"^(\w+), epoch 3\nLog Mean Final Error: (-?\d+\.\d\d)\nMean epoch time: \d+\.\d\d s$",
        done.stdout,
        re.MULTILINE,
    )
    assert [name for name, _ in blocks] == ["L2L", "Adam", "SGD"]
    for (_, printed), entry in zip(blocks, first["results"], strict=True):
        assert float(printed) == pytest.approx(np.log10(np.mean(entry["final_losses"])), abs=5.1e-3)
    assert (first["problem"], first["problem_options"]["num_dims"], first["num_draws"]) == ("quadratic", 2, 3)
    assert (tmp_path / "out" / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert "| Adam " in (tmp_path / "out" / "table.md").read_text()
    page = (tmp_path / "new" / "page.html").read_text()
    table = [[cell.text for cell in pages.elements(line, "td")] for line in page.split("<tbody>")[1].split("\n")[1:4]]
    assert [row[0] for row in table] == ["L2L", "Adam", "SGD"]
    for row, entry in zip(table, first["results"], strict=True):
        assert float(row[2].split(" ± ")[0]) == pytest.approx(np.mean(entry["final_losses"]), rel=1e-3)
    (data,) = pages.elements(page, "script", id="data")
    shown = [optimizer["curves"][0]["mean"] for optimizer in json.loads(data.text)["optimizers"]]
    assert shown == [entry["mean_curve"] for entry in first["results"]]
    assert pages.elements(page, "pre")[0].text == first["command"]
    with open(tmp_path / "out" / "curves.csv", newline="") as file:
        starts = {(row["optimizer"], row["draw"]): row["loss"] for row in csv.DictReader(file) if row["step"] == "0"}
    assert len(starts) == 9
    for draw in "012":  # The same draws and initial parameters for all.
        assert len({starts[name, draw] for name in ("L2L", "Adam", "SGD")}) == 1

    # The numbers are those of the library, in this process.
    evaluator = Evaluator(Quadratic(**SMALL), saved_optimizer.load(saved / "good"), 4)
    curves = evaluator(seeds.fold(seeds.root(0), seeds.Purpose.EVALUATION), 3)
    np.testing.assert_allclose(first["results"][0]["final_losses"], curves.final(), rtol=1e-6)

    cache = (tmp_path / "out" / "tuning.json").read_bytes()
    assert len(json.loads(cache)["searches"]) == 2
    monkeypatch.chdir(tmp_path)
    command(*arguments)
    second = json.loads((tmp_path / "out" / "results.json").read_text())
    assert (tmp_path / "out" / "tuning.json").read_bytes() == cache
    for before, after in zip(first["results"], second["results"], strict=True):
        assert before["final_losses"] == after["final_losses"]
        assert before["details"] == after["details"]


def test_held_out_data_of_the_problem_trained_on(saved, tiny_data_dir, command, tmp_path):
    arguments = [f"--path={saved}/mnist", f"--data_dir={tiny_data_dir}", f"--output={tmp_path}", "--held_out"]
    stdout = command(*arguments, '--problem_options={"validation_size": 10}', "--num_epochs=2", "--num_steps=2")
    content = json.loads((tmp_path / "results.json").read_text())
    options = content["problem_options"]
    assert (options["layers"], options["stddev"], options["validation_size"]) == ([3], 0.1, 10)
    held_out = content["results"][0]["held_out_final_losses"]
    assert {split: len(losses) for split, losses in held_out.items()} == {"validation": 2, "test": 2}
    assert "validation loss (95 %)" in stdout


def test_several_learned_optimizers_and_one_of_the_users_own_problems(saved, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "evaluated_of_mine.py").write_text(
        "import problems\n\ndef make(scale=1.0):\n"
        '    return problems.from_function(lambda p: scale * p["x"] ** 2, {"x": 2.0})\n'
    )
    stdout = command(
        *("--problem=evaluated_of_mine:make", '--problem_options={"scale": 0.5}', "--num_epochs=1", "--num_steps=2"),
        *(f"--path=a={saved}/good,b={saved}/mnist", "--optimizer=b,L2L,nesterov", "--learning_rate=0.25"),
        "--output=.",
    )
    assert re.findall(r"^(\w+), epoch 1$", stdout, re.MULTILINE) == ["b", "a", "NAG"]
    content = json.loads((tmp_path / "results.json").read_text())
    assert [entry["mean_curve"][0] for entry in content["results"]] == [2.0] * 3
    # NAG by hand, f' = x: v = -r x; x += 0.9 v - r x
    x, v = 2.0, 0.0
    for _ in range(2):
        v = 0.9 * v - 0.25 * x
        x += 0.9 * v - 0.25 * x
    assert content["results"][2]["final_losses"] == pytest.approx([x**2 / 2], rel=1e-5)
    assert content["results"][2]["learning_rate"] == 0.25


def test_without_a_path_the_original_network_is_untrained(command):
    # Its linear layer starts at 0: nothing moves.
    stdout = command("--num_epochs=1", "--num_steps=3", "--optimizer=L2L,SGD")
    assert "L2L, epoch 1\nLog Mean Final Error: 0.00\n" in stdout
    # x^2 from 1 by SGD at the original's 0.001
    assert f"SGD, epoch 1\nLog Mean Final Error: {np.log10(0.998**6):.2f}\n" in stdout
