"""Rules beside Adam at 8 rates: figures by hand, and the problems and pictures of the experiments made of them."""

import numpy as np
import pytest
import tensorflow as tf

from experiments.shared import beside_adam
from experiments.shared.beside_adam import Measured
from experiments.shared.cells import FILE, Cells, version
from experiments.talk import implicit_regularisation, out_of_distribution, widths, zoo
from l2l_tf import networks, pretrained
from l2l_tf.evaluation import comparison
from problems import datasets
from problems.quadratic import Quadratic


def test_the_last_tenth():
    losses = np.arange(42.0).reshape(2, 21)
    losses[1, -1] = np.nan
    np.testing.assert_array_equal(beside_adam.last_tenth(losses), [19.5, np.inf])


def _measured(ours):
    adam = {0.001: np.array([3.0, 5.0]), 0.01: np.array([2.0, 2.0]), 0.1: np.array([1.0, np.inf])}
    return Measured({"rule": ours, "other": None}, adam, 6.0)


def test_ratios_are_to_adams_best_rate():
    found = _measured(np.array([1.0, 2.0]))
    assert (found.best_rate, found.ratio("rule"), found.ratio("other")) == (0.01, 0.75, None)
    assert [beside_adam.ratio(value) for value in (0.75, 1.5, np.inf, None)] == ["**0.75**", "1.50", "diverged", "-"]
    as_json = _measured(np.array([1.0, np.inf])).as_json()
    assert (as_json["rules"], as_json["ratios"]) == (
        {"rule": [1.0, None], "other": None},
        {"rule": None, "other": None},
    )


def test_losses_below_0_have_no_ratios_and_count_by_how_far_they_came_down():
    adam = {0.001: np.array([1.0]), 0.01: np.array([-2.0])}
    rules = {"twice": np.array([-10.0]), "half": np.array([2.0]), "up": np.array([6.5]), "gone": np.array([np.inf])}
    found = Measured({**rules, "other": None}, adam, 6.0)
    assert found.is_signed and not _measured(np.array([1.0, 2.0])).is_signed
    assert [found.ratio(name) for name in found.rules] == [0.5, 2.0, np.inf, np.inf, None]
    assert found.over_adam(adam[0.001]) == 8 / 5


def test_every_optimizer_has_the_same_draws_and_nothing_is_measured_twice(tmp_path):
    problem = Quadratic(batch_size=2, num_dims=3)
    folders = {"quadratic": pretrained.path("quadratic"), "cifar": pretrained.path("cifar")}
    arguments = {"folders": folders, "num_steps": 20, "num_draws": 2, "case": ["a", {"b": 1}], "rates": (0.001, 0.03)}
    found = beside_adam.measure(lambda: problem, cells=Cells(tmp_path), **arguments)
    with open(tmp_path / FILE, "a") as file:
        file.write('{"key": {"ca')  # A line that was being written when the process was killed.
    again = beside_adam.measure(lambda: pytest.fail("measured again"), cells=Cells(tmp_path), **arguments)
    assert again.as_json() == found.as_json()
    for rate, losses in found.adam.items():
        adam = comparison.classic("Adam", "Adam", rate)
        curves = comparison.run(problem, adam, 20, 2, beside_adam.EVALUATION_SEED).curves
        np.testing.assert_allclose(losses, curves.losses[:, -2:].mean(1), rtol=1e-5)
        assert found.start == pytest.approx(curves.losses[:, 0].mean())
    assert found.rules["cifar"] is None  # It names the parameters of a convolutional network.
    assert found.rules["quadratic"].shape == (2,)


def test_adam_goes_to_the_nearest_minimum_and_decay_to_the_origin():
    import keras

    starts = implicit_regularisation.grid(3)
    assert starts.shape == (9, 2) and {tuple(start) for start in starts} >= {(-1.5, 1.5), (0.0, 0.0)}
    path = implicit_regularisation.follow(keras.optimizers.Adam(0.1), starts, 200)
    found = implicit_regularisation.figures_of(path)
    assert (found["shrinkage"], found["norm"]) == (pytest.approx(0, abs=1e-3), pytest.approx(1, abs=1e-2))
    decaying = implicit_regularisation.follow(keras.optimizers.SGD(0.1, weight_decay=0.1), starts, 200)
    shrinkage = implicit_regularisation.figures_of(decaying)["shrinkage"]
    assert shrinkage == pytest.approx(1 - 0.99**200, abs=1e-3)  # Decay of 0.1 x 0.1 a step, before it.
    assert len(implicit_regularisation.figure({"Adam": path, "decay": decaying}).axes) == 2


@pytest.mark.parametrize("name", ["MNIST, 8 x 8", "MNIST, 28 x 28, convnet"])
def test_images_are_shrunk_by_areas_and_networks_fit_them(name, monkeypatch):
    images = tf.cast(tf.random.stateless_uniform([5_010, 32, 32, 3], [0, 0], 0, 256, tf.int32), tf.uint8)
    monkeypatch.setattr(datasets, "load", lambda *_: (images, tf.range(5_010) % 10))
    case = {name: case for cases in out_of_distribution.CASES.values() for name, case in cases.items()}[name]
    problem = out_of_distribution.problem(case._replace(side=8))
    found = problem._images(problem._split("train"), tf.range(10), None).numpy()
    areas = images[:10].numpy().astype(float).mean(3).reshape(10, 8, 4, 8, 4).mean((2, 4))
    np.testing.assert_allclose(found[..., 0], areas / 255, atol=0.51 / 255)
    parameters = problem.initial_parameters((), tf.constant([0, 1]))
    weights, biases = list(parameters.values())[:2]
    assert float(tf.math.reduce_std(weights)) == pytest.approx((2 / np.prod(weights.shape[:-1])) ** 0.5, rel=0.1)
    assert not np.any(biases) and np.isfinite(problem.loss(parameters, (), tf.constant([0, 2])))


def test_what_a_rule_was_trained_on_is_shaded():
    assert widths._trained_on(pretrained.path("mnist_adafactor")) == ([20, 20], [128, 128])
    assert widths._trained_on(pretrained.path("quadratic")) == (None, None)
    sizes = {size: _measured(np.array([1.0, 2.0])) for size in (1, 100)}
    plot = widths.figure({"width": sizes, "batch size": sizes}, {"width": [20, 20], "batch size": None})
    labels = [[line.get_label() for line in axes.get_lines()] for axes in plot.axes]
    assert all("rule" in names and "Adam, 0.01" in names for names in labels)
    assert "**0.75**" in widths.table("width", sizes)


def test_the_zoo_has_a_cell_for_every_rule_and_problem():
    measured = {"easy": _measured(np.array([1.0, 2.0])), "hard": _measured(np.array([1.0, np.inf]))}
    rows = zoo.table(measured).splitlines()
    assert [cell.strip() for cell in rows[-1].split("|")[1:-1]] == ["hard", "diverged", "-", "2.00"]
    texts = [text.get_text() for text in zoo.heat_map(measured, "").axes[0].texts]
    assert texts == ["0.75", "-", "2.00", "diverged", "-", "2.00"]
    assert networks.get("Adam", learning_rate=beside_adam.DEFAULT_RATE).learning_rate.numpy() == np.float32(0.001)


def test_cells_tell_rules_apart_by_their_weights(tmp_path):
    assert version(pretrained.path("mnist")) != version(pretrained.path("quadratic"))
    (tmp_path / FILE).write_text("{}\n")
    with pytest.raises(ValueError, match=r"remove what is not\. Received: line 1\."):
        Cells(tmp_path)
