"""The 2,500 images that docs/notebooks/fashion_mnist.md runs on where Fashion-MNIST is not to be had.

    python docs/pictures/few_images.py

It needs Fashion-MNIST (`L2L_DATA_DIR`), and writes docs/pictures/fashion_mnist_2500.png: the first 250 training images
of each of the ten classes, in the order of the classes, 50 x 50 of them in one picture with 16 levels of grey.
Fashion-MNIST is Zalando's (Xiao et al. 2017), under the MIT licence.
"""

from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("fashion_mnist_2500.png")
A_CLASS, ACROSS = 250, 50


def main() -> None:
    from PIL import Image

    from problems import datasets

    images, labels = (each.numpy() for each in datasets.load("fashion_mnist", "train"))
    rows = np.concatenate([np.flatnonzero(labels == label)[:A_CLASS] for label in range(10)])
    sheet = images[rows, :, :, 0].reshape(ACROSS, ACROSS, 28, 28).swapaxes(1, 2).reshape(ACROSS * 28, ACROSS * 28)
    grey = Image.fromarray(np.round(sheet / 17).astype(np.uint8), "P")
    grey.putpalette([level * 17 for level in range(16) for _ in range(3)])
    grey.save(FILE, bits=4, optimize=True)
    print(f"Written: {FILE}, {FILE.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
