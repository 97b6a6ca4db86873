"""The README's own-problem command runs as it stands; its Python does in tests/site/test_code_blocks.py."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def run(arguments, folder):
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
    )


def block(text):
    return next(block for block in BLOCKS if text in block)


def test_a_problem_of_ones_own(tmp_path):
    (tmp_path / "my_problems.py").write_text(block("from_function"))
    flags = ["--problem=my_problems:distant", "--save_path=runs/distant", "--num_epochs=2", "--evaluation_epochs=1"]
    assert "--problem=my_problems:distant --save_path=runs/distant" in README
    result = run([ROOT / "train.py", *flags], tmp_path)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "runs" / "distant" / "config.json").exists()


@pytest.mark.parametrize("name", re.findall(r"!\[.*?\]\((.*?)\)|\]\(((?!http).*?)\)", README))
def test_pictures_and_pages_are_there(name):
    assert (ROOT / "".join(name).partition("#")[0]).exists()
