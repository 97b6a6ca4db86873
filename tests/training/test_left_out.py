"""Draws that are not finite at theta_0: left out and counted, or named where there are no others. And huge losses."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import problems
from l2l_tf.saving import saved_optimizer
from l2l_tf.training import learning_rate_search
from l2l_tf.training.events import Epoch, Validation
from l2l_tf.training.left_out import ProblemNotFiniteError
from l2l_tf.training.loop import Training, TrainingDivergedError
from l2l_tf.training.progress import Progress
from l2l_tf.unrolling import seeds
from tests.training.training_cases import CONFIG

HERE = "tests.training.unsound_problems"


def config(problem, **changes):
    return dataclasses.replace(CONFIG, problem=f"{HERE}:{problem}", problem_options={}, **changes)


def unsound(purpose, *counters):
    """Whether the draw of `rare` that these seeds begin is NaN."""
    seed = seeds.fold(seeds.root(CONFIG.seed), purpose, *counters)
    _, one = problems.get(f"{HERE}:rare").sample(seeds.fold(seed, seeds.Purpose.PROBLEM))
    return bool(np.isnan(one))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder, events = tmp_path_factory.mktemp("rare"), []
    training = Training(config("rare", num_epochs=30, evaluation_period=10, evaluation_epochs=20), folder)
    training.run(events.append)
    return folder, training, events


def test_a_tenth_of_the_draws_is_left_out_and_the_rest_is_learned_from_and_saved(trained):
    folder, training, events = trained
    epochs = [event for event in events if isinstance(event, Epoch)]
    validations = [event for event in events if isinstance(event, Validation)]
    unsound_epochs = [i for i in range(30) if unsound(seeds.Purpose.TRAINING, i, 0)]
    unsound_validations = [i for i in range(20) if unsound(seeds.Purpose.VALIDATION, i)]
    assert unsound_epochs and unsound_validations
    assert [epoch.epoch - 1 for epoch in epochs if not epoch.counts] == unsound_epochs
    assert epochs[-1].left_out == len(unsound_epochs)
    assert all(np.isfinite(epoch.final_loss) for epoch in epochs if epoch.counts)
    assert [validation.left_out for validation in validations] == [len(unsound_validations)] * 3
    assert all(np.isfinite(validation.final_loss) for validation in validations)
    assert training.best is not None
    assert saved_optimizer.read(folder)[0]["metadata"]["best"]["final_loss"] == training.best.final_loss


def test_a_validation_is_the_mean_of_the_others(trained):
    _, training, events = trained
    sound = [i for i in range(20) if not unsound(seeds.Purpose.VALIDATION, i)]
    last = [event for event in events if isinstance(event, Validation)][-1]
    with training._weights(training._deployed()):
        curves = training._evaluator(seeds.fold(seeds.root(0), seeds.Purpose.VALIDATION), 20)
    assert last.final_loss == pytest.approx(float(np.mean(curves.final()[sound])), rel=1e-6)
    assert all(faults[0] == "the loss" for faults in curves.faults.values())


def test_a_resumed_run_counts_on(trained):
    folder, training, _ = trained
    again = Training(training.config, folder, resume=True)
    assert again._left_out.count == training._left_out.count > 0


def test_lines_say_how_many(trained, capsys):
    _, _, events = trained
    progress = Progress(30, 30)
    for event in events:
        progress(event)
    progress.close()
    lines = capsys.readouterr().out.splitlines()
    left_out = next(event for event in reversed(events) if isinstance(event, Epoch)).left_out
    validated = next(event for event in events if isinstance(event, Validation)).left_out
    assert any(f", {left_out} draws left out (not finite at theta_0)" in line for line in lines)
    assert any(line.startswith("Log Mean Final Error: ") for line in lines)
    assert sum(f"({validated} draws left out, not finite at theta_0)" in line for line in lines) == 3


def test_of_several_runs_the_sound_ones_are_learned_from(tmp_path):
    training, events = Training(config("rare", optimizees_per_step=4, num_epochs=6), tmp_path), []
    training.run(events.append)
    count = sum(unsound(seeds.Purpose.TRAINING, i, j) for i in range(6) for j in range(4))
    epochs = [event for event in events if isinstance(event, Epoch)]
    assert count and epochs[-1].left_out == count
    assert all(np.isfinite([e.final_loss, e.meta_loss]).all() and e.counts for e in epochs)
    assert epochs[-1].dropped == 0


@pytest.mark.parametrize(
    ("problem", "what"),
    [
        ("group_lasso", r"the gradient for 'group' \(in 2 of 2 entries\)"),
        ("infinite_start", r"the parameter 'x' \(in 2 of 2 entries\), the loss, the gradient for 'x'"),
    ],
)
def test_a_problem_that_is_finite_nowhere_where_it_starts_is_named_and_no_rate_blamed(problem, what, tmp_path):
    training = Training(config(problem, num_epochs=100), tmp_path)
    message = (
        rf"^The problem '{HERE}:{problem}' is not finite at theta_0, before any step, in 25 draws in a row, from epoch "
        rf"1 on: in the first of them {what}.*not the learning rate's"
    )
    with pytest.raises(ProblemNotFiniteError, match=message):
        training.run()


def test_a_search_of_rates_does_not_go_on_with_it(tmp_path):
    with pytest.raises(ProblemNotFiniteError):
        learning_rate_search.search(config("group_lasso", num_epochs=100), tmp_path, 3, 50)


def test_a_validation_without_a_finite_draw(tmp_path):
    training = Training(config("group_lasso"), tmp_path)
    with pytest.raises(ProblemNotFiniteError, match=r"in all 3 draws of the validation: .* the gradient for 'group'"):
        training._validate()


def test_divergence_is_still_told_as_such(tmp_path):
    training = Training(config("rare", num_epochs=100), tmp_path)
    for variable in training.network.trainable_variables:
        variable.assign(tf.fill(variable.shape, float("nan")))
    with pytest.raises(TrainingDivergedError, match=r"Lower --learning_rate"):
        training.run()
    assert training._left_out.count < 10


def test_the_logarithm_of_losses_below_zero_is_told_as_such(tmp_path):
    training = Training(config("below_zero", num_epochs=100, loss_transform="log"), tmp_path)
    with pytest.raises(TrainingDivergedError, match=r"Losses below 0 have no logarithm, here -\d+.*=identity\.$"):
        training.run()


@pytest.mark.parametrize(("estimator", "clip_norm"), [("backpropagation", None), ("es", 1.0)])
def test_a_loss_whose_outer_gradients_norm_overflows_is_learned_from(estimator, clip_norm, tmp_path):
    net = {
        "net": "CoordinateWiseDeepLSTM",
        "net_options": {"layers": [4], "scale": 0.1, "preprocess_name": "LogAndSign"},
    }
    net["net_options"]["preprocess_options"] = {"k": 5}
    changes = {"networks": {"cw": net}, "num_epochs": 20, "estimator": estimator, "clip_norm": clip_norm}
    training, events = Training(config("huge", **changes), tmp_path), []
    outcome = training.run(events.append)
    epochs = [event for event in events if isinstance(event, Epoch)]
    assert (epochs[-1].dropped, epochs[-1].left_out) == (0, 0)
    assert all(np.isfinite(epoch.gradient_norm) for epoch in epochs)
    assert max(epoch.gradient_norm for epoch in epochs) > 1.9e19  # The square is no float.
    assert outcome.best.final_loss < events[2].final_loss
