"""The door to TFDS: what it gives, and how it says that there is nothing."""

import pathlib
import shutil
import time

import numpy as np
import pytest
import requests
import tensorflow as tf

import problems
from problems import DatasetNotPreparedError, datasets
from tests.conftest import tiny_images

WHAT_TO_DO = "--data_dir or the environment variable L2L_DATA_DIR, or run once with --download"


def test_a_split_is_read_in_its_order(tiny_data_dir):
    for name, shape in (("mnist", (28, 28, 1)), ("cifar10", (32, 32, 3))):
        for split, size in (("train", 60), ("test", 30)):
            images, labels = datasets.load(name, split, tiny_data_dir)
            expected_images, expected_labels = tiny_images(size, shape)
            assert (images.dtype, labels.dtype) == (tf.uint8, tf.int32)
            np.testing.assert_array_equal(images, expected_images)
            np.testing.assert_array_equal(labels, expected_labels)


def test_a_second_load_is_the_same_tensor(tiny_data_dir):
    assert datasets.load("mnist", "test", tiny_data_dir)[0] is datasets.load("mnist", "test", tiny_data_dir)[0]


def test_the_folder_is_the_argument_or_the_environment(tiny_data_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("L2L_DATA_DIR", tiny_data_dir)
    assert datasets.load("mnist", "test")[1].shape == [30]
    with pytest.raises(DatasetNotPreparedError, match=str(tmp_path)):
        datasets.load("mnist", "test", str(tmp_path))
    monkeypatch.setenv("L2L_DATA_DIR", str(tmp_path))
    with pytest.raises(DatasetNotPreparedError, match=str(tmp_path)):
        datasets.load("mnist", "test")


@pytest.mark.parametrize("folder", ["", "nowhere"])
def test_missing_data_is_one_quick_error(folder, tmp_path):
    start = time.perf_counter()
    with pytest.raises(DatasetNotPreparedError) as caught:
        problems.get("mnist", data_dir=str(tmp_path / folder))
    assert time.perf_counter() - start < 1
    message = str(caught.value)
    assert message.startswith(f"The dataset mnist/3.0.1 was looked for in {tmp_path / folder}")
    assert "and is not there" in message
    assert WHAT_TO_DO in message


@pytest.mark.parametrize("lost", ["dataset_info.json", "mnist-train.tfrecord-00000-of-00001"])
def test_half_a_dataset(lost, tiny_data_dir, tmp_path):
    shutil.copytree(pathlib.Path(tiny_data_dir, "mnist"), tmp_path / "mnist")
    (tmp_path / "mnist" / "3.0.1" / lost).unlink()
    with pytest.raises(DatasetNotPreparedError, match=f"is incomplete, without {lost}: .*{WHAT_TO_DO}"):
        datasets.load("mnist", "test", tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"splits": 3}',
        "\xff",
        '{"name": "mnist", "version": "3.0.1", "splits": [{"name": "test"}]}',
    ],
)
def test_a_damaged_description_is_one_error(text, tiny_data_dir, tmp_path):
    shutil.copytree(pathlib.Path(tiny_data_dir, "mnist"), tmp_path / "mnist")
    (tmp_path / "mnist" / "3.0.1" / "dataset_info.json").write_bytes(text.encode("latin1"))
    with pytest.raises(DatasetNotPreparedError, match=rf"^The dataset mnist.* is (damaged|incomplete).*{WHAT_TO_DO}"):
        datasets.load("mnist", "test", tmp_path)


def test_folders_with_a_scheme(tiny_data_dir):
    images, _ = datasets.load("mnist", "test", f"file://{tiny_data_dir}")
    assert images is datasets.load("mnist", "test", tiny_data_dir)[0]
    datasets.check_present("mnist", f"file://{tiny_data_dir}")
    with pytest.raises(DatasetNotPreparedError, match="mnist was looked for in /nowhere and is not there"):
        datasets.check_present("mnist", "file:///nowhere")
    with pytest.raises(DatasetNotPreparedError, match="mnist was looked for in abc://nowhere and cannot be reached"):
        datasets.load("mnist", "test", "abc://nowhere")


def test_a_truncated_file(tiny_data_dir, tmp_path):
    shutil.copytree(pathlib.Path(tiny_data_dir, "mnist"), tmp_path / "mnist")
    with open(tmp_path / "mnist" / "3.0.1" / "mnist-train.tfrecord-00000-of-00001", "r+b") as file:
        file.truncate(5_000)
    with pytest.raises(DatasetNotPreparedError, match="is damaged: its train split cannot be read: "):
        datasets.load("mnist", "train", tmp_path)


def test_a_download_without_network():
    class Builder:
        name = "mnist"
        data_dir = "somewhere"

        def download_and_prepare(self):
            raise requests.exceptions.ConnectionError("refused")

    with pytest.raises(
        DatasetNotPreparedError, match=r"mnist could not be downloaded to somewhere: ConnectionError. Check the network"
    ):
        datasets._download(Builder())


def test_what_tfds_does_not_have(tiny_data_dir):
    with pytest.raises(ValueError, match=r"has no dataset of that name. Received: 'mnits'.$"):
        datasets.load("mnits", "train", tiny_data_dir)
    with pytest.raises(ValueError, match=r"mnist has the splits \['test', 'train'\]. Received: 'valid'."):
        datasets.load("mnist", "valid", tiny_data_dir)
