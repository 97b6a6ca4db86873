"""The meta-training loop: resuming, validation, early stopping, divergence."""

import dataclasses
import os
import signal

import numpy as np
import pytest
import tensorflow as tf

import problems
from l2l_tf import networks
from l2l_tf.deployment import export_folder
from l2l_tf.evaluation.evaluator import Evaluator
from l2l_tf.saving import saved_optimizer
from l2l_tf.training import checkpoint, learning_rate_search, step
from l2l_tf.training.events import Epoch, Validation
from l2l_tf.training.loop import Training
from l2l_tf.training.run_folder import LAST
from l2l_tf.unrolling import seeds
from tests.training.training_cases import CONFIG


class HaltError(Exception):
    """What a test stops a run with."""


def halt_after(epochs):
    def report(event):
        if isinstance(event, Epoch) and event.epoch == epochs:
            raise HaltError

    return report


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    events = []
    training = Training(CONFIG, folder)
    outcome = training.run(events.append)
    return folder, training, outcome, events


def assert_same_checkpoints(left, right):
    (left_arrays, left_facts), (right_arrays, right_facts) = checkpoint.read(left), checkpoint.read(right)
    assert left_facts == right_facts
    assert left_arrays.keys() == right_arrays.keys()
    for name, array in left_arrays.items():
        np.testing.assert_array_equal(array, right_arrays[name], err_msg=name)


def test_a_run_reports_epochs_and_validations(undisturbed):
    _, _, outcome, events = undisturbed
    assert [event.epoch for event in events if isinstance(event, Epoch)] == [1, 2, 3, 4]
    validations = [event for event in events if isinstance(event, Validation)]
    assert [validation.epoch for validation in validations] == [2, 4]
    assert outcome.reason == "finished"
    assert outcome.best.final_loss == min(validation.final_loss for validation in validations)


def test_a_resumed_run_ends_bit_for_bit_as_the_undisturbed_one(undisturbed, tmp_path):
    with pytest.raises(HaltError):
        Training(CONFIG, tmp_path).run(halt_after(3))
    resumed = Training(CONFIG, tmp_path, resume=True)
    assert resumed.epoch == 2
    resumed.run()
    assert_same_checkpoints(undisturbed[0], tmp_path)


def test_training_again_gives_the_same_weights_and_another_seed_others(undisturbed, tmp_path):
    Training(CONFIG, tmp_path / "again").run()
    assert_same_checkpoints(undisturbed[0], tmp_path / "again")
    Training(dataclasses.replace(CONFIG, seed=1), tmp_path / "other").run()
    ours, theirs = checkpoint.read(undisturbed[0])[0], checkpoint.read(tmp_path / "other")[0]
    assert not np.array_equal(ours["phi/0"], theirs["phi/0"])


def test_evaluation_in_training_and_of_the_reloaded_folder_agree(undisturbed):
    folder, training, _, _ = undisturbed
    seed = seeds.fold(seeds.root(CONFIG.seed), seeds.Purpose.EVALUATION)
    problem = problems.get(CONFIG.problem, **CONFIG.problem_options)
    reloaded = Evaluator(problem, saved_optimizer.load(folder), CONFIG.num_steps)(seed, 3)
    np.testing.assert_allclose(reloaded.losses, training.evaluate(3).losses, rtol=1e-6)


def test_the_best_and_the_last_optimizer_are_kept_apart(undisturbed):
    folder, training, outcome, _ = undisturbed
    best, last = (saved_optimizer.load(path) for path in (folder, folder / "last"))
    for i, variable in enumerate(last.trainable_variables):
        # The average of phi is what is deployed.
        np.testing.assert_array_equal(variable.numpy(), checkpoint.read(folder)[0][f"outer/average/{i}"])
    seed = seeds.fold(seeds.root(CONFIG.seed), seeds.Purpose.VALIDATION)
    curves = Evaluator(training.problem, best, CONFIG.num_steps)(seed, CONFIG.evaluation_epochs)
    assert np.mean(curves.final()) == pytest.approx(outcome.best.final_loss, rel=1e-6)


def test_patience_stops_early(tmp_path):
    # Steps this large only make phi worse.
    config = dataclasses.replace(
        CONFIG, learning_rate=5.0, average_decay=None, num_epochs=50, evaluation_period=1, patience=3
    )
    outcome = Training(config, tmp_path).run()
    assert outcome.reason == "stopped early"
    assert outcome.epochs == outcome.best.epoch + 3 < 50


