"""Whose run a folder is, what it was computed by, and checkpoints that are damaged, old, or not there yet."""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from l2l_tf.fast import native
from l2l_tf.saving import locks, provenance, saved_optimizer
from l2l_tf.training import checkpoint, computed_by, interruption
from l2l_tf.training.checkpoint import CheckpointError
from l2l_tf.training.config import TrainingConfig
from l2l_tf.training.loop import Training
from tests.commands.in_process import run_train
from tests.training.training_cases import CONFIG

ROOT = Path(__file__).parents[2]
# Of one epoch, without an average: nothing here is about numbers.
SHORT = TrainingConfig(**{**CONFIG.to_json(), "num_epochs": 1, "num_steps": 3, "average_decay": None})


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """The files of a run that was saved before its first epoch, by name."""
    folder = tmp_path_factory.mktemp("begun")
    Training(SHORT, folder).save()
    return {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def folder(begun, tmp_path):
    for name, data in begun.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    return tmp_path


def test_a_second_training_in_a_folder_is_one_line_at_once(folder):
    before = os.times()
    command = [sys.executable, ROOT / "train.py", "--problem=simple", "--overwrite", f"--save_path={folder}"]
    with locks.training_in(folder):
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    after = os.times()
    assert done.returncode == 2
    assert done.stderr.startswith(f"Error: Another training writes to '{folder}' (process {os.getpid()}). Wait until")
    assert done.stderr.count("\n") == 1
    # TensorFlow's import alone takes more.
    assert after.children_user + after.children_system - before.children_user - before.children_system < 2


def test_a_run_that_went_on_elsewhere_meanwhile_is_left_alone(folder):
    ours, theirs = Training(SHORT, folder, resume=True), Training(SHORT, folder, resume=True)
    theirs.epoch = 7
    theirs.save()
    for go_on in (ours.run, ours.save):
        with pytest.raises(ValueError, match=f"Another training has written to '{folder}' meanwhile"):
            go_on()
    assert checkpoint.read(folder)[1]["epoch"] == 7


def _before(folder, **changes):
    arrays, facts = checkpoint.read(folder)
    facts["computed_by"] |= changes
    checkpoint.write(folder, arrays, facts)


@pytest.mark.parametrize(
    "change",
    [
        {"tensorflow": "2.20.0"},
        {"numpy": "1.0"},
        {"TF_ENABLE_ONEDNN_OPTS": "0"},
        {"XLA_FLAGS": "--xla_cpu_enable_fast_math"},
        {"threads": 1000},
        {"processor": "another"},
        {"GPUs": 8},
        {"native code": "of others"},
        {"the problem's own file": "0123456789abcdef"},
    ],
    ids=str,
)
def test_what_would_compute_the_rest_otherwise_is_said_and_asked(folder, change):
    _before(folder, **change)
    ((name, value),) = change.items()
    with pytest.raises(ValueError, match=f"or say --accept_changes. {name}: '?{value}'? there, .* here$"):
        Training(SHORT, folder, resume=True)
    accepted = Training(SHORT, folder, resume=True, accept_changes=True)
    accepted.save()
    Training(SHORT, folder, resume=True)  # By what computes it now.


def test_native_code_that_came_or_went(folder, monkeypatch):
    """It counts where a run has used it, and is then asked for before the first step."""
    Training(SHORT, folder, resume=True).run()
    used = checkpoint.read(folder)[1]["computed_by"]["native code"]
    assert used == (native.sources_digest() or "none")
    monkeypatch.setattr(computed_by.native, "sources_digest", lambda: None if used != "none" else "new")
    with pytest.raises(ValueError, match=r"native code: '\w+' there, '\w+' here"):
        Training(SHORT, folder, resume=True)
    _before(folder, **{"native code": "unused"})
    Training(SHORT, folder, resume=True)


def test_a_problem_of_the_users_own_that_changed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    source = 'import problems\nown = problems.from_function(lambda p: {} * p["x"] ** 2, {{"x": 1.0}})\n'
    config = TrainingConfig(**{**SHORT.to_json(), "problem": "resumed_of_mine:own", "problem_options": {}})
    (tmp_path / "resumed_of_mine.py").write_text(source.format(1.0))
    Training(config, tmp_path / "run").save()
    Training(config, tmp_path / "run", resume=True)
    sys.modules.pop("resumed_of_mine")
    (tmp_path / "resumed_of_mine.py").write_text(source.format(2.0))
    with pytest.raises(ValueError, match=r"the problem's own file: '[0-9a-f]{16}' there, '[0-9a-f]{16}' here"):
        Training(config, tmp_path / "run", resume=True)
    sys.modules.pop("resumed_of_mine")


def test_versions_and_settings_are_looked_up(monkeypatch):
    problem = Training.__init__.__globals__["problems"].get("simple")
    before = computed_by.described(problem)
    assert computed_by.differences(problem, before) == []
    assert computed_by.differences(problem, {}) == []  # A checkpoint from before this was kept.
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    monkeypatch.setattr(provenance, "versions", lambda: {"tensorflow": "3.0"})
    changed = computed_by.differences(problem, {**before, "TF_ENABLE_ONEDNN_OPTS": "not set"})
    assert changed == [
        f"tensorflow: '{before['tensorflow']}' there, '3.0' here",
        "TF_ENABLE_ONEDNN_OPTS: 'not set' there, '0' here",
    ]


def test_bits_of_a_checkpoint_flipped_give_the_same_numbers_or_the_one_error(folder):
    file = folder / checkpoint.FILE
    whole = file.read_bytes()
    arrays, facts = checkpoint.read(folder)
    bits = np.random.default_rng(0).choice(8 * len(whole), 100, replace=False)
    # Of headers too, most of all: the archive's directory is at its end.
    for bit in [*bits, *range(8 * (len(whole) - 400), 8 * len(whole), 27)]:
        data = bytearray(whole)
        data[bit // 8] ^= 1 << bit % 8
        file.write_bytes(data)
        with contextlib.suppress(CheckpointError):
            found_arrays, found_facts = checkpoint.read(folder)
            assert found_facts == facts
            assert found_arrays.keys() == arrays.keys()
            assert all(array.tobytes() == found_arrays[name].tobytes() for name, array in arrays.items())
            assert all(array.shape == found_arrays[name].shape for name, array in arrays.items())


def test_bits_of_a_saved_optimizer_flipped_give_the_same_numbers_or_the_one_error(folder):
    config, weights = saved_optimizer.read(folder)
    for file in folder.glob("c*"):
        if file.name == checkpoint.FILE:
            continue
        whole = file.read_bytes()
        for bit in np.random.default_rng(0).choice(8 * len(whole), 150, replace=False):
            data = bytearray(whole)
            data[bit // 8] ^= 1 << bit % 8
            file.write_bytes(data)
            with contextlib.suppress(saved_optimizer.SavedOptimizerError):
                found_config, found_weights = saved_optimizer.read(folder)
                assert found_config == config
                assert all(
                    array.tobytes() == found_weights["cw"][name].tobytes() for name, array in weights["cw"].items()
                )
        file.write_bytes(whole)


def test_resuming_a_damaged_checkpoint_leaves_it_as_it_is(folder):
    file = folder / checkpoint.FILE
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(CheckpointError, match=r"is not a whole checkpoint \(\d+ bytes\): .*Restore it from a copy"):
        Training(SHORT, folder, resume=True)
    assert file.read_bytes() == bytes(data)


def _as_it_was_written_before(folder, change=lambda arrays, facts: None):
    """A checkpoint without a digest, and without what computed it."""
    arrays, facts = checkpoint.read(folder)
    del facts["computed_by"]
    change(arrays, facts)
    text = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    np.savez(folder / checkpoint.FILE, facts=text, **arrays)


def test_a_checkpoint_from_before_there_was_a_digest(folder):
    phi = checkpoint.read(folder)[0]["phi/0"]
    _as_it_was_written_before(folder)
    resumed = Training(SHORT, folder, resume=True)
    np.testing.assert_array_equal(resumed.network.trainable_variables[0], phi)


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays, facts: arrays.update({"best/0": arrays["best/0"][:1]}),
        lambda arrays, facts: arrays.update({"best/0": arrays["best/0"].astype(np.float64)}),
        lambda arrays, facts: arrays.update({"phi/0": arrays["phi/0"].astype(np.int32)}),
        lambda arrays, facts: arrays.pop("best/1"),
        lambda arrays, facts: facts.update(epoch=-1),
        lambda arrays, facts: facts.update(epoch=True),
        lambda arrays, facts: facts.update(validations_since_best="many"),
        lambda arrays, facts: facts.update(best=5),
    ],
)
def test_one_without_a_digest_is_looked_at_before_anything_is_written(folder, change):
    _as_it_was_written_before(folder, change)
    before = (folder / checkpoint.FILE).read_bytes()
    with pytest.raises(CheckpointError, match=r"is not of this run: .*Restore it from a copy"):
        Training(SHORT, folder, resume=True)
    assert (folder / checkpoint.FILE).read_bytes() == before


def test_a_disk_that_is_full_keeps_the_checkpoint_before(folder):
    training = Training(SHORT, folder, resume=True)
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    training.epoch = 1
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match=r"Cannot write .*; what was there before is kept"):
            training.save()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before


