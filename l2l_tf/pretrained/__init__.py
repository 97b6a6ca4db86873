"""Trained optimizers that come with the package: a folder each, as `train.py` saves it, with a model card.

`sources` says where a rule comes from when it is used: one of these names, a folder, or networks at hand. The names and
the folders need no TensorFlow.

May import: saving, unrolling, networks. Imported by: evaluation, training, deployment, commands.
"""

import importlib.resources
from pathlib import Path
from typing import TYPE_CHECKING

from l2l_tf.saving import hub, saved_optimizer

if TYPE_CHECKING:
    from l2l_tf.unrolling.coordinates import AssignedNetworks

__all__ = ["card", "folder", "load", "names", "path"]

GENERAL = "general"  # what is taken where nothing is named
_CARD = "README.md"


def names() -> list[str]:
    """What `path`, `load` and `LearnedOptimizer` know by name."""
    folders = importlib.resources.files(__name__).iterdir()
    return sorted(folder.name for folder in folders if folder.joinpath(saved_optimizer.CONFIG).is_file())


def path(name: str) -> Path:
    """The folder of the optimizer `name`.

    Raises:
      ValueError: an unknown name, or the package is not installed as plain files.
    """
    if name not in names():
        raise ValueError(f"Pretrained optimizers are {names()}. Received: {name!r}.")
    found = importlib.resources.files(__name__).joinpath(name)
    if not isinstance(found, Path):
        raise ValueError(f"Pretrained optimizers are read from plain files; unpack l2l_tf. Received: {found}.")
    return found


def folder(name_or_folder: str) -> Path:
    """The folder of the optimizer of that name, or at that address (`hf://user/name`), which is downloaded.

    Of another name it is the folder itself; whether it is there is not looked at.

    Raises:
      HubError: what is at the address cannot be had.
    """
    return path(name_or_folder) if name_or_folder in names() else hub.local(name_or_folder)


def load(name: str) -> "AssignedNetworks":
    """The networks of the optimizer `name`, with their weights.

    Raises:
      ValueError: an unknown name.
    """
    return saved_optimizer.load(path(name))


def card(name: str) -> str:
    """The model card of the optimizer `name`, in Markdown: what it was trained on, and where it works and fails.

    Raises:
      ValueError: an unknown name.
    """
    return path(name).joinpath(_CARD).read_text()