def test_what_gets_much_worse_goes_on_from_the_best_weights(tmp_path):
    # Steps this large only make phi worse.
    config = dataclasses.replace(CONFIG, learning_rate=5.0, num_epochs=2, evaluation_period=1, rewind=1.01)
    training, rewound = Training(config, tmp_path), []
    training.run(lambda event: rewound.append(event.rewound) if isinstance(event, Validation) else None)
    assert rewound == [False, True]
    arrays, facts = checkpoint.read(tmp_path)
    assert facts["best"][:2] == [1, training.best.final_loss]
    for i in range(len(training.network.trainable_variables)):
        for name in (f"phi/{i}", f"outer/average/{i}"):
            np.testing.assert_array_equal(arrays[name], arrays[f"best/{i}"], err_msg=name)


def test_without_a_best_loss_there_is_nothing_to_go_back_to(tmp_path):
    training, rewound = Training(dataclasses.replace(CONFIG, rewind=1.0, average_decay=None), tmp_path), []
    for variable in training.network.trainable_variables:
        variable.assign(tf.fill(variable.shape, float("nan")))
    training.run(lambda event: rewound.append(event.rewound) if isinstance(event, Validation) else None)
    assert training.best is None
    assert rewound == [False, False]


def test_without_rewind_a_loss_that_is_not_finite_leaves_the_weights(tmp_path):
    training = Training(dataclasses.replace(CONFIG, average_decay=None), tmp_path)

    def spoil(event):
        if isinstance(event, Epoch) and event.epoch == CONFIG.num_epochs:
            for variable in training.network.trainable_variables:
                variable.assign(tf.fill(variable.shape, float("nan")))
        elif isinstance(event, Validation):
            assert not event.rewound

    training.run(spoil)
    assert training.best.epoch < CONFIG.num_epochs
    assert all(np.isnan(variable).all() for variable in training.network.trainable_variables)


@pytest.mark.parametrize("epoch", [1, 2])
def test_an_interrupt_waits_for_the_validation_that_is_due(undisturbed, tmp_path, epoch):
    training = Training(CONFIG, tmp_path)

    def interrupt(event):
        if event.epoch == epoch and isinstance(event, Epoch):
            os.kill(os.getpid(), signal.SIGINT)

    assert training.run(interrupt).reason == "interrupted"
    Training(CONFIG, tmp_path, resume=True).run()
    assert checkpoint.read(tmp_path)[1] == checkpoint.read(undisturbed[0])[1]


def test_a_run_that_stopped_early_is_not_trained_on(tmp_path):
    config = dataclasses.replace(
        CONFIG, learning_rate=5.0, average_decay=None, num_epochs=50, evaluation_period=1, patience=1
    )
    ended = Training(config, tmp_path).run()
    assert Training(config, tmp_path, resume=True).run() == ended


def test_several_optimizees_average_their_outer_gradients(tmp_path):
    training = Training(dataclasses.replace(CONFIG, optimizees_per_step=3), tmp_path)
    minimize = training._minimize
    minimize.reset(4)
    gradients = [minimize._estimator(run, run.seed).gradients for run in minimize._runs]
    _, outer = minimize.detailed_step()
    mean = [np.mean(g, 0) for g in zip(*gradients)]
    norm = np.sqrt(sum(np.sum(np.square(g)) for g in mean))
    assert float(outer.gradient_norm) == pytest.approx(norm, rel=1e-5)


def test_estimates_that_write_are_made_one_by_one(monkeypatch, tmp_path):
    def no_threads(max_workers):
        raise AssertionError(f"{max_workers} threads make estimates that share the weights of their members.")

    monkeypatch.setattr(step, "ThreadPoolExecutor", no_threads)
    config = dataclasses.replace(CONFIG, estimator="reparameterization", perturbations=1, optimizees_per_step=2)
    minimize = Training(config, tmp_path)._minimize
    minimize.reset(4)
    assert [np.isfinite(minimize.step().loss) for _ in range(2)] == [True, True]


