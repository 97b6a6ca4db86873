"""Results that pages show are those of the repository, and a page says so where there are none yet."""

import re

import pytest

from tests.site.blocks import DOCS, ROOT
from tests.site.test_docstrings import loaded

results = loaded(DOCS / "_extensions" / "results.py")
PAGE = "# Page\n\n% results: results/zoo/table.md\n% otherwise: Made by a command.\n\nMore.\n"


def test_without_results_the_page_says_how_they_are_made(tmp_path):
    text, files = results.shown(PAGE, tmp_path / "docs" / "use", tmp_path)
    assert text == "# Page\n\nMade by a command.\n\nMore.\n"
    assert tmp_path / "results" / "zoo" / "table.md" in files  # The page is built again once it is there.


def test_results_come_with_their_picture_and_lower_headings(tmp_path):
    folder = tmp_path / "results" / "zoo"
    folder.mkdir(parents=True)
    (folder / "table.md").write_text("# Losses\n\n| a |\n| - |\n| 1 |\n\n## More\n")
    text, _ = results.shown(PAGE, tmp_path / "docs" / "use", tmp_path)
    assert text == "# Page\n\n### Losses\n\n| a |\n| - |\n| 1 |\n\n#### More\n\nMore.\n"
    (folder / "figure.png").touch()
    text, _ = results.shown(PAGE, tmp_path / "docs" / "use", tmp_path)
    assert "![Losses](../../results/zoo/figure.png)\n\n### Losses" in text


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.name)
def test_marks_are_whole(page):
    marks = re.findall(r"^% results:", page.read_text(), re.MULTILINE)
    text, files = results.shown(page.read_text(), page.parent)
    assert len(files) == 2 * len(marks) and "% results:" not in text
    assert all(file.is_relative_to(ROOT / "results") for file in files)
