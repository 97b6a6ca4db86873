"""Files for neural art in miniature: pictures of noise, and VGG-19's weights drawn at random."""

from pathlib import Path

import numpy as np
from PIL import Image

CHANNELS = {
    "block1_conv1": (3, 64),
    "block1_conv2": (64, 64),
    "block2_conv1": (64, 128),
    "block2_conv2": (128, 128),
    "block3_conv1": (128, 256),
    "block3_conv2": (256, 256),
    "block3_conv3": (256, 256),
    "block3_conv4": (256, 256),
}


def weights() -> dict[str, np.ndarray]:
    """He's initial weights, small biases."""
    rng = np.random.default_rng(0)
    drawn = {}
    for layer, (fan_in, fan_out) in CHANNELS.items():
        kernel = rng.standard_normal((3, 3, fan_in, fan_out)) * np.sqrt(2 / (9 * fan_in))
        drawn |= {f"{layer}/kernel": kernel, f"{layer}/bias": rng.standard_normal(fan_out) * 0.1}
    return {name: value.astype(np.float32) for name, value in drawn.items()}


def write(folder: str | Path) -> dict[str, str]:
    """The options `content` (ten pictures of 20 x 24), `style` (one) and `vgg_weights`, of files in `folder`."""
    folder = Path(folder)
    if not folder.exists():
        (folder / "content").mkdir(parents=True)
        rng = np.random.default_rng(1)
        for i in range(10):
            Image.fromarray(_noise(rng)).save(folder / "content" / f"{i}.png")
        Image.fromarray(_noise(rng)).save(folder / "style.png")
        np.savez(folder / "vgg.npz", **weights())
    return {
        "content": str(folder / "content"),
        "style": str(folder / "style.png"),
        "vgg_weights": str(folder / "vgg.npz"),
    }


def _noise(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (20, 24, 3)).astype(np.uint8)
