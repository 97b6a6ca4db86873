"""Locks between processes: who has one keeps others out, and what ends it frees it."""

import errno
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from l2l_tf.evaluation.tuning_cache import TuningCache
from l2l_tf.saving import locks

ROOT = Path(__file__).parents[2]


def start(program, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


HOLDING = """
import sys
from l2l_tf.saving import locks
with locks.training_in(sys.argv[1]):
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_one_training_a_folder_and_a_kill_frees_it(tmp_path):
    other = start(HOLDING, tmp_path)
    assert other.stdout.readline() == "locked\n"
    message = rf"^Another training writes to '{tmp_path}' \(process {other.pid}\)\. Wait until .* --save_path\.$"
    with pytest.raises(locks.LockedError, match=message), locks.training_in(tmp_path):
        pass
    other.kill()
    other.communicate()
    with locks.training_in(tmp_path), locks.training_in(tmp_path / "." / ""):  # Nested.
        assert [entry.name for entry in tmp_path.iterdir()] == [".training.lock"]
    assert list(tmp_path.iterdir()) == []


ADDING = """
import sys
from l2l_tf.evaluation.tuning_cache import TuningCache
cache = TuningCache(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for i in range(25):
    cache.add({"key": [int(sys.argv[2]), i], "learning_rate": 0.1})
"""


def test_a_tuning_cache_that_is_shared_loses_no_record(tmp_path):
    path = tmp_path / "tuning.json"
    processes = [start(ADDING, path, number) for number in range(4)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    kept = {tuple(record["key"]) for record in json.loads(path.read_text())["searches"]}
    assert kept == {(number, i) for number in range(4) for i in range(25)}
    assert TuningCache(path).find([3, 24]) is not None
    assert [entry.name for entry in tmp_path.iterdir()] == ["tuning.json"]


def test_threads_of_a_process_wait_for_each_other_too(tmp_path):
    cache = TuningCache(tmp_path / "tuning.json")
    threads = [
        threading.Thread(target=lambda n=n: [cache.add({"key": [n, i], "learning_rate": 1.0}) for i in range(5)])
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(json.loads(cache.path.read_text())["searches"]) == 20


def test_where_there_are_no_locks_all_goes_on(tmp_path, monkeypatch):
    def unsupported(descriptor, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks.fcntl, "flock", unsupported)
    TuningCache(tmp_path / "tuning.json").add({"key": 1})
    with locks.training_in(tmp_path):
        pass
    assert [entry.name for entry in tmp_path.iterdir()] == ["tuning.json"]


@pytest.mark.parametrize("lock", [locks.training_in, lambda folder: locks.writing_to(folder / "file")])
def test_a_folder_that_cannot_be_written(lock):
    with pytest.raises(OSError, match=r"Cannot|Not a directory|File exists"), lock(Path("/dev/null")):
        pass
