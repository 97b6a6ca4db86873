"""What has to work where only the wheel is: run by the environment's Python, outside of any checkout."""

import pathlib
import subprocess
import sys
import time

PLACE = pathlib.Path(sys.argv[1])


def command(name: str, *flags: str) -> str:
    done = subprocess.run([PLACE / "bin" / name, *flags], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{name} {' '.join(flags)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


began = time.monotonic()
run = str(PLACE / "run")
assert "Usage: l2l-train [--flag=value ...]" in command("l2l-train", "--help")
trained = command("l2l-train", "--problem=quadratic", "--num_epochs=4", f"--save_path={run}")
assert "Training finished after 4 epochs" in trained, trained
compared = command(
    "l2l-evaluate",
    f"--path={run}",
    "--optimizer=L2L,Adam",
    "--num_epochs=2",
    "--num_steps=20",
    f"--report={PLACE}/page.html",
)
assert "Adam" in compared, compared
assert "drawCurves" in (PLACE / "page.html").read_text(), "The script of the page was not installed."

import keras  # noqa: E402
import numpy as np  # noqa: E402

import l2l_tf  # noqa: E402
from l2l_tf.fast import native  # noqa: E402

assert PLACE in pathlib.Path(l2l_tf.__file__).parents, f"{l2l_tf.__file__} is not the wheel's."
assert native.operations() is not None, "The native code did not compile from the installed sources."
assert list((PLACE / "cache" / "l2l_tf").glob("*.so"))
assert "native code: yes" in subprocess.check_output([sys.executable, "-m", "l2l_tf.report"], text=True)

rng = np.random.default_rng(0)
x = rng.normal(size=(256, 8)).astype("float32")
y = (x @ rng.normal(size=(8, 1))).astype("float32")
keras.utils.set_random_seed(0)
model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(1)])
model.compile(optimizer=l2l_tf.LearnedOptimizer("mnist_per_parameter"), loss="mse")
losses = model.fit(x, y, batch_size=64, epochs=5, verbose=0).history["loss"]
assert losses[-1] < 0.5 * losses[0], losses
print(f"wheel: Python {sys.version.split()[0]}: train, evaluate, Keras, native code: {time.monotonic() - began:.0f} s")
