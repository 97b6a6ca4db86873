"""The data sets that a configuration may name. Needs no TensorFlow."""

from typing import NamedTuple

SYNTHETIC = "synthetic"


class ImageSet(NamedTuple):
    """A data set of images in TFDS, or our own.

    Attributes:
      shape: height, width, channels.
      classes: number of labels.
      has_test: whether it has a split "test"; else that role's data is cut from "train" too.
      piece: the number of examples of a role that is cut from "train"; fewer where there are few.
    """

    shape: tuple[int, int, int]
    classes: int
    has_test: bool = True
    piece: int = 5_000


class TextSet(NamedTuple):
    """A data set of texts in TFDS, or our own.

    Attributes:
      text: the feature that holds the text.
      label: the feature that holds the label, or None.
      classes: number of labels.
      has_test, piece: as of an `ImageSet`.
    """

    text: str
    label: str | None
    classes: int
    has_test: bool = True
    piece: int = 3_000


IMAGES = {
    "mnist": ImageSet((28, 28, 1), 10),
    "fashion_mnist": ImageSet((28, 28, 1), 10),
    "kmnist": ImageSet((28, 28, 1), 10),
    "cifar10": ImageSet((32, 32, 3), 10),
    "cifar100": ImageSet((32, 32, 3), 100),
    "svhn_cropped": ImageSet((32, 32, 3), 10),
    SYNTHETIC: ImageSet((32, 32, 3), 10),
}
TEXTS = {
    # A copy with its training split alone serves too, so no other is asked for.
    "imdb_reviews": TextSet("text", "label", 2, has_test=False),
    "ag_news_subset": TextSet("description", "label", 4),
    "yelp_polarity_reviews": TextSet("text", "label", 2),
    "lm1b": TextSet("text", None, 0, piece=10_000),
    SYNTHETIC: TextSet("text", "label", 2, has_test=False),
}

ROLES = ("train", "validation", "outer_validation", "test")


def image_shape(data: dict) -> tuple[int, int, int]:
    """Height, width and channels of the images of a configuration, after resizing, grey and cropping."""
    height, width, channels = IMAGES[data["dataset"]].shape
    if data["size"] is not None:
        height = width = data["size"]
    crop = data["augmentation"]["crop"] if data["augmentation"] else 0
    return height - crop, width - crop, 1 if data["grey"] else channels


def num_classes(data: dict) -> int:
    """The number of labels of a configuration's data."""
    table = IMAGES if data["kind"] == "images" else TEXTS
    return data.get("classes") or table[data["dataset"]].classes


def rows(num_examples: int, has_test: bool, piece: int) -> dict[str, range]:
    """The rows of "train" that each role has.

    The validation sets, and without a split "test" that too, are cut from the end: pieces of `piece` examples, or of a
    ninth of them all where that is less. "test" is not in what is returned where it is a split of its own.
    """
    roles = ROLES[1:3] if has_test else ROLES[1:]
    size = min(piece, num_examples // 9)
    first = num_examples - size * len(roles)
    cut = {role: range(first + i * size, first + (i + 1) * size) for i, role in enumerate(roles)}
    return {"train": range(first), **cut}
