"""The Python of the site's pages runs as it stands, page by page, and its links lead somewhere.

`% shortened: OLD -> NEW` in the line above a block says what the test runs in its place, as the block takes long.
What notebooks hold runs when the site is built (`make docs`).
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_BLOCK = re.compile(r"(?:^% shortened: (.+?) -> (.+?)\n)?^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^(?:python (train|evaluate)\.py|l2l-(train|evaluate)) ((?:.*\\\n)*.*)$", re.MULTILINE)


def pages():
    """Those of git: what the build mirrors is not there."""
    mirrored = (DOCS / "use" / "cards", DOCS / "understand" / "claims.md")
    found = sorted(page for page in DOCS.rglob("*.md") if not any(page.is_relative_to(other) for other in mirrored))
    return {page.relative_to(DOCS).as_posix(): page for page in found}


PAGES = pages()
# Fragments of programs, which examples/ has whole and other tests run.
FRAGMENTS = {"using.md", "from_learning_to_learn.md", "neural_art.md", "taskset.md", "safety.md"}
RUNNABLE = [name for name, page in PAGES.items() if _BLOCK.search(page.read_text()) and name not in FRAGMENTS]


def program(text):
    """The blocks of a page, one below the other."""
    blocks = []
    for old, new, block in _BLOCK.findall(text):
        assert not old or old in block, f"{old!r} is not in the block that it shortens"
        blocks.append(block.replace(old, new) if old else block)
    return "\n".join(blocks)


def few_images():
    """A data set as Keras gives them, 1,024 images large."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, [1024, 28, 28], dtype=np.uint8)
    labels = generator.integers(0, 10, [1024], dtype=np.uint8)
    return (images, labels), (images, labels)


# Keras's own, where it reads an optimizer's variables back.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
@pytest.mark.parametrize("name", RUNNABLE)
def test_a_page_runs(name, tmp_path, monkeypatch):
    text = program(PAGES[name].read_text())
    if "tf2onnx" in text:
        pytest.importorskip("tf2onnx", reason="needs the extra: pip install l2l_tf[onnx]")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(keras.datasets.mnist, "load_data", few_images)
    monkeypatch.setattr(keras.datasets.fashion_mnist, "load_data", few_images)
    exec(compile(text, name, "exec"), {"__name__": "__main__"})


def test_the_pages_that_promise_code_have_it():
    promised = {"index.md", "use/keras.md", "use/custom_loops.md", "use/export.md", "use/sharing.md"}
    assert promised | {"train/first.md", "train/own_problem.md", "train/estimators.md"} <= set(RUNNABLE)


COMMANDS = [(name, *found.groups()) for name, page in PAGES.items() for found in _COMMAND.finditer(page.read_text())]


@pytest.mark.parametrize("name, script, installed, line", COMMANDS)
def test_commands_name_flags_that_are_there(name, script, installed, line):
    helped = help_of(script or installed)
    flags = re.findall(r"(?:^|\s)(--\w+)", line)
    assert flags
    for flag in flags:
        bare = flag.removeprefix("--no") if f"--[no]{flag.removeprefix('--no')}" in helped else flag.removeprefix("--")
        assert re.search(rf"--(\[no\])?{re.escape(bare)}\b", helped), f"{name}: {flag}"


_HELP = {}


def help_of(command):
    if command not in _HELP:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        run = subprocess.run(
            [sys.executable, str(ROOT / f"{command}.py"), "--help"], env=environment, capture_output=True, text=True
        )
        _HELP[command] = run.stdout
    return _HELP[command]


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name):
    page = PAGES[name]
    mirrored = {DOCS / "understand" / "claims.md": ROOT / "results" / "claims.md"}
    for target in re.findall(r"\]\((?!https?:|#)([^)\s#]+)", page.read_text()):
        file = (page.parent / target).resolve()
        if file.parent == DOCS / "use" / "cards":
            file = ROOT / "l2l_tf" / "pretrained" / file.stem / "README.md"
        assert mirrored.get(file, file).exists(), target


def test_every_page_is_in_the_table_of_contents():
    listed = set()
    for page in PAGES.values():
        for toctree in re.findall(r"^```\{toctree\}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            entries = [line for line in toctree.split("\n") if line and not line.startswith(":")]
            listed |= {(page.parent / f"{entry}.md").relative_to(DOCS).as_posix() for entry in entries}
    assert set(PAGES) - {"index.md"} <= listed
