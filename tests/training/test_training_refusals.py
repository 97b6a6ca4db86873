"""What training refuses: settings out of range, folders and checkpoints that are not its own, divergence."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from l2l_tf.training import checkpoint
from l2l_tf.training.checkpoint import CheckpointError
from l2l_tf.training.loop import Training, TrainingDivergedError
from tests.training.training_cases import CONFIG


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    training = Training(CONFIG, folder)
    training.run()
    return folder, training


def test_gradients_that_stay_infinite_end_the_run_and_keep_what_was_saved(tmp_path):
    training = Training(dataclasses.replace(CONFIG, num_epochs=100, evaluation_period=1000), tmp_path)
    training.save()
    before = checkpoint.read(tmp_path)
    for variable in training.network.trainable_variables:
        variable.assign(tf.fill(variable.shape, float("nan")))
    with pytest.raises(
        TrainingDivergedError, match=r"last 25 outer gradients were infinite or NaN.*Lower --learning_rate"
    ):
        training.run()
    np.testing.assert_array_equal(checkpoint.read(tmp_path)[0]["phi/0"], before[0]["phi/0"])


def test_a_folder_with_a_run_is_not_overwritten_by_accident(undisturbed):
    with pytest.raises(ValueError, match=r"holds an earlier run.*--resume.*--overwrite"):
        Training(CONFIG, undisturbed[0])


def test_resuming_with_other_settings_names_them(undisturbed):
    with pytest.raises(ValueError, match=r"other settings.*learning_rate: 0.01 there, 0.5 here$"):
        Training(dataclasses.replace(CONFIG, learning_rate=0.5), undisturbed[0], resume=True)


def test_resuming_without_a_checkpoint(tmp_path):
    with pytest.raises(CheckpointError, match=r"no checkpoint.npz in .* to resume from"):
        Training(CONFIG, tmp_path, resume=True)


def test_resuming_from_half_a_checkpoint(undisturbed, tmp_path):
    data = (undisturbed[0] / checkpoint.FILE).read_bytes()
    (tmp_path / checkpoint.FILE).write_bytes(data[: len(data) // 2])
    with pytest.raises(CheckpointError, match=r"is not a whole checkpoint \(\d+ bytes\)"):
        Training(CONFIG, tmp_path, resume=True)


@pytest.mark.parametrize("damage", [{"epoch": "two"}, {"config": []}, {"best": [1]}], ids=str)
def test_resuming_from_a_checkpoint_with_other_facts(undisturbed, tmp_path, damage):
    arrays, facts = checkpoint.read(undisturbed[0])
    checkpoint.write(tmp_path, arrays, {**facts, **damage})
    with pytest.raises(CheckpointError, match=r"train with --overwrite to begin anew"):
        Training(CONFIG, tmp_path, resume=True)


def test_resuming_from_a_checkpoint_without_weights(undisturbed, tmp_path):
    arrays, facts = checkpoint.read(undisturbed[0])
    del arrays["phi/0"]
    checkpoint.write(tmp_path, arrays, facts)
    with pytest.raises(CheckpointError, match=r"is not of this run: 'phi/0'"):
        Training(CONFIG, tmp_path, resume=True)


def test_networks_without_weights_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"None of the networks \['adam'\] has weights to learn"):
        Training(dataclasses.replace(CONFIG, networks={"adam": {"net": "Adam"}}), tmp_path)


def test_a_network_that_owns_nothing_cannot_learn(tmp_path):
    networks = {**CONFIG.networks, "adam": {"net": "Adam"}}
    with pytest.raises(ValueError, match=r"leave nothing to update to the networks \['cw'\]"):
        Training(dataclasses.replace(CONFIG, networks=networks, net_assignments=[["adam", ["*"]]]), tmp_path)


def test_a_validation_objective_needs_validation_data(tmp_path):
    message = r"objective='validation' needs .*\. The problem 'quadratic' has no validation data\."
    with pytest.raises(ValueError, match=message):
        Training(dataclasses.replace(CONFIG, objective="validation"), tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_steps": 7}, r"num_steps is a multiple of unroll_length. Received: num_steps=7, unroll_length=3"),
        ({"num_epochs": 0}, r"^num_epochs is a whole number of at least 1\. Received: num_epochs=0\."),
        ({"learning_rate": -1.0}, r"^learning_rate is a number above 0\. Received: learning_rate=-1\.0\."),
        ({"learning_rate": float("nan")}, r"^learning_rate is a number above 0\. Received: learning_rate=nan\."),
        ({"patience": 0}, r"^patience is a whole number of at least 1, or null\. Received: patience=0\."),
        ({"rewind": 0.9}, r"^rewind is a number of at least 1, or null\. Received: rewind=0\.9\."),
        ({"networks": {}}, "networks is empty"),
        ({"estimator": "guess"}, r"estimator is one of \['backpropagation', .*Received: estimator='guess'"),
        ({"objective": "test"}, r"objective is one of \['training', 'validation'\]. Received: objective='test'"),
        ({"perturbation_std": 0.0}, r"^perturbation_std is a number above 0\. Received: perturbation_std=0\.0\."),
        ({"estimator": "mix", "perturbations": 1}, "mix needs at least 2 perturbations"),
        (
            {"imitation_share": 1.5},
            r"^imitation_share is a number of at least 0 and at most 1\. Received: .*=1\.5\.",
        ),
        ({"random_scaling": -1.0}, r"^random_scaling is a number above 0, or null\. Received: random_scaling=-1\.0\."),
        ({"num_steps_curriculum": [3, 7]}, r"multiples of unroll_length. Received: num_steps_curriculum=\[3, 7\]"),
        ({"unroll_schedule": "longer"}, "unroll_schedule is one of"),
        (
            {"unroll_schedule": "increasing", "loss_weights": [1.0, 1.0, 1.0, 1.0]},
            "loss_weights as numbers fit one length .*'increasing'",
        ),
    ],
)
def test_configurations_out_of_range(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(CONFIG, **change)
