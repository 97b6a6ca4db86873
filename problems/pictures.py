"""Pictures: found in folders, split, read, and written."""

import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

IMAGENET = "imagenet"  # As weights: those that Keras downloads.
SPLITS = ("train", "validation", "test")
_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")
_FIRST = {"train": 0.0, "validation": 0.8, "test": 0.9}
_LAST = {"train": 0.8, "validation": 0.9, "test": 1.0}


def expand(path: str | os.PathLike) -> Path:
    """`path` with `~` and environment variables (`$NAME`) replaced, so that settings need not name one machine's.

    Raises:
      ValueError: a variable that is not set.
    """
    expanded = os.path.expanduser(os.path.expandvars(path))
    if "$" in expanded:
        raise ValueError(f"An environment variable in the path is not set. Received: {os.fspath(path)!r}.")
    return Path(expanded)


def find(what: str, where: str | os.PathLike | Sequence[str | os.PathLike], split: str) -> list[Path]:
    """The files of pictures that `where` names, in order.

    A folder's files, sorted by name, are split 80 : 10 : 10 into training, validation and test; other files than
    pictures and sub-folders are passed over. A file, or a list of files, is taken whole, whatever `split` is.

    Args:
      what: they are, for the messages.
      where: a folder, a file, or a list of files; see `expand`.
      split: one of `SPLITS`, or "all".

    Raises:
      ValueError: nothing there, or no pictures of that split.
    """
    if split not in (*SPLITS, "all"):
        raise ValueError(f"split is one of {[*SPLITS, 'all']}. Received: {split!r}.")
    entries = [where] if isinstance(where, (str, os.PathLike)) else list(where)
    if not entries:
        raise ValueError(f"{what} is a folder of pictures, a picture, or a list of pictures. Received: {where!r}.")
    paths = [expand(entry) for entry in entries]
    if len(paths) == 1 and paths[0].is_dir():
        return _in_folder(what, paths[0], split)
    for path in paths:
        if not path.is_file():
            raise ValueError(f"{what}: there is no such file{' or folder' * (len(paths) == 1)}. Received: '{path}'.")
    return paths


def check(content, style, vgg_weights: str = IMAGENET, split: str = "train", **_) -> None:
    """Whether the files are there that the options of `NeuralArt` name.

    Raises:
      ValueError: as `find`, or there are no such weights.
    """
    find("content", content, split)
    find("style", style, "all")
    if vgg_weights != IMAGENET and not expand(vgg_weights).is_file():
        raise ValueError(f"vgg_weights: there is no such file. Received: {vgg_weights!r}.")


def _in_folder(what: str, folder: Path, split: str) -> list[Path]:
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES and path.is_file())
    if not found:
        raise ValueError(f"{what}: the folder has no pictures ({', '.join(_SUFFIXES)}). Received: '{folder}'.")
    if split == "all":
        return found
    part = found[math.floor(_FIRST[split] * len(found)) : math.floor(_LAST[split] * len(found))]
    if not part:
        raise ValueError(
            f'{what}: of {len(found)} pictures none is left for the split {split!r}; take "all", or more pictures. '
            f"Received: '{folder}'."
        )
    return part


def read(path: Path, height: int, width: int) -> np.ndarray:
    """The middle of a picture as large as the shape allows, scaled to uint8 `[height, width, 3]`, RGB.

    Raises:
      ValueError: it is not a picture, or damaged.
    """
    from PIL import Image, ImageOps

    upright = _open(path).convert("RGB")
    return np.array(ImageOps.fit(upright, (width, height), Image.Resampling.LANCZOS))


def shape(path: Path) -> tuple[int, int]:
    """Height and width of a picture, the way the camera was held.

    Raises:
      ValueError: it is not a picture, or damaged.
    """
    width, height = _open(path).size
    return height, width


def write(image: np.ndarray, path: str | Path) -> None:
    """Writes uint8 `[height, width, 3]` to `path`, in the format that its suffix names.

    Raises:
      ValueError: a suffix that names none.
      OSError: it cannot be written.
    """
    from PIL import Image

    check_path(path)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


def check_path(path: str | Path) -> None:
    """Raises a ValueError where the suffix names no format of pictures."""
    if Path(path).suffix.lower() not in _SUFFIXES:
        raise ValueError(f"A picture's file name ends in one of {list(_SUFFIXES)}. Received: {str(path)!r}.")


def _open(path: Path):
    # Pillow comes with Matplotlib. Unlike TensorFlow's decoder it can turn photographs the way the camera was held.
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            return ImageOps.exif_transpose(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"This file is no picture that can be read: '{path}'.") from error
