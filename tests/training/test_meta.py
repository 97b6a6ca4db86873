"""MetaOptimizer against the original code's golden numbers."""

import os
import sys

import numpy as np
import pytest
import tensorflow as tf

import l2l_tf
import problems
from l2l_tf.training.meta import MetaOptimizer

LINEAR = {"net": "CoordinateWiseDeepLSTM", "net_options": {"layers": (), "initializer": "zeros"}}


def test_two_steps_on_simple_give_the_original_codes_numbers():
    minimize = MetaOptimizer(net=LINEAR).meta_minimize(problems.get("simple"), 5)
    minimize.reset()
    for _ in range(2):
        step = minimize.step()
    assert float(step.fx) == pytest.approx(0.7325327, abs=5e-5)
    assert float(step.x[0]) == pytest.approx(0.8559, abs=5e-5)


def test_the_original_codes_convergence_test():
    minimize = MetaOptimizer(net=LINEAR).meta_minimize(problems.get("simple"), 20, learning_rate=1e-2)
    for _ in range(500):
        minimize.reset()
        for _ in range(5):
            step = minimize.step()
        if step.fx < 1e-5:
            break
    assert step.fx < 1e-5


def test_meta_loss_sums_the_losses_and_carries_on():
    def sgd():
        return MetaOptimizer(net={"net": "Sgd", "net_options": {"learning_rate": 0.25}})

    unroller = sgd().meta_loss(problems.get("simple"), 2)
    first, second = unroller.unroll(), unroller.unroll()
    # x halves in each step.
    assert float(first.loss) == pytest.approx(1 + 1 / 4 + 1 / 16)
    assert float(first.fx) == pytest.approx(1 / 16)
    assert [float(x) for x in second.x] == pytest.approx([1 / 16])
    assert float(second.loss) == pytest.approx(1 / 16 + 1 / 64 + 1 / 256)


def test_reset_draws_anew_without_a_seed_and_the_same_with_one():
    unroller = MetaOptimizer(net={"net": "Sgd"}).meta_loss(problems.get("quadratic", batch_size=2, num_dims=2), 1)

    def loss(seed=None):
        unroller.reset(seed)
        return float(unroller.unroll().loss)

    assert loss() != loss()
    assert loss(3) == loss(3)


def test_networks_on_parts_of_a_problem():
    optimizer = MetaOptimizer(cw=LINEAR, adam={"net": "Adam", "net_options": {"learning_rate": 0.1}})
    minimize = optimizer.meta_minimize(
        problems.get("simple-multi"), 1, net_assignments=[("cw", ["x_0"]), ("adam", ["x_1"])]
    )
    step = minimize.step()
    assert [float(x) for x in step.x] == pytest.approx([1.0, 0.9], abs=1e-6)


def test_second_derivatives_change_the_outer_gradient():
    def x_after_two_steps(second_derivatives):
        net = {"net": "CoordinateWiseDeepLSTM", "net_options": {"layers": (3,), "seed": 1}}
        problem = problems.get("quadratic", batch_size=2, num_dims=2)
        minimize = MetaOptimizer(net=net).meta_minimize(problem, 3, second_derivatives=second_derivatives)
        minimize.reset(0)
        minimize.step()
        return minimize.step().x[0].numpy()

    assert not np.array_equal(x_after_two_steps(True), x_after_two_steps(False))


def test_save_and_load_give_the_same_optimizer(tmp_path):
    problem = problems.get("simple-multi")
    optimizer = MetaOptimizer(
        cw={"net": "CoordinateWiseDeepLSTM", "net_options": {"layers": (4,), "seed": 7}},
        adam={"net": "Adam", "net_options": {"learning_rate": 0.1}},
    )
    kept = optimizer.meta_loss(problem, 5, net_assignments=[("cw", ["x_0"]), ("adam", ["x_1"])]).unroll()
    optimizer.save(tmp_path)
    loaded = l2l_tf.load(tmp_path).meta_loss(problem, 5).unroll()
    assert float(loaded.loss) == float(kept.loss)
    assert [float(x) for x in loaded.x] == [float(x) for x in kept.x]


