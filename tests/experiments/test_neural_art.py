"""The experiment on neural art, in miniature, and a picture of one's own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from experiments.paper import neural_art
from experiments.paper.stylise import Painter
from l2l_tf import networks
from l2l_tf.evaluation.evaluator import Evaluator
from l2l_tf.saving import saved_optimizer
from l2l_tf.unrolling import seeds
from l2l_tf.unrolling.coordinates import AssignedNetworks
from problems import pictures
from problems.neural_art import NeuralArt
from tests.commands.in_process import flags_of
from tests.problems import art_files

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("art") / "files"
    options = art_files.write(folder)
    saved_optimizer.save(AssignedNetworks({"network": networks.get("RNNProp", layers=[3])}), folder / "optimizer")
    return {**options, "optimizer": str(folder / "optimizer")}


def _run(**flags):
    with flags_of(neural_art, *(f"--{name}={value}" for name, value in flags.items())):
        neural_art.main()


def test_a_painter_paints_what_an_evaluation_measures(files):
    problem = NeuralArt(files["content"], files["style"], files["vgg_weights"], size=16)
    network = networks.get("Adam", learning_rate=0.1)
    reported = []
    painting = Painter(problem, network)(18, 5, 1, lambda step, loss: reported.append((step, loss)))
    curves = Evaluator(problem, network, 18)(seeds.fold(seeds.root(5), seeds.Purpose.EVALUATION), 2)
    np.testing.assert_allclose(painting.losses, curves.losses[1], rtol=1e-5)
    assert [step for step, _ in reported] == [16, 18]
    np.testing.assert_allclose([loss for _, loss in reported], painting.losses[[16, 18]])
    assert painting.image.shape == (16, 16, 3)
    assert painting.image.dtype == np.uint8


def test_a_picture_of_ones_own(files, tmp_path, capsys):
    _run(
        content=files["content"] + "/0.png",
        style=files["style"],
        vgg_weights=files["vgg_weights"],
        optimizer=files["optimizer"],
        size=24,
        num_steps=2,
        output=tmp_path / "styled.png",
        grid=tmp_path / "grid.png",
    )
    printed = capsys.readouterr().out
    assert f"in 2 steps. Styled picture: {tmp_path / 'styled.png'}\nPictures: {tmp_path / 'grid.png'}\n" in printed
    assert pictures.shape(tmp_path / "styled.png") == (20, 24)
    assert pictures.shape(tmp_path / "grid.png")[1] > 500


def test_the_experiment(files, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("L2L_TEST_ART", str(Path(files["style"]).parent))
    _run(
        quick="true",
        content="$L2L_TEST_ART/content",
        style="$L2L_TEST_ART/style.png",
        vgg_weights="$L2L_TEST_ART/vgg.npz",
        optimizer=files["optimizer"],
        sizes="64",
        num_steps=2,
        num_draws=2,
        tuning_draws=1,
        runs=tmp_path / "runs",
        output=tmp_path / "art",
    )
    assert "times the best baseline" in capsys.readouterr().out
    results = json.loads((tmp_path / "art-64" / "results.json").read_text())
    learned, adam = results["results"]
    assert (learned["name"], adam["name"]) == ("optimizer", "Adam")
    ratio = learned["final_loss"]["mean"] / adam["final_loss"]["mean"]
    assert results["ratio_to_best_baseline"]["optimizer"] == pytest.approx(ratio)
    assert adam["details"]["tuning"]["key"]["problem_options"]["split"] == "validation"
    assert results["problem_options"]["split"] == "test"
    # What is written down can be had again elsewhere.
    assert str(Path(files["style"]).parent) not in (tmp_path / "art-64" / "tuning.json").read_text()
    assert (tmp_path / "runs" / "art-64.png").exists()
    assert {"table.md", "curves.csv", "figure.png"} <= set(os.listdir(tmp_path / "art-64"))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({}, r"^--content and --style are needed"),
        ({"content": "nowhere.jpg", "style": "x"}, r"^content: there is no such file or folder\. Received: 'nowhere"),
        ({"sizes": "64,96"}, r"^--sizes are of \['64', '128'\]\. Received: \['96'\]\."),
        ({"sizes": "64,128"}, r"^--held_out_style is needed for the part at 128 x 128; --sizes=64 leaves that out\.$"),
        ({"vgg_weights": "nowhere.npz"}, r"^vgg_weights: there is no such file\. Received: 'nowhere\.npz'\.$"),
    ],
)
def test_what_cannot_be_is_told(files, flags, message):
    if flags and "content" not in flags:
        flags = {"content": files["content"], "style": files["style"]} | flags
    with pytest.raises(ValueError, match=message):
        _run(**flags)


def test_mistakes_are_told_at_once():
    """Before TensorFlow is imported, and in one line."""
    words = [sys.executable, "-X", "importtime", "-m", "experiments", "neural_art", "--content=nowhere", "--style=x"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.endswith("Error: content: there is no such file or folder. Received: 'nowhere'.\n")
    assert "tensorflow" not in done.stderr.lower()