def test_several_optimizees_side_by_side_give_what_they_give_one_by_one(monkeypatch, tmp_path):
    def weights_after_steps(folder):
        minimize = Training(dataclasses.replace(CONFIG, optimizees_per_step=5), folder)._minimize
        minimize.reset(4)
        for _ in range(3):
            minimize.step()
        return [variable.numpy() for variable in minimize._network.trainable_variables]

    class OneByOne:
        def __init__(self, max_workers):
            assert max_workers > 1

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        map = staticmethod(map)

    side_by_side = weights_after_steps(tmp_path / "side_by_side")
    monkeypatch.setattr(step, "ThreadPoolExecutor", OneByOne)
    for got, expected in zip(side_by_side, weights_after_steps(tmp_path / "one_by_one"), strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(("given", "expected"), [({}, 0), ({"function_axis": None}, None)])
def test_the_problem_says_which_axis_counts_functions(given, expected, tmp_path):
    net = {"net": "ntm-bfgs", "net_options": {"layers": [3], "global_cells": 1, **given}}
    training = Training(
        dataclasses.replace(
            CONFIG, networks={"ntm": net, **CONFIG.networks}, net_assignments=[["ntm", ["x"]], ["cw", ["x"]]]
        ),
        tmp_path,
    )
    assert training.network.networks["ntm"].options["function_axis"] == expected


def test_a_run_that_is_older_than_a_setting_had_its_default():
    older = CONFIG.to_json()
    del older["estimator"]
    assert CONFIG.differences(older) == []
    message = "estimator: 'backpropagation' there, 'es' here"
    assert dataclasses.replace(CONFIG, estimator="es").differences(older) == [message]


def test_of_several_optimizees_those_that_are_finite_count(tmp_path):
    training = Training(dataclasses.replace(CONFIG, optimizees_per_step=3), tmp_path)
    minimize = training._minimize
    minimize.reset(4)
    minimize._runs[1] = minimize._runs[1]._replace(parameters={"x": tf.fill([2, 3], float("nan"))})
    gradients = [minimize._estimator(minimize._runs[i], seeds.root(0)).gradients for i in (0, 2)]
    _, outer = minimize.detailed_step()
    norm = np.sqrt(sum(np.sum(np.square(np.mean(g, 0))) for g in zip(*gradients)))
    assert float(outer.gradient_norm) == pytest.approx(norm, rel=1e-5)
    assert (minimize.dropped_members, int(minimize.outer_optimizer.dropped)) == (1, 0)


def test_imitation_brings_the_updates_to_adams(tmp_path):
    """With imitation alone the meta-loss is the distance to Adam's updates, 1 where they have its size."""
    config = dataclasses.replace(
        CONFIG,
        imitation_share=1.0,
        num_epochs=40,
        evaluation_period=40,
        learning_rate=0.03,
        networks={"cw": {"net": "CoordinateWiseDeepLSTM", "net_options": {"layers": [4], "scale": 0.01}}},
    )
    events = []
    Training(config, tmp_path).run(events.append)
    first, last = (np.mean([e.meta_loss for e in part]) for part in (events[:4], events[-5:-1]))
    assert last < 0.5 * first < 5


def test_start_from_takes_the_weights_of_a_saved_optimizer(undisturbed, tmp_path):
    folder = undisturbed[0]
    training = Training(dataclasses.replace(CONFIG, start_from=str(folder), seed=1), tmp_path / "further")
    _, weights = saved_optimizer.read(folder)
    started = networks.weights_of(training.network.networks["cw"])
    assert started.keys() == weights["cw"].keys()
    for name, value in started.items():
        np.testing.assert_array_equal(value, weights["cw"][name])


def test_start_from_another_network(undisturbed, tmp_path):
    folder = undisturbed[0]
    others = {"other": {"net": "CoordinateWiseDeepLSTM", "net_options": {"layers": [5]}}}
    config = dataclasses.replace(CONFIG, start_from=str(folder), networks=others)
    with pytest.raises(saved_optimizer.SavedOptimizerError, match=r"holds the networks \['cw'\]. Received: 'other'."):
        Training(config, tmp_path / "another")
    with pytest.raises(saved_optimizer.SavedOptimizerError, match=r"The weights of 'cw' .* do not fit"):
        Training(dataclasses.replace(config, networks={"cw": others["other"]}), tmp_path / "misfit")


def test_what_is_validated_and_saved_is_the_average_of_the_weights(undisturbed, tmp_path):
    folder, training, _, events = undisturbed
    raw = [variable.numpy() for variable in training.network.trainable_variables]
    averages = [variable.numpy() for variable in training._outer_optimizer.averages]
    assert any(np.any(np.abs(a - r) > 1e-4) for a, r in zip(averages, raw))
    saved = saved_optimizer.load(folder / "last").trainable_variables
    for average, variable in zip(averages, saved, strict=True):
        np.testing.assert_array_equal(variable.numpy(), average)
    *_, validation = (event for event in events if isinstance(event, Validation))
    evaluator = Evaluator(training.problem, saved_optimizer.load(folder / "last"), CONFIG.num_steps)
    curves = evaluator(seeds.fold(seeds.root(CONFIG.seed), seeds.Purpose.VALIDATION), CONFIG.evaluation_epochs)
    assert validation.final_loss == pytest.approx(float(np.mean(curves.final())), rel=1e-6)


def test_gradients_dropped_before_a_stop_count_after_it(tmp_path):
    training = Training(CONFIG, tmp_path)
    for _ in range(5):
        training._count_dropped(finite=False)
    training.save()
    resumed = Training(CONFIG, tmp_path, resume=True)
    assert resumed._dropped_in_a_row == 5


def test_exports_keep_away_from_what_training_keeps():
    assert export_folder.OF_TRAINING == (LAST, learning_rate_search.FOLDER)
