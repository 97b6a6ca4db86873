"""A file that came from somewhere else runs no code: a canary in each place that a reader could import from."""

import base64
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

import l2l_tf
import problems
from experiments.analysis import outer_gradients
from experiments.shared import contenders
from l2l_tf import LearnedOptimizer, networks
from l2l_tf.commands import command_line, evaluate, train
from l2l_tf.deployment import keras_serialization
from l2l_tf.evaluation.tuning_cache import TuningCache
from l2l_tf.saving import saved_optimizer
from l2l_tf.training import checkpoint
from l2l_tf.training.loop import Training
from l2l_tf.unrolling.coordinates import AssignedNetworks
from problems import trust
from tests.commands.in_process import flags_of
from tests.training.training_cases import CONFIG

ROOT = Path(__file__).parents[2]
CODE = "canary_of_trust:problem"
CANARY = """
import pathlib
pathlib.Path(__file__).with_name("sang").write_text("")
import problems
def problem(**options):
    return problems.get("quadratic", batch_size=2, num_dims=3)
"""

NAMED = {
    "itself": (CODE, {}),
    "with options": ("os:system", {"command": "touch sang"}),
    "in an ensemble": ("ensemble", {"problems": [{"name": "simple"}, {"name": CODE}]}),
    "scaled": ("scaled", {"problem": {"name": CODE, "options": {}}}),
    "deep inside": (
        "scaled",
        {"problem": {"name": "ensemble", "options": {"problems": [{"name": "scaled", "options": {"problem": {
            "name": CODE}}}]}}},
    ),
    "with more than a description has": ("scaled", {"problem": {"name": CODE, "options": {}, "more": 1}}),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An optimizer whose folder, the working directory too, has a module that leaves a trace when it is imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "canary_of_trust.py").write_text(CANARY)
    yield tmp_path
    sang = (tmp_path / "sang").exists()
    sys.modules.pop("canary_of_trust", None)
    assert not sang, "What a file named was imported."


def save(folder, problem, options):
    network = AssignedNetworks({"cw": networks.get("CoordinateWiseDeepLSTM", layers=[4], scale=0.1)})
    training = {**CONFIG.to_json(), "problem": problem, "problem_options": options}
    metadata = {"problem": problem, "problem_options": options, "training": training}
    saved_optimizer.save(network, folder, metadata)


class Stop(Exception):  # noqa: N818
    """Where a command would import TensorFlow: from there on it does what was asked for."""


def stop(*_):
    raise Stop


@pytest.mark.parametrize("problem", NAMED)
def test_evaluating_imports_nothing_that_the_folder_names(folder, problem):
    save(folder, *NAMED[problem])
    message = r"say so \(--problem=NAME or --trust\)\. Received: '.*:"
    with flags_of(evaluate, f"--path={folder}"), pytest.raises(trust.UntrustedProblemError, match=message):
        evaluate.request_from_flags()
    # Named by the user, it is another matter; what the folder names is not looked at.
    with flags_of(evaluate, f"--path={folder}", "--problem=simple"):
        assert evaluate.request_from_flags().problem == "simple"


@pytest.mark.parametrize("name", ["canary_of_trust", CODE.replace(":", ".")])
def test_a_name_that_is_no_code_and_not_in_the_catalogue_is_refused(folder, name):
    for problem, options in ((name, {}), ("taskset", {"config": {"family": CODE}}), ("scaled", {"problem": CODE})):
        save(folder, problem, options)
        with flags_of(evaluate, f"--path={folder}"), pytest.raises(ValueError, match="Received: "):
            evaluate.request_from_flags()


@pytest.mark.parametrize("problem", NAMED)
def test_outer_gradients_import_nothing_that_the_folder_names(folder, problem):
    save(folder, *NAMED[problem])
    message = r"say so \(--trust\)\. Received: '.*:"
    with flags_of(outer_gradients, f"--optimizer={folder}"), pytest.raises(trust.UntrustedProblemError, match=message):
        outer_gradients.main()


