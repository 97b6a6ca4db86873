"""Every flag of every command with values that mean nothing, and what else outsiders got wrong: one line, at once."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from experiments import __main__ as experiments
from l2l_tf import pretrained
from tests.commands.bad_input import VALUES, flags_of, run

ROOT = Path(__file__).parents[2]
# Without these a command would refuse whatever the flag says. Data that is missing would be fetched, not looked for.
BASE = {
    "train": ["--save_path=new"],
    "evaluate": [],
    "quadratic": [],
    "updates": ["--download"],
    "outer_gradients": ["--download"],
    "claims": [],
    "neural_art": ["--content=photo.png", "--style=photo.png"],
}
# Any text but an empty one, and one that cannot be written down, names a folder that can be made.
FOLDERS = VALUES[: VALUES.index("")]
BOOLEAN = ("0", "True")
SIZES = ("1.5",)  # Above 0, and no count.
# The flags that take some of VALUES; no other flag takes any.
TAKEN = {
    "train": {
        **dict.fromkeys(("data_dir", "save_path", "summary_dir", "export"), (*FOLDERS, ",")),
        **dict.fromkeys(("download", "debug", "second_derivatives", "in_blocks"), BOOLEAN),
        **dict.fromkeys(("accept_changes", "overwrite"), BOOLEAN),
        **dict.fromkeys(("seed", "learning_rate_trials", "average_decay", "imitation_share", "patience"), ("0",)),
        **dict.fromkeys(("problem_options", "network_options"), ("{}",)),
        **dict.fromkeys(("perturbation_std", "learning_rate", "learning_rate_decay"), SIZES),
        **dict.fromkeys(("imitation_learning_rate",), SIZES),
        **dict.fromkeys(("clip_norm", "clip_value", "random_scaling", "rewind"), ("0", *SIZES)),
        "num_steps_curriculum": ("",),
        "reparameterize": ("0",),
        "worker_seconds": SIZES,
        "workers": ("0",),
        "resume": ("0",),  # There is nothing to resume.
    },
    "evaluate": {
        **dict.fromkeys(("data_dir", "output"), (*FOLDERS, ",")),
        **dict.fromkeys(("download", "debug", "trust", "tune"), BOOLEAN),
        "problem_options": ("{}",),
        "learning_rate": ("0", *SIZES),
        "held_out": ("0",),  # The problem has no such data.
        "seed": ("0",),
    },
    "quadratic": {
        **dict.fromkeys(("data_dir", "folder", "output"), (*FOLDERS, ",")),
        **dict.fromkeys(("download", "debug", "train_only", "quick", "accept_changes"), BOOLEAN),
        "seed": ("0",),
    },
    "updates": {
        **dict.fromkeys(("data_dir", "results", "output"), (*FOLDERS, ",")),
        **dict.fromkeys(("download", "debug", "quick"), BOOLEAN),
    },
    "outer_gradients": {
        **dict.fromkeys(("data_dir", "output"), (*FOLDERS, ",")),
        **dict.fromkeys(("download", "debug", "trust"), BOOLEAN),
        "unrolls": ("0",),
    },
    "claims": {"debug": BOOLEAN},
    "neural_art": {
        **dict.fromkeys(("debug", "show", "quick"), BOOLEAN),
        "runs": (*FOLDERS, ","),
        "seed": ("0",),
        "adam_learning_rate": ("0", *SIZES),
    },
}


@pytest.fixture(autouse=True)
def data_sets(tmp_path_factory, monkeypatch):
    """Folders of data sets, where commands look whether there are some before they import anything heavy."""
    data = tmp_path_factory.mktemp("data")
    for name in ("mnist", "cifar10"):
        (data / name).mkdir()
    monkeypatch.setenv("L2L_DATA_DIR", str(data))


@pytest.fixture
def folder(tmp_path):
    """Where commands run: a picture, results, files and folders in the way, saved optimizers whole and damaged."""
    Image.new("RGB", (32, 32)).save(tmp_path / "photo.png")
    for name in ("results", "plot.png", "out/table.md", "checked/checkpoint.npz"):
        (tmp_path / name).mkdir(parents=True)
    for name, text in {
        "file": "x",
        "deep.json": "[" * 100_000,
        "bytes.json": "\xff",
        "cache.json": '{"format_version": 2, "searches": ' + "[" * 100_000,
        "mine/own.txt": "x",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "latin-1")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nowhere/at/all")
    good = pretrained.path(pretrained.names()[0])
    for name in ("good", "cut", "unknown"):
        shutil.copytree(good, tmp_path / name)
    weights = next((tmp_path / "cut").glob("*.npz"))
    weights.write_bytes(weights.read_bytes()[:100])
    config = json.loads((tmp_path / "unknown" / "config.json").read_text())
    config.pop("sha256", None)
    config["format_version"] = 1  # That has no digest.
    next(iter(config["networks"].values()))["net"] = "Nonesuch"
    (tmp_path / "unknown" / "config.json").write_text(json.dumps(config))
    return tmp_path


@pytest.mark.parametrize("command", BASE)
def test_the_table_has_every_flag(command):
    assert set(TAKEN[command]) <= set(flags_of(command))


@pytest.mark.parametrize(("command", "flag"), [(command, flag) for command in BASE for flag in flags_of(command)])
def test_a_flag_takes_what_means_something_and_refuses_the_rest_at_once(command, flag, tmp_path, monkeypatch):
    Image.new("RGB", (32, 32)).save(tmp_path / "photo.png")
    (tmp_path / "results").mkdir()
    faults = []
    for value in VALUES:
        outcome = run(command, [*BASE[command], f"--{flag}={value}"], tmp_path, monkeypatch)
        for name in ("new", "claims.md"):
            shutil.rmtree(tmp_path / name, ignore_errors=True)
        if value in TAKEN[command].get(flag, ()):
            faults += [] if outcome.kind in ("reached", "done") else [f"{value!r}: {outcome}"]
            for name in outcome.left:
                shutil.rmtree(tmp_path / name, ignore_errors=True)
        else:
            faults += [f"{value!r}: {fault}" for fault in outcome.faults()]
    assert not faults


def deep(levels, inside='{"name": "simple"}'):
    """Options of `scaled`, so many in each other."""
    for _ in range(levels):
        inside = f'{{"name": "scaled", "options": {{"problem": {inside}}}}}'
    return f'{{"problem": {inside}}}'


def of_problem(name, options):
    return [f"--problem={name}", f"--problem_options={options}"]


def _both(arguments, message):
    return [("train", ["--save_path=new", *arguments], message), ("evaluate", arguments, message)]


LONG = "x" * 300
TUNED = ["--tune", "--optimizer=Adam"]
CASES = [
    *_both(["--undefok=nope", "--nope=1"], "Unknown command line flag 'undefok'"),
    *_both([f"--{LONG}"], f"Unknown command line flag '{LONG}'"),
    *_both(["--num_steps=" + "9" * 5000], "flag --num_steps=9"),
    *_both(["--seed=1\n2\x1b[31m"], r"flag --seed=1 2\x1b[31m: "),
    *_both(["--problem=a\nb"], r"A problem is one of "),
    *_both(of_problem("quadratic", '{"num_dims": 1, "num_dims": 2}'), "Names are there once, and ['num_dims'] are not"),
    *_both(of_problem("quadratic", "[" * 100_000), "It lies too deep in itself."),
    *_both(of_problem("quadratic", "@deep.json"), "It lies too deep in itself."),
    *_both(of_problem("quadratic", "@bytes.json"), "The file cannot be read: "),
    *_both(of_problem("quadratic", '{"num_dims": 1e999}'), "Numbers are finite, and 1e999 is not."),
    *_both(of_problem("quadratic", '{"num_dims": %s}' % ("[" * 200 + "]" * 200)), "num_dims is a whole number"),
    *_both(of_problem("mnist", '{"data_dir": "a\\u0000b"}'), r"Texts are UTF-8, without the character 0. Received: "),
    *_both(of_problem("mnist", '{"data_dir": "\\ud800"}'), r"Texts are UTF-8, without the character 0. Received: "),
    *_both(of_problem("mnist", '{"data_dir": 3}'), "data_dir is "),
    *_both(of_problem("scaled", deep(200)), ""),
    *_both(of_problem("scaled", deep(2000)), ""),
    *_both(of_problem("scaled", '{"problem": 3}'), 'problem is a problem, as {"name": ..., "options": {...}}.'),
    *_both(of_problem("scaled", '{"problem": {"name": 3}}'), 'problem is a problem, as {"name": ..., "options": '),
    *_both(of_problem("scaled", '{"problem": {"name": []}}'), 'problem is a problem, as {"name": ..., "options": '),
    *_both(of_problem("scaled", '{"problem": {"name": "simple", "options": null}}'), 'problem is a problem, as {"name'),
    *_both(
        of_problem("ensemble", '{"problems": [{"name": "simple"}], "weights": [1, 2]}'),
        "An ensemble of 1 problems needs as many weights. Received: [1, 2].",
    ),
    *_both(of_problem("ensemble", '{"problems": 3, "weights": 3}'), "problems is a list of "),
    ("train", [], "--save_path is needed"),
    ("train", ["--save_path=file/x"], "Cannot make the folder (Not a directory): 'file/x'."),
    ("train", ["--save_path=file"], "Cannot make the folder (File exists): 'file'."),
    ("train", ["--save_path=dangling"], "Cannot make the folder (File exists): 'dangling'."),
    ("train", ["--save_path=/proc/x"], "Cannot make the folder (No such file or directory): '/proc/x'."),
    ("train", [f"--save_path=a/{LONG}"], "Cannot make the folder (File name too long): 'a/xxx"),
    ("train", ["--save_path=/" + "/".join(["d" * 200] * 30)], "File name too long: '/ddd"),
    (
        "train",
        ["--save_path=checked", "--overwrite"],
        "Cannot write (Is a directory): 'checked/checkpoint.npz'.",
    ),
    ("train", ["--save_path=new", f'--networks={{"{LONG}": {{"net": "RNNProp"}}}}'], "Cannot write (File name too lo"),
    ("train", ["--save_path=new", "--summary_dir=loop"], "Cannot make the folder (File exists): 'loop'."),
    ("train", ["--save_path=new", "--export=new/../new"], "An export goes to a folder of its own"),
    ("train", ["--save_path=new", "--export=mine"], "An export goes to a new or an empty folder"),
    ("train", ["--save_path=new", "--export=loop"], "An export goes to a new or an empty folder"),
    ("train", ["--save_path=new", "--export=dangling"], "An export goes to a new or an empty folder"),
    ("train", ["--save_path=new", "--export=file/x"], "Cannot write (Not a directory): 'file/x'."),
    ("train", ["--save_path=new", "--export=/proc/x"], "Cannot write (No such file or directory): '/proc/x'."),
    ("train", ["--save_path=new", f"--export={LONG[:250]}"], "Cannot write (File name too long): "),
    ("train", ["--save_path=new", "--network=RNNProp", "--networks={}"], "Give --network or --networks, not both."),
    ("train", ["--save_path=new", "--networks={}"], "networks is empty: name at least one."),
    (
        "train",
        ["--save_path=new", '--networks={"a": {"net": "Adam"}, "b": {"net": "RNNProp"}}'],
        "net_assignments is needed with several networks. Received: networks ['a', 'b'].",
    ),
    ("train", ["--save_path=new", "--network=adam8p"], "None of the networks ['network'] has weights to learn."),
    ("train", ["--save_path=new", "--loss_weights=" + ",".join("0" * 21)], "loss_weights that are all 0 ask for not"),
    ("train", ["--save_path=new", "--learning_rate_trial_epochs=3"], "--learning_rate_trial_epochs goes with --learni"),
    (
        "train",
        ["--save_path=new", "--learning_rate_trials=2", "--learning_rate_trial_epochs=0"],
        "flag --learning_rate_trial_epochs=0: ",
    ),
    ("train", ["--save_path=new", "--objective=validation"], "--objective=validation: the problem simple has no hel"),
    ("train", ["--save_path=new", "--start_from=cut"], "The weights 'cut/"),
    ("evaluate", ["--problem=simple", "--path=cut"], "The weights 'cut/"),
    ("evaluate", ["--problem=simple", "--path=unknown"], "The optimizer saved at 'unknown' does not load: Networks a"),
    ("evaluate", ["--tuning_epochs=3"], "--tuning_epochs goes with --tune."),
    ("evaluate", ["--search_space=adam8p"], "--search_space goes with --tune."),
    ("evaluate", [*TUNED, "--trials=3"], "--trials goes with --search_space."),
    ("evaluate", [*TUNED, "--search_space=adam"], "Search spaces are ['adam_lr', "),
    (
        "evaluate",
        [*TUNED, "--search_space=adam_lr", "--trials=15"],
        "The search space adam_lr has configurations for 1 t",
    ),
    ("evaluate", [*TUNED, "--search_space=adam_lr", "--trials=0"], "flag --trials=0: "),
    ("evaluate", ["--tuning_cache=new.json"], "--tuning_cache goes with --tune."),
    ("evaluate", [*TUNED, "--tuning_cache=cache.json"], "The tuning cache 'cache.json' is not whole JSON"),
    ("evaluate", [*TUNED, "--tuning_cache=mine"], "Cannot write (Is a directory): 'mine'."),
    ("evaluate", [*TUNED, "--tuning_cache=/proc/x"], "Cannot write (No such file or directory): '/proc/x'."),
    ("evaluate", [*TUNED, f"--tuning_cache={LONG[:250]}"], "Cannot write (File name too long): "),
    (
        "evaluate",
        [*TUNED, "--output=o", "--tuning_cache=o/results.json"],
        "--output, --plot, --report and --tuning_cache w",
    ),
    (
        "evaluate",
        [*TUNED, "--plot=a.png", "--tuning_cache=./b/../a.png"],
        "--output, --plot, --report and --tuning_cache w",
    ),
    ("evaluate", ["--output=out"], "Cannot write (Is a directory): 'out/table.md'."),
    ("evaluate", ["--output=file"], "Cannot make the folder (File exists): 'file'."),
    ("evaluate", ["--plot=plot.png"], "Cannot write (Is a directory): 'plot.png'."),
    ("evaluate", ["--plot=/proc/x.png"], "Cannot write to the folder (No such file or directory): '/proc'."),
    ("evaluate", [f"--plot={LONG[:245]}.png"], "Cannot write (File name too long): "),
    ("quadratic", ["--output=file"], "Cannot write (Not a directory): 'file/"),
    ("quadratic", ["--folder=file"], "Cannot make the folder (Not a directory): 'file/"),
    ("quadratic", ["--optimizer=cut"], "The weights 'cut/"),
    ("quadratic", ["--parts=nonesuch"], "The parts of quadratic are ["),
    ("updates", ["--download", "--output=file"], "Cannot write (Not a directory): 'file/"),
    ("outer_gradients", ["--download", "--output=file"], "Cannot write (Not a directory): 'file/"),
    ("claims", ["--results=file"], "--results is the folder that the experiments wrote to."),
    ("neural_art", [*BASE["neural_art"], "--output=x.txt", "--optimizer=good"], "A picture's file name ends in one of"),
    (
        "neural_art",
        [*BASE["neural_art"], "--grid=plot.png", "--optimizer=good"],
        "Cannot write (Is a directory): 'plot",
    ),
    ("neural_art", [*BASE["neural_art"], "--optimizer=cut"], "The weights 'cut/"),
    ("nonesuch", [], "Experiments are "),
]


@pytest.mark.parametrize(
    ("command", "arguments", "message"),
    CASES,
    ids=[f"{command} {' '.join(arguments)}"[:60] for command, arguments, _ in CASES],
)
def test_bad_input_is_one_line_at_once(command, arguments, message, folder, monkeypatch):
    outcome = run(command, arguments, folder, monkeypatch)
    assert not outcome.faults()
    assert message in outcome.error


@pytest.mark.parametrize("command", BASE)
def test_without_bad_input_nothing_is_refused(command, folder, monkeypatch):
    outcome = run(command, BASE[command], folder, monkeypatch)
    assert outcome.kind in ("reached", "done"), outcome


def test_evaluate_leaves_nothing_behind_before_it_works(folder, monkeypatch):
    arguments = [*TUNED, "--output=a/b", "--plot=c/d.png", "--tuning_cache=e/f.json"]
    outcome = run("evaluate", arguments, folder, monkeypatch)
    assert (outcome.kind, outcome.left) == ("reached", [])


@pytest.mark.parametrize("command", [[], ["quadratic", "--help"]])
def test_the_list_of_experiments_and_help_into_a_pipe_that_is_closed(command):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "experiments", *command], cwd=ROOT, stdout=pipe, stderr=subprocess.PIPE, timeout=60
        )
    assert (done.returncode, done.stderr) == (0, b"")


def test_every_experiment_refuses_an_empty_text(folder, monkeypatch):
    for name in experiments.NAMES:
        flag = "runs" if name == "neural_art" else "results" if name == "claims" else "output"
        outcome = run(name, [f"--{flag}="], folder, monkeypatch)
        assert outcome.error == f"Error: --{flag} is empty: give it a value, or leave the flag out. Received: ''.\n"
