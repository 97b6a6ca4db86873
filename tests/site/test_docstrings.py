"""How docstrings become reStructuredText."""

import importlib.util
from pathlib import Path

import pytest

EXTENSION = Path(__file__).parents[2] / "docs" / "_extensions" / "docstrings.py"


def loaded(file):
    """The module of a file, of an extension of Sphinx's."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def with_literal_blocks():
    return loaded(EXTENSION).with_literal_blocks


def test_an_indented_block_after_a_blank_line_is_code(with_literal_blocks):
    before, code = ["It computes", ""], ["    u = |g|", "", "      v"]
    after = ["and so on.", "", "Args:", "  x: a number,", "    or two."]
    assert list(with_literal_blocks(before + code + after)) == [*before, "::", "", *code, *after]


def test_a_bar_is_a_bar_but_in_code(with_literal_blocks):
    assert list(with_literal_blocks(["|theta| and `a | b`"])) == [r"\|theta\| and `a | b`"]
