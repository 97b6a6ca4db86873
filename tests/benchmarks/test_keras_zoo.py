"""The zoo that judges rules: its runs against Keras's own loop, what it keeps, and what it makes of that."""

import json
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from benchmarks.keras_zoo import __main__ as command
from benchmarks.keras_zoo import catalogue, contenders, judgement, table
from benchmarks.keras_zoo.racer import Prepared, Racer
from benchmarks.keras_zoo.records import FILE, START, Records
from benchmarks.keras_zoo.task import PARTS, Data, Task, squared_error, supervised

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=[50, 3]).astype(np.float32)
Y = (X**2).sum(1)


def _model():
    return keras.Sequential([keras.Input((3,)), layers.Dense(4), layers.BatchNormalization(), layers.Dense(1)])


def _data(data_dir=None):
    return Data((X[:40], Y[:40]), (X[40:], Y[40:]))


TASK = Task("a toy", "choose", lambda: [_model()], _data, supervised(squared_error), 8)
PREPARED = Prepared(TASK, _data())


def _by_hand(seed, steps, optimizer):
    """The losses of a plain loop."""
    keras.utils.set_random_seed(seed)
    model = _model()
    losses = []
    for t in range(steps):
        rows = tf.random.stateless_uniform([8], [seed, t], 0, 40, tf.int32).numpy()
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(X[rows], training=True)[:, 0] - Y[rows]) ** 2)
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        losses.append(float(loss))
    return losses, float(tf.reduce_mean((model(X[40:])[:, 0] - Y[40:]) ** 2))


def _decaying(rate, steps):
    return keras.optimizers.schedules.CosineDecay(rate, steps)


def test_runs_are_those_of_a_plain_loop_with_keras_optimizers_and_schedules():
    adam, sgd = contenders.baselines()
    expected = {
        adam.runs[0]: keras.optimizers.Adam(),
        adam.runs[5]: keras.optimizers.Adam(_decaying(adam.runs[5].rate, 6)),
        sgd.runs[3]: keras.optimizers.SGD(_decaying(sgd.runs[3].rate, 6), momentum=0.9),
    }
    for family in (adam, sgd):
        racer = Racer(PREPARED, family.make)
        for run in family.runs:
            if run not in expected:
                continue
            family.start(run, 6)
            racer.run(0, 6)  # Leaves nothing behind.
            losses, held_out, own = racer.run(1, 6)
            assert own is None
            by_hand, held_out_by_hand = _by_hand(1, 6, expected[run])
            np.testing.assert_allclose(losses, by_hand, rtol=2e-4)
            assert held_out == pytest.approx(held_out_by_hand, rel=2e-4)


def test_a_rule_runs_and_is_known_by_its_weights():
    family = contenders.rule("mnist_adafactor", told=False, steps=10)
    (run,) = family.runs
    assert (run.optimizer, run.rate, len(run.version)) == ("mnist_adafactor", None, 8)
    assert run.version != contenders.rule("mnist", told=False, steps=10).runs[0].version
    losses = Racer(PREPARED, family.make).run(0, 40).losses
    assert losses[-5:].mean() < losses[:5].mean()


def test_a_rule_that_is_told_how_long_the_run_is_ends_with_smaller_steps():
    family = contenders.rule("mnist_adafactor", told=True, steps=10)
    racer = Racer(PREPARED, family.make)
    curves = []
    for run in (*family.runs, family.runs[0]):
        family.start(run, 20)
        curves.append(racer.run(0, 20).losses)
    untold, told, again = curves
    assert [run.optimizer for run in family.runs] == ["mnist_adafactor", "mnist_adafactor, told"]
    np.testing.assert_array_equal(untold, again)
    np.testing.assert_allclose(told[:15], untold[:15], rtol=1e-5)  # Updates are smaller from the 15th on.
    assert not np.allclose(told[17:], untold[17:], rtol=1e-3)


def test_two_models_are_trained_each_on_its_own_loss():
    def build():
        return [keras.Sequential([keras.Input((3,)), layers.Dense(1, use_bias=False)]) for _ in range(2)]

    def losses(models, batch, noise, training):
        first, second = (tf.reduce_mean(model(batch[0])) for model in models)
        return [tf.square(first - 1), tf.square(second - tf.stop_gradient(first))]

    def measure(models, batch, noise):
        return models[1].trainable_variables[0][0, 0]

    pair = Task("a pair", "choose", build, _data, losses, None, measure=measure)
    family = contenders.baselines()[1]
    racer = Racer(Prepared(pair, _data()), family.make)
    family.start(contenders.Run("SGD cosine", 0.1), 2)
    keras.utils.set_random_seed(0)
    first, second = (model.get_weights()[0].astype(np.float64) for model in build())
    mean = X[:40].mean(0, dtype=np.float64)[:, None]
    found = racer.run(0, 2)
    gradient = 2 * (mean.T @ second - mean.T @ first) * mean
    np.testing.assert_allclose(found.losses, [second[0, 0], (second - 0.1 * gradient)[0, 0]], rtol=1e-4)
    at_start = [(mean.T @ first - 1).item() ** 2, (mean.T @ (second - first)).item() ** 2]
    np.testing.assert_allclose(found.own[0], at_start, rtol=1e-4)
    assert found.own.shape == (2, 2)


def test_what_each_of_several_models_minimises_is_kept_and_shown(tmp_path):
    records = Records(tmp_path)
    own = np.stack([np.arange(20.0), np.full(20, 2.0)], 1)
    for seed in range(2):
        key = {"model": "a", "optimizer": "rule", "version": "1", "rate": None, "seed": seed, "steps": 20}
        record = records.add(np.arange(20.0), None, own + seed, **key)
    assert (record["own"], record["own_largest"]) == ([19.5, 3.0], [20.0, 3.0])
    (_, _, row) = table.several(records.lines, {"Adam": 0.001, "rule": None}).splitlines()
    assert [cell.strip() for cell in row.strip("|").split("|")] == ["rule", "19, 2.5", "20, 3"]