def test_net_path_takes_the_weights_of_a_saved_network(tmp_path):
    net = {"net": "CoordinateWiseDeepLSTM", "net_options": {"layers": (4,), "seed": 7}}
    MetaOptimizer(cw=net).save(tmp_path)
    other = {**net, "net_options": {"layers": (4,), "seed": 8}}
    taken = MetaOptimizer(cw={**other, "net_path": str(tmp_path)})
    for kept, variable in zip(
        MetaOptimizer(cw=net).networks["cw"].trainable_variables, taken.networks["cw"].trainable_variables
    ):
        np.testing.assert_array_equal(kept.numpy(), variable.numpy())
    with pytest.raises(ValueError, match=r"has the networks \['cw'\], and not 'fc'"):
        MetaOptimizer(fc={**net, "net_path": str(tmp_path)})


@pytest.mark.parametrize("config", [{"options": {}}, {"net": "Adam", "learning_rate": 1}, "Adam"])
def test_a_configuration_that_is_none(config):
    with pytest.raises(ValueError, match="is a Network, or a dictionary with 'net'"):
        MetaOptimizer(net=config)


def test_several_networks_need_assignments():
    optimizer = MetaOptimizer(a={"net": "Adam"}, b={"net": "Sgd"})
    with pytest.raises(ValueError, match="net_assignments is needed with several networks"):
        optimizer.meta_loss(problems.get("simple"), 1)


def test_a_second_step_does_not_retrace():
    minimize = MetaOptimizer(net=LINEAR).meta_minimize(problems.get("simple"), 2)
    traces = []

    def loss(parameters, instance, seed):
        traces.append(1)
        return tf.square(parameters["x"])

    minimize._problem.loss = loss
    minimize.step()
    once = len(traces)
    minimize.step()
    minimize.reset()
    minimize.step()
    assert once and len(traces) == once


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Resident memory is read from /proc.")
def test_a_thousand_steps_do_not_take_more_memory():
    def resident_bytes():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    minimize = MetaOptimizer(net=LINEAR).meta_minimize(problems.get("simple"), 2)
    for _ in range(200):
        minimize.step()
    before = resident_bytes()
    for i in range(1000):
        if i % 5 == 0:
            minimize.reset()
        minimize.step()
    assert resident_bytes() - before < 4 * 2**20


def test_the_problem_says_which_axis_counts_functions():
    """Unless it is given; and networks of one axis and another have the same weights."""
    net = {"net": "GlobalAveragingLSTM", "net_options": {"layers": (3,), "global_cells": 1}}
    given = {**net, "net_options": {**net["net_options"], "function_axis": None}}
    optimizer = MetaOptimizer(shared=net, given=given)
    before = optimizer.networks["shared"].trainable_variables
    assignments = [("shared", ["x"]), ("given", ["x"])]
    minimize = optimizer.meta_minimize(problems.get("quadratic", batch_size=2, num_dims=2), 2, 0.1, assignments)
    assert {name: n.options["function_axis"] for name, n in optimizer.networks.items()} == {"shared": 0, "given": None}
    start = [variable.numpy() for variable in before]
    minimize.step()
    assert any(np.any(variable.numpy() != value) for variable, value in zip(before, start))

    optimizer.meta_loss(problems.get("simple"), 2, assignments)
    assert optimizer.networks["shared"].options["function_axis"] is None
    assert [v.ref() for v in optimizer.networks["shared"].trainable_variables] == [v.ref() for v in before]


def test_networks_without_weights_cannot_learn():
    with pytest.raises(ValueError, match=r"None of the networks \['adam'\] has weights to learn"):
        MetaOptimizer(adam={"net": "Adam"}).meta_minimize(problems.get("simple"), 2)


def test_what_is_loaded_by_name_and_without_one(tmp_path, monkeypatch):
    assert list(l2l_tf.load().networks) == ["general"]
    assert list(l2l_tf.load("mnist_adafactor").networks) == ["network"]
    l2l_tf.MetaOptimizer(own={"net": "Adam"}).save(tmp_path / "mnist_adafactor")
    monkeypatch.chdir(tmp_path)
    assert list(l2l_tf.load("mnist_adafactor").networks) == ["own"]
