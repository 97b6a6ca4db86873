"""train.py as a user runs it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from l2l_tf.saving import saved_optimizer
from l2l_tf.training import checkpoint
from tests.commands import bad_input
from tests.commands.in_process import run_train

ROOT = Path(__file__).parents[2]
# A second is what is promised; the rest is for a machine that does something else beside.
QUICK_ANSWER = 3.0
SMALL = [
    "--problem=quadratic",
    '--problem_options={"batch_size": 2, "num_dims": 3}',
    '--network_options={"layers": [4]}',
    "--num_steps=6",
    "--unroll_length=3",
    "--evaluation_epochs=2",
    "--evaluation_period=2",
    "--log_period=1",
]


def start(*flags):
    return subprocess.Popen(
        [sys.executable, "train.py", *map(str, flags)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def train(*flags):
    process = start(*flags)
    output, errors = process.communicate(timeout=120)
    return process.returncode, output, errors


def read_until(process, text):
    for line in process.stdout:
        if text in line:
            return
    raise AssertionError(f"{text!r} never came: {process.stderr.read()}")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    code, output, errors = train(*SMALL, "--num_epochs=6", f"--save_path={folder}", f"--summary_dir={folder / 'log'}")
    assert code == 0, errors
    return folder, output, errors


def test_it_prints_what_the_original_printed_and_where_the_optimizer_is(undisturbed):
    folder, output, errors = undisturbed
    assert "Epoch 6\nLog Mean Final Error: " in output
    assert "Mean epoch time: " in output
    assert f"Training finished after 6 epochs; the best optimizer is in {folder}." in output
    assert errors == ""


def test_the_saved_config_says_where_it_comes_from(undisturbed):
    config, _ = saved_optimizer.read(undisturbed[0])
    metadata = config["metadata"]
    assert metadata["problem"] == "quadratic"
    assert metadata["problem_options"] == {"batch_size": 2, "num_dims": 3}
    assert metadata["training"]["second_derivatives"] is True
    assert metadata["training"]["networks"]["cw"]["net_options"]["layers"] == [4]
    assert "train.py" in metadata["provenance"]["command"]
    assert "tensorflow" in metadata["provenance"]["versions"]


def test_tensorboard_gets_the_losses_and_norms(undisturbed):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(undisturbed[0] / "log"), size_guidance={"tensors": 0})
    events.Reload()
    tags = events.Tags()["tensors"]
    assert {"meta_loss", "gradient_norm", "update_norm", "final_loss", "validation_loss"} <= set(tags)
    assert [event.step for event in events.Tensors("meta_loss")] == [1, 2, 3, 4, 5, 6]


def same_weights(left, right):
    (left_arrays, left_facts), (right_arrays, right_facts) = checkpoint.read(left), checkpoint.read(right)
    return left_facts == right_facts and all(
        np.array_equal(array, right_arrays[name]) for name, array in left_arrays.items()
    )


def test_a_run_that_was_interrupted_resumes_to_the_same_weights(undisturbed, tmp_path):
    """One that was killed does too, below."""
    process = start(*SMALL, "--num_epochs=6", f"--save_path={tmp_path}")
    read_until(process, "Epoch 2 validation")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.startswith(f"Interrupted. Saved in {tmp_path}, epoch ")
    assert errors.endswith("The same command with --resume goes on.\n")
    code, _, errors = train(*SMALL, "--num_epochs=6", f"--save_path={tmp_path}", "--resume")
    assert code == 0, errors
    assert same_weights(undisturbed[0], tmp_path)


AIDS = [
    "--estimator=pes",
    "--perturbations=2",
    "--unroll_schedule=log_uniform",
    "--num_steps_curriculum=3,6",
    "--imitation_share=0.3",
    "--random_scaling=1",
    "--loss_weights=mean",
]


def test_a_killed_run_with_every_aid_resumes_to_the_same_weights(tmp_path, monkeypatch):
    """In another process, which has done other things before."""
    flags = [*SMALL, *AIDS, "--num_epochs=4", "--threads=default"]
    run_train(monkeypatch, *flags, f"--save_path={tmp_path / 'whole'}")
    process = start(*flags, f"--save_path={tmp_path / 'killed'}")
    read_until(process, "Epoch 2 validation")
    process.kill()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    run_train(monkeypatch, *flags, f"--save_path={tmp_path / 'killed'}", "--resume")
    assert same_weights(tmp_path / "whole", tmp_path / "killed")
    training = checkpoint.read(tmp_path / "whole")[1]["config"]
    assert (training["estimator"], training["num_steps_curriculum"], training["random_scaling"]) == ("pes", [3, 6], 1.0)


def test_learning_rate_trials_choose_the_best(tmp_path, monkeypatch, capsys):
    flags = ["--num_epochs=2", "--learning_rate_trials=2", "--learning_rate_trial_epochs=2", f"--save_path={tmp_path}"]
    run_train(monkeypatch, *SMALL, *flags)
    losses = {}
    for i in range(2):
        facts = checkpoint.read(tmp_path / "learning_rate_trials" / str(i))[1]
        losses[facts["config"]["learning_rate"]] = facts["best"][1]
    best = min(losses, key=losses.get)
    assert len(losses) == 2
    assert f"Chosen: learning rate {best:g}" in capsys.readouterr().out
    assert checkpoint.read(tmp_path)[1]["config"]["learning_rate"] == best


BAD = {
    "no save_path": (["--save_path="], "--save_path is empty: give it a value"),
    "problem": (["--problem=quadratik"], r"A problem is one of ['cifar', "),
    "module": (["--problem=nowhere.at_all:problem"], "There is no module 'nowhere.at_all'"),
    "problem option": (["--problem=quadratic", '--problem_options={"dims": 1}'], "takes the options ['batch_size', "),
    "problem option's value": (
        ["--problem=quadratic", '--problem_options={"draw": "cauchy"}'],
        "draw is one of ['uniform",
    ),
    "broken JSON": (["--problem_options={"], "Must be a JSON object"),
    "network": (["--network=nothing"], "Networks are ['AdafactorMLP', 'Adam', "),
    "network option": (["--network=Adam", '--network_options={"beta": 1}'], "it takes ['learning_rate', "),
    "network option's value": (
        ["--network=RNNProp", '--network_options={"layers": 20}'],
        "layers is a list of 1 or more",
    ),
    "both networks": (["--network=Adam", '--networks={"a": {"net": "Adam"}}'], "Give --network or --networks"),
    "flag": (["--num_epoch=3"], "Unknown command line flag 'num_epoch'. Did you mean: num_epochs"),
    "flag value": (["--num_epochs=many"], "--num_epochs=many"),
    "stray argument": (["quadratic"], "takes flags (--name=value) and nothing else. Received: 'quadratic'"),
    "preset": (
        ["--preset=best"],
        "value should be one of <original|recommended|general|general_convolutional|general_long|general_told>",
    ),
    "steps": (["--num_steps=30"], "num_steps is a multiple of unroll_length"),
    "weights": (["--loss_weights=1,2"], "loss_weights needs 21 numbers"),
    "estimator": (["--estimator=guess"], "<backpropagation|es|pes|nres|reparameterization|mix>"),
    "curriculum": (["--num_steps_curriculum=20,many"], "--num_steps_curriculum is whole numbers, e.g. 20,100"),
    "words for weights": (["--loss_weights=some"], "'all', 'mean', 'final', 'best', 'last:N' or numbers"),
    "resume from nothing": (["--resume"], "There is no checkpoint.npz in"),
    "no data": (["--problem=mnist", "--data_dir={folder}"], "was looked for in"),
    "folder that cannot be": (["--save_path=/dev/null/folder"], "Cannot make the folder (Not a directory)"),
    "summaries that cannot be": (["--summary_dir=/dev/null/x"], "Cannot make the folder (Not a directory)"),
    "export over the run": (["--export={folder}/run"], "An export goes to a folder of its own, not to one that"),
    "export around the run": (["--export={folder}"], "An export goes to a folder of its own, not to one that"),
    "export over the last": (["--export={folder}/run/last"], "An export goes to a folder of its own, not to one that"),
    "network of half precision": (
        ["--network=RNNProp", '--network_options={"dtype": "bfloat16"}'],
        "dtype is one of ['float32', 'float64']",
    ),
}


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    """Name to outcome, of all of BAD in one process."""
    folder = tmp_path_factory.mktemp("bad")
    cases = [
        [f"--save_path={folder / 'run'}", *(flag.replace("{folder}", str(folder)) for flag in flags)]
        for flags, _ in BAD.values()
    ]
    return dict(zip(BAD, bad_input.outcomes("train", cases, folder), strict=True))


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_clear_error_at_once(name, refused):
    assert not refused[name].faults()
    assert refused[name].output == ""
    assert BAD[name][1] in refused[name].error


def test_an_earlier_run_and_half_a_checkpoint_are_answered_at_once(undisturbed, tmp_path):
    began = time.monotonic()
    code, _, errors = train(*SMALL, f"--save_path={undisturbed[0]}")
    assert time.monotonic() - began < QUICK_ANSWER
    assert (code, "holds an earlier run" in errors) == (2, True)
    code, _, errors = train(*SMALL, "--num_epochs=7", f"--save_path={undisturbed[0]}", "--resume")
    assert (code, "num_epochs: 6 there, 7 here" in errors) == (2, True)
    (tmp_path / checkpoint.FILE).write_bytes((undisturbed[0] / checkpoint.FILE).read_bytes()[:1000])
    code, _, errors = train(*SMALL, f"--save_path={tmp_path}", "--resume")
    assert (code, "is not a whole checkpoint (1000 bytes)" in errors) == (2, True)


def test_help_lists_the_flags_at_once():
    began = time.monotonic()
    code, output, errors = train("--help")
    assert time.monotonic() - began < QUICK_ANSWER
    assert (code, errors) == (0, "")
    for flag in ("--save_path", "--[no]second_derivatives", "--learning_rate_trials", "--summary_dir", "--export"):
        assert flag in output


def test_flags_change_the_preset(tmp_path, monkeypatch):
    flags = [
        '--networks={"a": {"net": "CoordinateWiseDeepLSTM", "net_options": {"layers": [], "scale": 0.01}}, '
        '"b": {"net": "Adam"}}',
        '--net_assignments=[["a", ["x_0"]], ["b", ["x_1"]]]',
        "--problem=simple-multi",
        "--num_epochs=1",
        "--clip_norm=0",
        "--loss_weights=final",
        "--nosecond_derivatives",
        f"--save_path={tmp_path}",
    ]
    run_train(monkeypatch, *flags)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["net_assignments"] == [["a", ["x_0"]], ["b", ["x_1"]]]
    training = config["metadata"]["training"]
    assert (training["clip_norm"], training["loss_weights"], training["second_derivatives"]) == (None, "final", False)


def test_an_export_goes_nowhere_where_files_are(tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "thesis.tex").write_text("...")
    flags = [*SMALL, "--num_epochs=1", f"--save_path={tmp_path}/run", f"--export={tmp_path}/work"]
    outcome = bad_input.run("train", flags, tmp_path, monkeypatch)
    assert not outcome.faults()
    assert outcome.error.startswith(
        "Error: An export goes to a new or an empty folder, or replaces an earlier export; "
    )


def test_names_of_networks_are_names_of_files(tmp_path, monkeypatch):
    networks = '{"a/b": {"net": "CoordinateWiseDeepLSTM"}}'
    flags = ["--problem=simple", f"--networks={networks}", f"--save_path={tmp_path}/run"]
    outcome = bad_input.run("train", flags, tmp_path, monkeypatch)
    assert not outcome.faults()
    assert outcome.error.endswith("as files are named after them. Received: ['a/b'].\n")


def test_train_exports_what_it_trained(tmp_path, monkeypatch, capsys):
    run_train(monkeypatch, *SMALL, "--num_epochs=1", f"--save_path={tmp_path}/run", f"--export={tmp_path}/model")
    assert f"SavedModel: {tmp_path}/model" in capsys.readouterr().out
    assert (tmp_path / "model" / "saved_model.pb").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (['--networks={"a": {"net": "Adam"}}', "--network=Adam"], "Give --network or --networks, not both."),
        (['--problem_options={"stddev": NaN}'], "Numbers are finite, and NaN is not"),
        (['--problem_options={"stddev": 1e400}'], "Numbers are finite, and 1e400 is not"),
        (["--clip_norm=-1"], "clip_norm is a number above 0"),
        (["--average_decay=2"], "average_decay is a number of at least 0 and below 1"),
        (["--resume", "--overwrite"], "Give --resume or --overwrite, not both."),
        (['--net_assignments=[["cw", 5]]'], "net_assignments gives 'cw' a list of names or patterns. Received: 5."),
    ],
    ids=str,
)
def test_settings_that_cannot_be(flags, message, tmp_path, monkeypatch):
    flags = ["--problem=quadratic", *flags, f"--save_path={tmp_path}/run"]
    outcome = bad_input.run("train", flags, tmp_path, monkeypatch)
    assert not outcome.faults()
    assert message in outcome.error


def test_a_reader_that_leaves_ends_no_training(tmp_path):
    process = start(*SMALL, "--num_epochs=6", f"--save_path={tmp_path}")
    process.stdout.readline()
    process.stdout.close()
    process.stderr.read()
    process.stderr.close()
    process.wait(timeout=120)
    assert checkpoint.read(tmp_path)[1]["epoch"] == 6