def test_what_was_run_is_found_again_and_a_line_that_was_cut_is_not(tmp_path):
    key = {"model": "a", "optimizer": "Adam", "version": None, "rate": 0.001, "seed": 0, "steps": 20}
    records = Records(tmp_path)
    record = records.add(np.arange(20.0), 3.0, **key)
    assert (record["loss"], record["held_out"]) == (18.5, 3.0)
    assert records.add(np.full(20, np.nan), None, **{**key, "seed": 1}) == {
        **key,
        "seed": 1,
        "loss": None,
        "curve": [None] * 20,
    }
    with open(tmp_path / FILE, "a") as file:
        file.write('{"model": "a", "opt')
    again = Records(tmp_path)
    assert again.lines == records.lines
    assert again.has(**key) and not again.has(**{**key, "steps": 21})
    (tmp_path / FILE).write_text("[]\n")
    with pytest.raises(ValueError, match=r"remove what is not\. Received: line 1\."):
        Records(tmp_path)


def _lines(model, losses, start=10.0):
    """Records of one seed: optimizer and rate to its loss, both for training and held out."""
    found = [{"optimizer": START, "rate": None, "version": None, "steps": 0, "loss": start, "held_out": start}]
    for (optimizer, rate), loss in losses.items():
        version = "v" if optimizer == "rule" else None
        found.append(
            {"optimizer": optimizer, "rate": rate, "version": version, "steps": 5, "loss": loss, "held_out": loss}
        )
    return [{**line, "model": model, "seed": 0} for line in found]


def _losses(adam, cosine, sgd, rule):
    rates = {("Adam cosine", 0.1): cosine, ("Adam cosine", 0.2): cosine + 1, ("Adam cosine", 0.3): None}
    return {("Adam", 0.001): adam, **rates, ("SGD cosine", 0.1): sgd, ("rule", None): rule}


VERSIONS = {"Adam": None, "Adam cosine": None, "SGD cosine": None, "rule": "v"}


def test_shares_and_normalised_losses():
    lines = [
        *_lines("first", _losses(4.0, 2.0, 3.0, 2.0)),
        *_lines("second", _losses(4.0, 2.0, 3.0, 3.6)),
        *_lines("third", _losses(4.0, 2.0, 3.0, 12.0)),
        *_lines("fourth", _losses(4.0, 2.0, None, None)),
        *_lines("unfinished", {("Adam", 0.001): 1.0}),
    ]
    rows, unfinished = judgement.rows(lines, 5, 1, VERSIONS, "loss")
    assert unfinished == ["unfinished"]
    assert [row.normalised("rule") for row in rows] == [0, pytest.approx(0.2), 1.25, math.inf]
    assert rows[0].rates["Adam cosine"] == 0.1
    found = judgement.score(rows, "rule")
    assert found[:5] == (4, 2, 1, 1, 2)
    assert found.mean == pytest.approx((0 + 0.2 + 1 + 1) / 4)
    assert "**2**" in table.models(rows, ["rule"], dict.fromkeys(("first", "second", "third", "fourth"), "a model"))


def test_another_version_of_a_rule_does_not_count_nor_does_a_model_without_held_out_data():
    lines = _lines("first", _losses(4.0, 2.0, 3.0, 2.0))
    assert judgement.rows(lines, 5, 1, {**VERSIONS, "rule": "w"}, "loss") == ([], ["first"])
    without = [{key: value for key, value in line.items() if key != "held_out"} for line in lines]
    assert judgement.rows(without, 5, 1, VERSIONS, "held_out") == ([], [])
    assert len(judgement.rows(without, 5, 1, VERSIONS, "loss")[0]) == 1


def test_the_models_are_of_many_kinds_and_cut_in_halves():
    parts = [task.part for task in catalogue.TASKS.values()]
    assert len({task.kind for task in catalogue.TASKS.values()}) == len(parts) >= 16
    assert [parts.count(part) for part in PARTS] == [len(parts) / 2] * 2
    assert catalogue.of_part("all") == {**catalogue.of_part("choose"), **catalogue.of_part("report")}


def test_the_command_goes_on_where_it_was(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(tf.config.threading, "set_intra_op_parallelism_threads", lambda number: None)
    monkeypatch.setattr(tf.config.threading, "set_inter_op_parallelism_threads", lambda number: None)
    arguments = ["--rules", "mnist_adafactor", "--models", "rosenbrock", "--steps=3", "--seeds=1"]
    command.main([*arguments, f"--output={tmp_path}"])
    lines = (tmp_path / FILE).read_text()
    assert len(lines.splitlines()) == 1 + 17 + 1
    (tmp_path / FILE).write_text(lines[: lines.rindex("{")])
    capsys.readouterr()
    command.main([*arguments, f"--output={tmp_path}"])
    assert capsys.readouterr().out.startswith("rosenbrock, mnist_adafactor, seed 0: ")
    figures = json.loads((tmp_path / "all-3.json").read_text())
    assert figures["loss"]["scores"]["mnist_adafactor"]["models"] == 1
    assert figures["held_out"]["models"] == {}
    for wrong, message in {
        "--models none": "Error: The models of this part are ",
        "--rules none": "Error: A learned optimizer is a pretrained name",
        "--rules mnist mnist": "Error: Rules have names of their own, those of their folders. Received twice: mnist.",
    }.items():
        with pytest.raises(SystemExit, match=message):
            command.main([*arguments, f"--output={tmp_path}", *wrong.split()])
