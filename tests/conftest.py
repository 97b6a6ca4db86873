"""What holds for every test: nothing reaches beyond this machine, and Ctrl-C is heard."""

import os
import pathlib
import signal
import sys

import numpy as np
import pytest

_LOCAL = ("localhost", "127.0.0.1", "::1", "0.0.0.0", "::", "", None)


def _refuse_network(event, arguments):
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    if host not in _LOCAL:
        raise RuntimeError(f"Tests run without network. Received: a connection to {host!r}.")


sys.addaudithook(_refuse_network)

# The files that take longest, first: `make test` deals whole files to its workers, and one of these begun last would
# leave the others idle. Left alone, `--dist=loadfile` begins with the files of most tests, whatever these take, hence
# its `--no-loadscope-reorder`.
_LONGEST = (
    "fast/test_outer_gradient.py",
    "commands/test_train_command.py",
    "conformance/test_networks.py",
    "fast/test_outer_gradient_objectives.py",
    "conformance/test_problems.py",
    "commands/test_presets_train.py",
    "conformance/test_estimators.py",
    "fast/test_population.py",
    "commands/test_evaluate_command.py",
    "problems/taskset/test_task.py",
    "training/test_training.py",
    "training/test_resuming.py",
    "deployment/test_keras_optimizer.py",
    "site/test_pages.py",
    "training/test_left_out.py",
    "evaluation/test_tuning.py",
)


def pytest_collection_modifyitems(items):
    here = pathlib.Path(__file__).parent
    rank = {here / file: place for place, file in enumerate(_LONGEST)}
    items.sort(key=lambda item: rank.get(item.path, len(rank)))


# A shell starts what goes to its background with SIGINT ignored, and the commands that tests start would inherit that.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def data_dir() -> str:
    """The folder of the real data sets."""
    folder = os.environ.get("L2L_DATA_DIR")
    if not folder:
        pytest.skip("needs real data: set L2L_DATA_DIR to a folder of prepared TFDS data sets")
    return folder


@pytest.fixture(scope="session")
def tiny_data_dir(tmp_path_factory) -> str:
    """A folder with an MNIST and a CIFAR-10 of 60 training and 30 test images of noise, as TFDS prepares them."""
    folder = tmp_path_factory.mktemp("tiny_data")
    _prepare(folder, "mnist", "3.0.1", (28, 28, 1))
    _prepare(folder, "cifar10", "3.0.2", (32, 32, 3))
    return str(folder)


def tiny_images(num_images: int, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """What `tiny_data_dir` holds in a split of this size: image i has the label i % 10."""
    images = np.random.RandomState(num_images).randint(0, 256, (num_images, *shape))
    return images.astype(np.uint8), np.arange(num_images) % 10


def _prepare(folder: pathlib.Path, name: str, version: str, shape: tuple[int, ...]) -> None:
    import tensorflow as tf
    import tensorflow_datasets as tfds

    def examples(num_images):
        images, labels = tiny_images(num_images, shape)
        columns = {"image": images, "label": labels, "id": [str(i) for i in range(num_images)]}
        return tf.data.Dataset.from_tensor_slices({column: columns[column] for column in features})

    features = tfds.builder(name, data_dir=folder).info.features
    tfds.dataset_builders.store_as_tfds_dataset(
        name=name,
        version=version,
        features=features,
        split_datasets={"train": examples(60), "test": examples(30)},
        data_dir=folder,
        disable_shuffling=True,
    )
