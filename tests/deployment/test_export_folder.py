"""The folder of an export: one is always whole at its place, whenever a process is killed, or is put back."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from l2l_tf.deployment import export_folder

ROOT = Path(__file__).parents[2]


def export(path, text):
    with export_folder.replacing(path) as new:
        (new / "saved_model.pb").write_text(text)


def content(path):
    return (path / "saved_model.pb").read_text()


def _kill_in_a_child(step, path):
    """Exports in a process that is killed before its file operation of that number; whether it came to the end."""
    child = os.fork()
    if not child:
        seen = 0

        def killing(function):
            def killed(*arguments, **options):
                nonlocal seen
                seen += 1
                if seen == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                return function(*arguments, **options)

            return killed

        for owner, names in (
            (Path, ("rename", "write_text", "mkdir")),
            (export_folder.os, ("fsync",)),
            (export_folder.shutil, ("rmtree",)),
            (export_folder.tempfile, ("mkdtemp",)),
            (export_folder, ("_exchange",)),
        ):
            for name in names:
                setattr(owner, name, killing(getattr(owner, name)))
        export(path, "new")
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def kill_at_every_step(folder, exchanges):
    """What the test below runs in a process of its own, without TensorFlow's threads, so that it can fork."""
    if not exchanges:
        export_folder._exchange = lambda one, other: False
    for step in range(1, 100):
        path = folder / str(step) / "out"
        export(path, "old")
        ended = _kill_in_a_child(step, path)
        if not exchanges and not path.exists():
            export_folder.check(path)
        assert content(path) in ("old", "new")
        assert set(json.loads((path / export_folder.MARKER).read_text())["entries"]) == set(os.listdir(path))
        if ended:
            break
        for left in path.parent.glob(".out.*"):
            os.utime(left, (0, 0))
        export(path, "newer")
        assert (content(path), os.listdir(path.parent)) == ("newer", ["out"])
    assert content(path) == "new"
    print(step)


@pytest.mark.parametrize("exchanges", [True, False])
def test_a_kill_at_any_step_leaves_a_whole_export(tmp_path, exchanges):
    """The earlier or the new one; where folders cannot change places in one step, after the next look at it."""
    program = (
        "import pathlib, sys\n"
        "from tests.deployment.test_export_folder import kill_at_every_step\n"
        f"kill_at_every_step(pathlib.Path(sys.argv[1]), {exchanges})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 8


def test_other_folders_beside_it_are_nobodys_to_remove(tmp_path):
    mine = tmp_path / ".out.abcdefgh"
    (mine / "old").mkdir(parents=True)
    (mine / "thesis.tex").write_text("...")
    busy = tmp_path / ".out.ijklmnop"
    with export_folder.replacing(tmp_path / "out") as new:
        os.utime(new.parent, (0, 0))  # As if it took long.
        export(tmp_path / "out", "in between")
        assert new.exists()
        (new / "saved_model.pb").write_text("after all")
    assert content(tmp_path / "out") == "after all"
    assert (mine / "thesis.tex").exists() and not busy.exists()


def test_where_folders_do_not_change_places_in_one_step(tmp_path, monkeypatch):
    monkeypatch.setattr(export_folder, "_exchange", lambda one, other: False)
    export(tmp_path / "out", "old")
    export(tmp_path / "out", "new")
    assert (content(tmp_path / "out"), os.listdir(tmp_path)) == ("new", ["out"])
