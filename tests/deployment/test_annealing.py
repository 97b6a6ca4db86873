"""Updates that fall to 0 at the end of a run whose length is known."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import FitLength, LearnedOptimizer, networks
from l2l_tf.unrolling.coordinates import AssignedNetworks


def _descent(**options):
    return LearnedOptimizer(networks.get("Sgd", learning_rate=0.1), **options)


def _model():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(optimizer=_descent(), loss="mse")
    return model


def _data(count=24):
    return np.ones([count, 3], np.float32), np.ones([count, 1], np.float32)


def test_updates_fall_linearly_to_0_over_the_last_part():
    optimizer, variable = _descent(total_steps=10), keras.Variable([1.0])
    moved = []
    for _ in range(12):
        before = variable.numpy()[0]
        optimizer.apply([tf.constant([1.0])], [variable])
        moved.append(before - variable.numpy()[0])
    np.testing.assert_allclose(moved, [*[0.1] * 8, 0.2 / 3, 0.1 / 3, 0, 0], atol=1e-6)


def test_the_length_may_change_while_a_compiled_step_runs():
    optimizer, variable = _descent(), keras.Variable([0.0])
    optimizer.build([variable])
    step = tf.function(lambda: optimizer.apply([tf.constant([1.0])]))
    step()
    optimizer.total_steps = 2
    step()
    np.testing.assert_allclose(variable.numpy(), [-0.2], rtol=1e-6)  # 1 - 1/2 is more than 0.3.
    optimizer.total_steps = 20
    optimizer.iterations.assign(17)
    step()
    np.testing.assert_allclose(variable.numpy(), [-0.25], rtol=1e-6)  # (1 - 17/20) / 0.3 = 0.5
    optimizer.total_steps = None
    step()
    np.testing.assert_allclose(variable.numpy(), [-0.35], rtol=1e-6)
    assert step.experimental_get_tracing_count() == 1


def test_a_rule_may_take_longer_steps_until_they_fall():
    sizes = {}
    for total_steps in (None, 10):
        optimizer, variable = (
            LearnedOptimizer(networks.get("ControlledMLP"), total_steps=total_steps),
            keras.Variable([1.0, 2.0]),
        )
        for step in (1, 2, 9):
            optimizer.iterations.assign(step)
            before = variable.numpy()
            optimizer.apply([tf.constant([1.0, -1.0])], [variable])
            sizes[total_steps, step] = np.abs(variable.numpy() - before)
    np.testing.assert_allclose(sizes[10, 1], 1.5 * sizes[None, 1], rtol=1e-4)
    assert np.all(sizes[10, 9] < 0.6 * sizes[None, 9])  # 1.5 / 3, and the parameters have gone elsewhere.


def test_of_two_networks_each_has_its_own_factor():
    """Sgd's updates fall; those of a rule that is told the length fall by themselves, from 1.5 times their size."""
    rules = {"sgd": networks.get("Sgd", learning_rate=0.1), "told": networks.get("ControlledMLP", told=True)}
    both = AssignedNetworks(rules, [("sgd", ["a"]), ("told", ["b"])])
    moved = {}
    for total_steps in (None, 20):
        optimizer = LearnedOptimizer(both, total_steps=total_steps)
        a, b = keras.Variable([1.0], name="a"), keras.Variable([1.0, 2.0], name="b")
        optimizer.build([a, b])
        optimizer.iterations.assign(17)
        optimizer.apply([tf.constant([1.0]), tf.constant([1.0, 1.0])], [a, b])
        moved[total_steps] = 1 - a.numpy()[0], 1 - b.numpy()[0]
    np.testing.assert_allclose(moved[20][0] / moved[None][0], 0.5, rtol=1e-4)
    np.testing.assert_allclose(moved[20][1] / moved[None][1], 0.75, rtol=1e-3)


def test_fit_tells_its_length():
    model = _model()
    model.fit(*_data(), batch_size=10, epochs=2, verbose=0, callbacks=[FitLength()])
    assert model.optimizer.total_steps == 6
    model.fit(*_data(), batch_size=8, epochs=5, initial_epoch=3, verbose=0, callbacks=[FitLength()])
    assert model.optimizer.total_steps == 6 + 2 * 3  # What it had done, and the two epochs that are run.


def test_where_fit_does_not_know_its_length_the_first_epoch_counts():
    model = _model()
    x, y = _data(8)
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(4).filter(lambda x, y: True)
    with pytest.warns(UserWarning, match="ran out of data"):
        model.fit(data, epochs=3, shuffle=False, verbose=0, callbacks=[FitLength()])
    # Keras counts an update where the data end, too.
    assert model.optimizer.total_steps == int(model.optimizer.iterations.numpy()) >= 6


def test_fit_length_is_for_learned_optimizers():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(optimizer="adam", loss="mse")
    with pytest.raises(ValueError, match=r"FitLength is for a LearnedOptimizer\. Received: a model with Adam"):
        model.fit(*_data(), verbose=0, callbacks=[FitLength()])


@pytest.mark.parametrize("total_steps", [0, -3, 2.5, True, "many", float("nan"), float("inf"), 1e300])
def test_lengths_that_are_none(total_steps):
    with pytest.raises(ValueError, match="total_steps is a whole number of updates"):
        _descent(total_steps=total_steps)


def test_the_length_is_part_of_the_configuration():
    config = keras.optimizers.serialize(_descent(total_steps=np.int64(7)))
    assert keras.optimizers.deserialize(config).total_steps == 7
    assert keras.optimizers.deserialize(keras.optimizers.serialize(_descent())).total_steps is None
