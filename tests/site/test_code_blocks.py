"""The Python of README.md and of the site's pages runs, page by page; `blocks` says how a page marks exceptions.

What notebooks hold runs when the site is built (`make docs`).
"""

import re

import keras
import numpy as np
import pytest

from tests.site import blocks

PAGES = {name: page.read_text() for name, page in blocks.pages().items()}
BLOCKS = {name: found for name, text in PAGES.items() if (found := blocks.blocks(text))}
# All that nothing runs, and why.
NOT_RUN = {("use/sharing.md", "needs a network, and an account on the Hugging Face Hub")}
# What a fence may be beside Python: commands, what they print, and Sphinx's.
FENCES = {"", "sh", "yaml", "dockerfile", "{code-cell} python", "{toctree}", "{eval-rst}"}


def few_images():
    """A data set as Keras gives them, 1,024 images large."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, [1024, 28, 28], dtype=np.uint8)
    labels = generator.integers(0, 10, [1024], dtype=np.uint8)
    return (images, labels), (images, labels)


@pytest.fixture
def small_data(tiny_data_dir, monkeypatch):
    """Data sets of Keras and of TensorFlow Datasets, with few images of noise."""
    monkeypatch.setattr(keras.datasets.mnist, "load_data", few_images)
    monkeypatch.setattr(keras.datasets.fashion_mnist, "load_data", few_images)
    monkeypatch.setenv("L2L_DATA_DIR", tiny_data_dir)


# Keras's own, where it reads an optimizer's variables back.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
@pytest.mark.parametrize("name", BLOCKS)
def test_a_page_runs(name, tmp_path, monkeypatch, small_data):
    for extra in {extra for block in BLOCKS[name] for extra in block.marks["needs"]}:
        pytest.importorskip(extra, reason="needs an extra of pyproject.toml")
    monkeypatch.chdir(tmp_path)
    program = "\n".join(block.program() for block in BLOCKS[name])
    exec(compile(program, name, "exec"), {"__name__": "__main__"})


def test_what_nothing_runs_is_known():
    marked = {(name, reason) for name, found in BLOCKS.items() for block in found for reason in block.marks["not run"]}
    assert marked == NOT_RUN


def test_the_pages_that_promise_code_have_it():
    promised = {"README.md", "index.md", "using.md", "taskset.md", "from_learning_to_learn.md", "reference/networks.md"}
    promised |= {f"use/{page}.md" for page in ("keras", "custom_loops", "export", "sharing")}
    assert promised | {"train/first.md", "train/own_problem.md", "train/estimators.md"} <= set(BLOCKS)


@pytest.mark.parametrize("name", PAGES)
def test_no_python_escapes_by_its_form(name):
    opened = re.findall(r"^ *(?:```+|:::+)(.*)\n(?:.*\n)*? *(?:```+|:::+)$", PAGES[name], re.MULTILINE)
    assert set(opened) <= FENCES | {"python"}
    # As Markdown has code too: indented, below an empty line.
    outside = re.sub(r"^```.*?^```$", "", PAGES[name], flags=re.MULTILINE | re.DOTALL)
    indented = re.findall(r"\n\n {4,}(.*\n)", outside)
    assert not [line for line in indented if re.search(r"^(import|from) |\w = \w|\w\(", line)]


def test_marks_change_what_runs():
    page = "% given: n = 2\n% shortened: range(9) -> range(n)\n```python\nfor i in range(9):\n    print(i)\n```\n"
    (block,) = blocks.blocks(page)
    assert block.program() == "n = 2\nfor i in range(n):\n    print(i)\n"
    (block,) = blocks.blocks("<!-- not run: costs money -->\n```python\nbuy()\n```\n")
    assert (block.program(), block.marks["not run"]) == ("", ["costs money"])
