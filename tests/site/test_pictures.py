"""The pictures of docs/train/not_learning.md, and what the page says of them, are of the committed measurements."""

import json
import re

import numpy as np
import pytest

from tests.site.blocks import DOCS
from tests.site.test_docstrings import loaded

FOLDER = DOCS / "pictures"
PAGE = DOCS / "train" / "not_learning.md"
trainings = loaded(FOLDER / "not_learning.py")
figures = loaded(FOLDER / "not_learning_figures.py")
NUMBERS = json.loads(figures.NUMBERS.read_text())


def test_the_measurements_are_of_the_commands_as_they_stand():
    assert NUMBERS["trainings"] == {name: " ".join(flags) for name, flags in trainings.TRAININGS.items()}
    assert set(NUMBERS["events"]) == set(trainings.TRAININGS)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", NUMBERS["date"]) and NUMBERS["date"] in PAGE.read_text()
    assert NUMBERS["command"] in PAGE.read_text()


@pytest.mark.parametrize("name", figures.PICTURES)
def test_a_picture_is_drawn_shown_and_light(name):
    plot = figures.PICTURES[name](NUMBERS)
    titles = [axis.get_title() for axis in plot.axes]
    assert all(axis.get_lines() for axis in plot.axes)
    file = FOLDER / f"not_learning_{name}.svg"
    assert f"../pictures/{file.name}" in PAGE.read_text()
    text = file.read_text()
    assert len(text) < 100_000
    for title in titles:
        assert f">{title}<" in text


def last(name, tag):
    return NUMBERS["events"][name][tag][-1][1]


SAID = [
    f"{last('with second derivatives', 'validation_loss'):.3f} and {last('without', 'validation_loss'):.3f}",
    f"({last('k = 5', 'validation_loss'):.2f} and {last('k = 10', 'validation_loss'):.2f})",
    f"{last('unrolls of 5', 'validation_loss'):.4f} in validation",
    f"{last('unrolls of 50', 'validation_loss'):.4f} in validation",
    f"stands at {NUMBERS['along']['before'][-1]:.4f}",
    f"hides {NUMBERS['gradients']['hidden']['5']:.0%}".replace("%", " %"),
    f"k = 10 {NUMBERS['gradients']['hidden']['10']:.0%}".replace("%", " %"),
]


@pytest.mark.parametrize("said", SAID)
def test_the_page_says_what_was_measured(said):
    assert said in PAGE.read_text().replace("\n", " ")


def test_numbers_are_kept_to_four_digits():
    value = {"a": [1.23456789, 7], "b": "1.23456789"}
    assert trainings.rounded(value) == {"a": [1.235, 7], "b": "1.23456789"}


def test_curves_are_of_epochs_in_order():
    for found in NUMBERS["events"].values():
        for pairs in found.values():
            epochs, values = np.transpose(pairs)
            assert np.all(np.diff(epochs) > 0) and np.all(np.isfinite(values))
