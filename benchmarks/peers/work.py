"""What every program computes: one MNIST unroll, its outer gradient, Adam on phi. Needs NumPy alone.

A classifier 784-20-10 (sigmoid) takes 20 steps on minibatches of 128 images under a coordinatewise LSTM of two layers
of 20 cells that sees LogAndSign(k=5) of the gradients; the gradient of the summed losses goes back through the 20
steps, the optimizee's gradients being constants; Adam takes one step on the LSTM's weights. Images are noise as sparse
as MNIST's: the time does not depend on what they show.
"""

import sys
import time
from collections.abc import Callable

import numpy as np

STEPS, BATCH, HIDDEN, K, SCALE, LEARNING_RATE = 20, 128, 20, 5.0, 0.01, 1e-3
SHAPES = {"w1": (784, 20), "b1": (20,), "w2": (20, 10), "b2": (10,)}
NUM_COORDINATES = sum(int(np.prod(shape)) for shape in SHAPES.values())


def images_and_labels() -> tuple[np.ndarray, np.ndarray]:
    """60,000 images, uint8 `[n, 784]`, a fifth of whose pixels are lit, and labels."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, [60_000, 784], np.uint8)
    images[random.random(images.shape, np.float32) > 0.19] = 0
    return images, random.integers(0, 10, 60_000)


def theta() -> dict[str, np.ndarray]:
    """theta_0, standard deviation 0.01."""
    random = np.random.default_rng(1)
    return {name: (0.01 * random.normal(size=shape)).astype(np.float32) for name, shape in SHAPES.items()}


def phi() -> dict[str, np.ndarray]:
    """The LSTM's weights; gates in the order input, forget, candidate, output."""
    random = np.random.default_rng(2)

    def weights(inputs, outputs):
        return (random.normal(size=[inputs, outputs]) / np.sqrt(inputs)).astype(np.float32)

    forget = np.repeat(np.array([0, 1, 0, 0], np.float32), HIDDEN)
    return {
        "i1": weights(2, 4 * HIDDEN),
        "h1": weights(HIDDEN, 4 * HIDDEN),
        "b1": forget.copy(),
        "i2": weights(HIDDEN, 4 * HIDDEN),
        "h2": weights(HIDDEN, 4 * HIDDEN),
        "b2": forget.copy(),
        "w": weights(HIDDEN, 1),
        "b": np.zeros(1, np.float32),
    }


def serve(step: Callable[[], float]) -> None:
    """Takes a step whenever a line comes in, and answers with its seconds; the first answer includes compilation.

    `step` returns the meta-loss once the work is done.
    """
    for _ in sys.stdin:
        began = time.perf_counter()
        loss = step()
        seconds = time.perf_counter() - began
        if not np.isfinite(loss):
            raise FloatingPointError(f"The meta-loss is {loss}.")
        print(seconds, flush=True)
