"""The architecture picture of docs/understand/code.md is the one that the table of the wings gives."""

import re

import pytest

from tests.site.blocks import DOCS, ROOT
from tests.site.test_docstrings import loaded
from tests.test_wings import ALLOWED, folder_of

wings = loaded(DOCS / "pictures" / "wings.py")


def test_the_picture_is_that_of_the_table():
    assert wings.FILE.read_text() == wings.svg(ALLOWED), "python docs/pictures/wings.py draws it anew."


def test_arrows_and_exceptions_say_what_the_table_says():
    drawn = wings.arrows(ALLOWED)
    said = {wing: wings.reachable(drawn, wing) - wings.exceptions(ALLOWED).get(wing, set()) for wing in ALLOWED}
    assert said == ALLOWED
    assert sum(map(len, drawn.values())) < 20  # A picture of every import would show nothing.


def test_an_arrow_that_another_way_says_is_left_out():
    allowed = {"a": set(), "b": {"a"}, "c": {"b", "a"}, "d": {"c"}}
    assert wings.arrows(allowed) == {"a": set(), "b": {"a"}, "c": {"b"}, "d": {"c"}}
    assert wings.exceptions(allowed) == {"d": {"a", "b"}}
    assert [wings.level(allowed, wing) for wing in allowed] == [0, 1, 2, 3]


def test_a_wing_without_words_is_an_error():
    with pytest.raises(KeyError, match="attic"):
        wings.svg({**ALLOWED, "attic": {"commands"}})


@pytest.mark.parametrize("wing", wings.WINGS)
def test_the_files_to_begin_with_are_there(wing):
    for file in re.findall(r"\w+\.py", wings.WINGS[wing].begin):
        assert (folder_of(wing) / file).is_file(), file


def test_the_files_that_the_page_names_are_there():
    named = re.findall(r"`(\w+/\w+\.py)`", (DOCS / "understand" / "code.md").read_text())
    assert len(named) > 8
    for file in named:
        assert (ROOT / file).is_file() or (ROOT / "l2l_tf" / file).is_file(), file