def test_a_command_says_so_in_one_line(folder):
    save(folder, *NAMED["with options"])
    command = [sys.executable, ROOT / "evaluate.py", f"--path={folder}"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    page = (ROOT / "docs" / "safety.md").read_text()
    assert f"```\n{done.stderr.replace(str(folder), 'runs/theirs')}```\n" in page


READERS = {
    "load": l2l_tf.load,
    "LearnedOptimizer": LearnedOptimizer,
    "export": lambda folder: l2l_tf.export_saved_model(folder, folder / "export"),
    "net_path": lambda folder: l2l_tf.MetaOptimizer(
        cw={"net": "CoordinateWiseDeepLSTM", "net_options": {"layers": [4]}, "net_path": str(folder)}
    ),
    "experiments": lambda folder: contenders.optimizers([str(folder)]),
    "start_from": lambda folder: Training(
        CONFIG.__class__(**{**CONFIG.to_json(), "start_from": str(folder)}), folder / "further"
    ),
}


@pytest.mark.parametrize("reader", READERS)
def test_readers_of_weights_do_not_ask_what_they_were_trained_on(folder, reader):
    save(folder, *NAMED["itself"])
    READERS[reader](folder)


def test_training_further_takes_the_networks_and_not_the_problem(folder):
    save(folder, *NAMED["itself"])
    with flags_of(train, f"--start_from={folder}", f"--save_path={folder / 'further'}"):
        assert train.config_from_flags().problem == "simple"


@pytest.mark.parametrize(
    "entry",
    [
        {"net": CODE},
        {"net_options": {"layers": [4], "initializer": CODE}},
        {"net_options": {"layers": [4], "initializer": {"linear": {"w": CODE}}}},
        {"net_options": {"layers": [4], "initializer": {"linear": {"w": {
            "module": "canary_of_trust", "class_name": "problem", "config": {}, "registered_name": None}}}}},
        {"net_options": {"layers": [4], "preprocess_name": CODE}},
        {"net_options": {"layers": [4], "dtype": CODE}},
    ],
    ids=str,
)  # fmt: skip
def test_networks_are_those_of_the_catalogue(folder, entry):
    save(folder, "simple", {})
    config = json.loads((folder / "config.json").read_text())
    del config["sha256"]
    config["networks"]["cw"] |= entry
    (folder / "config.json").write_text(json.dumps({**config, "format_version": 1}))
    with pytest.raises(saved_optimizer.SavedOptimizerError, match="The network 'cw' saved at"):
        saved_optimizer.load(folder)
    weights = io.BytesIO()
    np.savez(weights, w=np.zeros(3))
    whole = {**config["networks"]["cw"], "weights": base64.b64encode(weights.getvalue()).decode()}
    with pytest.raises(ValueError, match=r"\w"):
        keras_serialization.from_config({"networks": {"cw": whole}, "net_assignments": [["cw", ["*"]]]})


def test_a_resumed_run_imports_what_the_command_line_names_and_not_what_the_checkpoint_does(folder, monkeypatch):
    """A checkpoint is compared, and nothing of it is built before it is found to be of the same run."""
    arrays = {"phi/0": np.zeros(3)}
    config = {**CONFIG.to_json(), "problem": CODE}
    checkpoint.write(folder, arrays, {"config": config, "epoch": 1})
    monkeypatch.setattr(command_line, "import_tensorflow", stop)
    for words in ([], ["--learning_rate_trials=1"]):
        flags = flags_of(train, "--problem=simple", "--resume", f"--save_path={folder}", *words)
        message = f"begun with other settings.* problem: '{CODE}' there, 'simple' here"
        with flags, pytest.raises(ValueError, match=message):
            train.main()
    with pytest.raises(ValueError, match="begun with other settings"):
        Training(CONFIG, folder, resume=True)


def test_a_tuning_cache_is_compared_and_not_built_from(folder):
    cache = TuningCache(folder / "tuning.json")
    cache.add({"key": {"problem": CODE, "optimizer": CODE}, "learning_rate": 0.1})
    assert TuningCache(folder / "tuning.json").find({"problem": "simple"}) is None


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras 3.15 with NumPy 2
def test_a_keras_file_names_networks_of_the_catalogue(folder):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(LearnedOptimizer(networks.get("Sgd")), "mse")
    model.save(folder / "good.keras")
    for change in (
        lambda optimizer: optimizer["source"]["networks"]["network"].update(net=CODE),
        lambda optimizer: optimizer["source"].pop("networks"),
        lambda optimizer: optimizer["source"]["networks"]["network"].update(weights="AAAA"),
        lambda optimizer: optimizer["source"]["networks"]["network"].update(weights=5),
        lambda optimizer: optimizer.update(learning_rate={
            "module": "canary_of_trust", "class_name": "problem", "config": {}, "registered_name": None}),
    ):  # fmt: skip
        with zipfile.ZipFile(folder / "good.keras") as good, zipfile.ZipFile(folder / "bad.keras", "w") as bad:
            for name in good.namelist():
                data = good.read(name)
                if name == "config.json":
                    config = json.loads(data)
                    change(config["compile_config"]["optimizer"]["config"])
                    data = json.dumps(config).encode()
                bad.writestr(name, data)
        with pytest.raises((ValueError, TypeError)):
            keras.models.load_model(folder / "bad.keras")


def test_what_a_file_says_of_data_is_of_another_machine(folder):
    """Neither a folder to read from nor leave to download, at any depth; TFDS imports what a data folder names."""
    where = {"data_dir": "/elsewhere", "download": True}
    inner = {"name": "mnist", "options": {"layers": [3], **where}}
    options = {"problems": [inner, {"name": "scaled", "options": {"problem": inner, **where}}], **where}
    name, kept = trust.from_file("ensemble", options, "a file")
    bare = {"name": "mnist", "options": {"layers": [3]}}
    assert (name, kept) == ("ensemble", {"problems": [bare, {"name": "scaled", "options": {"problem": bare}}]})


@pytest.mark.parametrize(("name", "options"), [(5, {}), (None, {}), ("simple", []), ("simple", None)])
def test_no_name_and_no_options(name, options):
    with pytest.raises(ValueError, match=r"^'a file' names a problem by a text, and its options by their names\."):
        trust.from_file(name, options, "a file")


def test_a_trusted_folder_names_code_and_the_canary_sings(folder):
    save(folder, CODE, {"a": 1})
    with flags_of(evaluate, f"--path={folder}", "--trust"):
        request = evaluate.request_from_flags()
    assert (request.problem, request.options) == (CODE, {"a": 1})
    assert not (folder / "sang").exists()
    problems.get(request.problem, **request.options)
    (folder / "sang").unlink()


def test_nesting_without_end_is_no_way_around():
    options = {"problem": {"name": CODE}}
    for _ in range(10_000):
        options = {"problem": {"name": "scaled", "options": options}}
    assert trust.named_code("scaled", options) == [CODE]
