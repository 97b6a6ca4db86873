"""Every example runs as a user runs it, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from l2l_tf import export_saved_model, networks
from l2l_tf.saving import saved_optimizer
from l2l_tf.unrolling.coordinates import AssignedNetworks

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def optimizer(tmp_path_factory):
    """A small optimizer, untrained."""
    folder = tmp_path_factory.mktemp("examples")
    options = {"layers": [4], "preprocess_name": "LogAndSign", "preprocess_options": {"k": 10.0}, "scale": 0.01}
    network = networks.get("CoordinateWiseDeepLSTM", **options)
    saved_optimizer.save(AssignedNetworks({"cw": network}), folder / "optimizer")
    export_saved_model(network, folder / "saved_model")
    return folder


def _run(folder, script, *arguments, code=0):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(ROOT / "examples" / script), *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def test_custom_training_loop(optimizer):
    printed = _run(optimizer, "custom_training_loop.py", "--quick", f"--optimizer={optimizer / 'optimizer'}")
    assert printed.splitlines()[0].startswith("step    0  loss")
    assert "left out as NaN or infinite: 0" in printed
    assert printed.splitlines()[-1] == "restored at step 10"


def test_saved_model_only_tensorflow(optimizer, tmp_path):
    """In a folder where l2l_tf and Sonnet do not import."""
    for package in ("l2l_tf", "sonnet", "tree"):
        (tmp_path / f"{package}.py").write_text("raise ImportError('not installed here')")
    script = ROOT / "examples" / "saved_model_only_tensorflow.py"
    done = subprocess.run(
        [sys.executable, str(script), "--quick", f"--saved_model={optimizer / 'saved_model'}"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("network: CoordinateWiseDeepLSTM\nstep    0  loss 4.0000")


def test_own_problem(tmp_path):
    printed = _run(tmp_path, "own_problem.py", "--quick", f"--save_path={tmp_path / 'decays'}")
    for line in ("epoch    0", "learned", "Adam", "one curve fitted by LearnedOptimizer", "SavedModel of"):
        assert line in printed
    assert (tmp_path / "decays" / "config.json").is_file()


def test_keras_mnist_fit(optimizer):
    data_dir = os.environ.get("L2L_DATA_DIR")
    if not data_dir:
        pytest.skip("needs MNIST: name its TFDS folder in L2L_DATA_DIR")
    printed = _run(optimizer, "keras_mnist_fit.py", "--quick", f"--optimizer={optimizer / 'optimizer'}")
    assert [line.split()[0] for line in printed.splitlines()] == ["learned", "adam"]


def test_keras_mnist_fit_without_data_says_what_to_do(optimizer, tmp_path):
    error = _run(tmp_path, "keras_mnist_fit.py", "--quick", f"--data_dir={tmp_path}", code=1)
    assert "run once with --download" in error
    assert "Traceback" not in error
