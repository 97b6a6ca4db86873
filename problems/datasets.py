"""TensorFlow Datasets behind one door: whole splits as tensors, one clear error where they are missing.

TensorFlow is imported with the first data: `check_present` does without.
"""

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf


class DatasetNotPreparedError(RuntimeError):
    """A dataset that is not there, only half there, or that could not be downloaded."""


def load(
    name: str, split: str, data_dir: str | os.PathLike | None = None, download: bool = False
) -> "tuple[tf.Tensor, tf.Tensor]":
    """A whole split of an image classification dataset, decoded once and kept on the device.

    Args:
      name: the dataset's name in TFDS, e.g. "mnist".
      split: one of its splits, e.g. "train".
      data_dir: the folder that holds `name`; by default that of the environment variable `L2L_DATA_DIR`, or
        else TFDS's own.
      download: whether TFDS may fetch and prepare what is missing. Not by default: without a network that is
        minutes of retries.

    Returns:
      images `[N, height, width, channels]`, uint8, and labels `[N]`, int32, in the order they are stored in.

    Raises:
      DatasetNotPreparedError: the dataset is missing, incomplete or damaged, or its download failed.
      ValueError: TFDS has no dataset `name`, or that has no such split.
    """
    import tensorflow as tf

    # The first use may be while a function is traced: what is kept must not belong to its graph.
    with tf.init_scope():
        return _load(name, split, _folder(data_dir), download)


def load_texts(
    name: str,
    split: str,
    text: str,
    label: str | None,
    data_dir: str | os.PathLike | None = None,
    download: bool = False,
) -> "tuple[list[bytes], np.ndarray | None]":
    """A whole split of a dataset of texts.

    Args:
      name, split, data_dir, download: as `load` takes them.
      text: the feature that holds the text.
      label: the feature that holds the label, or None.

    Returns:
      texts, as UTF-8, in the order they are stored in, and labels `[N]`, int32, or None.

    Raises:
      DatasetNotPreparedError, ValueError: as `load`.
    """
    examples = _examples(name, split, _folder(data_dir), download)
    labels = None if label is None else examples[label].numpy().astype("int32")
    return list(examples[text].numpy()), labels


def check_present(name: str, data_dir: str | os.PathLike | None = None) -> None:
    """Tells at once, before TensorFlow is imported, that a dataset is not there at all; `load` looks closer.

    Raises:
      DatasetNotPreparedError: the folder holds nothing of the dataset `name`.
    """
    folder = _folder(data_dir) or os.environ.get("TFDS_DATA_DIR") or os.path.join("~", "tensorflow_datasets")
    if "://" in folder:
        return  # Not a folder of this machine.
    folder = os.path.expanduser(folder)
    if not Path(folder, name).is_dir():
        raise _not_prepared(name, folder, "is not there")


def _folder(data_dir: str | os.PathLike | None) -> str | None:
    folder = os.fspath(data_dir or os.environ.get("L2L_DATA_DIR", ""))
    # TFDS knows no file://, though it is what its own folders are called in places.
    return folder.removeprefix("file://") or None


@functools.cache
def _load(name: str, split: str, folder: str | None, download: bool) -> "tuple[tf.Tensor, tf.Tensor]":
    import tensorflow as tf

    examples = _examples(name, split, folder, download)
    return tf.constant(examples["image"].numpy()), tf.constant(examples["label"].numpy(), tf.int32)


def _examples(name: str, split: str, folder: str | None, download: bool) -> "dict[str, tf.Tensor]":
    """A split's features, all examples stacked."""
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(name, data_dir=folder)
    except tfds.core.DatasetNotFoundError:
        # TFDS's own message lists every dataset it has.
        raise ValueError(f"TensorFlow Datasets has no dataset of that name. Received: {name!r}.") from None
    except Exception as error:  # What JSON, protocol buffers and file systems raise, each their own.
        remote = folder is not None and "://" in folder
        state = "cannot be reached" if remote else "is damaged: its dataset_info.json cannot be read"
        raise _not_prepared(name, folder or "TFDS's own folder", state) from error
    if download:
        _download(builder)
    try:
        _check_complete(builder)
    except DatasetNotPreparedError:
        raise
    except Exception as error:
        raise _not_prepared(
            builder.info.full_name, builder.data_dir, "is damaged: its dataset_info.json does not fit it"
        ) from error
    if split not in builder.info.splits:
        raise ValueError(f"{name} has the splits {sorted(builder.info.splits)}. Received: {split!r}.")
    try:
        return builder.as_dataset(split=split, batch_size=-1, shuffle_files=False)
    except Exception as error:  # Of many kinds: lost files, damaged records, numbers that do not fit them.
        raise _not_prepared(
            builder.info.full_name, builder.data_dir, f"is damaged: its {split} split cannot be read"
        ) from error


def _check_complete(builder) -> None:
    if not builder.data_path.exists():
        raise _not_prepared(builder.info.full_name, builder.data_dir, "is not there")
    files = [file for split in builder.info.splits.values() for file in split.filepaths]
    missing = [file for file in files if not file.exists()]
    if missing or not builder.info.splits:
        what = os.path.basename(missing[0]) if missing else "dataset_info.json"
        raise _not_prepared(builder.info.full_name, builder.data_dir, f"is incomplete, without {what}")


def _download(builder) -> None:
    import requests

    try:
        builder.download_and_prepare()
    except requests.exceptions.RequestException as error:
        raise DatasetNotPreparedError(
            f"The dataset {builder.name} could not be downloaded to {builder.data_dir}: "
            f"{type(error).__name__}. Check the network, or name a folder that holds it with --data_dir or "
            "the environment variable L2L_DATA_DIR."
        ) from error


def _not_prepared(name: str, folder: str, state: str) -> DatasetNotPreparedError:
    return DatasetNotPreparedError(
        f"The dataset {name} was looked for in {folder} and {state}: name the folder "
        "that holds it with --data_dir or the environment variable L2L_DATA_DIR, or run once with --download "
        "to fetch it."
    )