def test_what_killed_runs_left_is_swept_up_and_nothing_else(folder):
    left = [".checkpoint.npz.abcd_012", ".config.json.abcd_012", ".cw.0123456789ab.npz.abcd_012"]
    left += [f"{folder}/last/{name}" for name in left[1:]]
    mine = [".checkpoint.npz", ".checkpoint.npz.mine", ".notes.txt.abcd_012"]
    for name in (*left, *mine):
        (folder / name).write_bytes(b"")
    training = Training(SHORT, folder, resume=True)
    training.epoch = SHORT.num_epochs  # It has nothing to do any more.
    training.run()
    assert not any((folder / name).exists() for name in left)
    assert all((folder / name).exists() for name in mine)


def _train(monkeypatch, *words):
    small = ["--problem=quadratic", '--problem_options={"batch_size": 2, "num_dims": 3}', "--num_epochs=1"]
    small += ["--num_steps=3", "--unroll_length=3", "--evaluation_epochs=1", '--network_options={"layers": [4]}']
    run_train(monkeypatch, *small, *words)


def test_resuming_a_run_that_was_killed_before_its_first_save_begins_it(tmp_path, monkeypatch, capsys):
    (tmp_path / ".checkpoint.npz.abcd_012").write_bytes(b"half")
    _train(monkeypatch, "--resume", f"--save_path={tmp_path}")
    assert f"There is no checkpoint.npz in {tmp_path} yet: training begins." in capsys.readouterr().out
    assert checkpoint.read(tmp_path)[1]["epoch"] == 1
    assert {file.name for file in tmp_path.glob(".*")} == set()


def test_resuming_where_another_optimizer_is_saved_is_refused(tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match="There is no"):
        _train(monkeypatch, "--resume", f"--save_path={tmp_path}")


def test_a_fresh_run_replaces_no_optimizer_in_the_folder_of_the_last(tmp_path):
    (tmp_path / "last").mkdir()
    (tmp_path / "last" / "config.json").write_text('{"of": "somebody else"}')
    with pytest.raises(ValueError, match="last' holds an earlier run"):
        Training(SHORT, tmp_path)


@pytest.mark.parametrize(("before", "asks"), [(signal.SIG_DFL, True), (signal.SIG_IGN, False)])
def test_a_terminal_that_goes_away_asks_a_run_to_end_unless_it_is_not_missed(before, asks):
    kept = signal.signal(signal.SIGHUP, before)
    try:
        with interruption.deferred() as interrupted:
            os.kill(os.getpid(), signal.SIGHUP)
            assert interrupted() == asks
        assert signal.getsignal(signal.SIGHUP) == before
    finally:
        signal.signal(signal.SIGHUP, kept)
