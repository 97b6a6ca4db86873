"""What is written beside results: enough to have them again, and nothing that names a machine."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from l2l_tf.saving import provenance

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("data", [["--data_dir=/some/where"], ["--data_dir", "/some/where"]])
def test_the_command_without_the_place_of_the_data(tmp_path, data):
    source = "import json; from l2l_tf.saving.provenance import command; print(json.dumps(command()))"
    (tmp_path / "script.py").write_text(source)
    for program, expected in (([str(tmp_path / "script.py")], "script.py"), (["-m", "script"], "-m script")):
        done = subprocess.run(
            [sys.executable, *program, "--steps=2", *data, "--name=a b"],
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
            env={"PYTHONPATH": f"{ROOT}:{tmp_path}"},
        )
        assert json.loads(done.stdout) == f"python {expected} --steps=2 '--name=a b'"


def test_the_commit_is_that_of_the_repository():
    if not (ROOT / ".git").exists():
        pytest.skip("needs a clone of the repository")
    head = subprocess.run(["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout
    assert head.startswith(provenance.commit().rstrip("+"))
    assert len(provenance.commit().rstrip("+")) == 12


def test_provenance_names_no_machine_and_no_folder():
    found = provenance.provenance(7)
    assert found["seed"] == 7
    assert found["machine"].keys() == {"cpus", "processor", "system"}
    text = json.dumps({name: value for name, value in found.items() if name != "command"})
    assert str(ROOT) not in text
