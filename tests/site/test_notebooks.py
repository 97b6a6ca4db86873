"""Notebooks of the site run without a network and without data sets, and say what they ran on."""

import re
import socket

import numpy as np
import pytest
import tensorflow as tf

from problems import datasets
from tests.site.blocks import DOCS

_CELL = re.compile(r"^```\{code-cell\} python\n(?::.*\n)*(.*?)^```$", re.MULTILINE | re.DOTALL)
CELLS = {page.name: found for page in sorted(DOCS.rglob("*.md")) if (found := _CELL.findall(page.read_text()))}
FETCHES = r"load_data|download|tensorflow_datasets|tfds|urllib|requests|hf://|https?://|get_file"


@pytest.mark.parametrize("page", CELLS)
def test_no_cell_fetches_anything(page):
    assert [cell for cell in CELLS[page] if re.search(FETCHES, cell)] == []


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*arguments):
        raise AssertionError(f"Nothing is to be fetched. Received: {arguments[1:]}.")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def first_cell():
    names = {}
    exec(compile(CELLS["fashion_mnist.md"][0], "fashion_mnist.md", "exec"), names)
    return names


def test_without_data_it_runs_on_images_of_the_repository(tmp_path, monkeypatch, no_network, capsys):
    monkeypatch.setenv("L2L_DATA_DIR", str(tmp_path))
    names = first_cell()
    said = "This page ran on those images of Fashion-MNIST that the repository has: 2,500 images\n"
    assert capsys.readouterr().out == said
    images, labels = names["images"], names["labels"]
    assert images.shape == (2500, 784) and np.bincount(labels).tolist() == [250] * 10
    levels = np.round(images * 15)
    np.testing.assert_allclose(images, levels / 15, atol=1e-6)
    # Cut where one image ends: each is most like the mean of its own class, far beyond chance.
    means = images.reshape([10, 250, 784]).mean(1)
    nearest = np.argmin((means**2).sum(1) - 2 * images @ means.T, 1)
    assert np.mean(nearest == labels) > 0.6
    assert np.mean(images.reshape([-1, 28, 28])[:, 0]) < 0.1  # The uppermost row of clothes is black.


def test_with_data_it_runs_on_all_of_it(monkeypatch, no_network, capsys):
    images = tf.constant(np.arange(60 * 784).reshape([60, 28, 28, 1]) % 256, tf.uint8)
    monkeypatch.setattr(datasets, "check_present", lambda name: None)
    monkeypatch.setattr(datasets, "load", lambda name, split: (images, tf.range(60) % 10))
    names = first_cell()
    assert capsys.readouterr().out == "This page ran on all training images of Fashion-MNIST: 60 images\n"
    np.testing.assert_allclose(names["images"][1, :3], np.array([16, 17, 18]) / 255, rtol=1e-6)
    assert names["labels"][13] == 3
