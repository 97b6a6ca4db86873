"""Rules that can be told how long their runs are, of those that cannot."""

import numpy as np
import pytest
import tensorflow as tf

from experiments.analysis import told
from l2l_tf import LearnedOptimizer, networks, pretrained
from l2l_tf.deployment import annealing
from l2l_tf.networks import run_length
from l2l_tf.saving import saved_optimizer
from tests.commands.in_process import flags_of


@pytest.mark.parametrize("total_steps", [None, 6])
def test_it_takes_the_steps_that_it_took(tmp_path, total_steps):
    """Untold its own, and told those with the factor of updates that others are given from without."""
    told.told(pretrained.folder("general"), tmp_path / "told")
    ways = [LearnedOptimizer(source, total_steps=total_steps) for source in ("general", str(tmp_path / "told"))]
    variables = [tf.Variable(np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)) for _ in ways]
    for step in range(6):
        for optimizer, variable in zip(ways, variables):
            optimizer.apply([2 * variable + step / 10], [variable])
        np.testing.assert_allclose(*variables, rtol=1e-5)
    assert saved_optimizer.read(tmp_path / "told")[0]["metadata"]["told_from"]


def test_what_it_is_given_from_without_is_what_it_does_itself():
    network, lengths = networks.get("ControlledMLP"), tf.constant([10.0, 500.0, 1581.1388, 5_000.0, 1e6])
    np.testing.assert_allclose(network.told_factor(1.0, lengths), [1.5, 1.5, 1.5 * 2**0.5, 3, 3], rtol=1e-5)
    middle = 1.5 * 2**0.5 * 0.5**1.5
    np.testing.assert_allclose(network.told_factor(0.2, lengths), [1, 1, middle, 0.48, 0.48], rtol=1e-5)
    known = annealing.Annealing(10_000)
    given = [float(known(tf.constant(step), network.told_factor)) for step in (0, 5_000, 7_500, 10_000)]
    np.testing.assert_allclose(given, [3, 3, 0.75, 0], rtol=1e-5)
    steps = tf.constant([0.0, 5_000.0, 7_500.0, 10_000.0])
    np.testing.assert_allclose(tf.exp(run_length.log_factor(steps, tf.constant(10_000.0))), given, rtol=1e-4, atol=1e-6)


def test_the_length_may_change_while_a_rule_that_is_told_runs(tmp_path):
    told.told(pretrained.folder("general"), tmp_path / "told")
    optimizer, variable = LearnedOptimizer(str(tmp_path / "told"), total_steps=1), tf.Variable([1.0, 2.0])
    optimizer.build([variable])
    step = tf.function(lambda: optimizer.apply([tf.constant([1.0, 1.0])], [variable]))
    optimizer.iterations.assign(5)
    step()
    np.testing.assert_array_equal(variable, [1.0, 2.0])  # The run is over.
    optimizer.total_steps = 100
    step()
    assert np.all(variable.numpy() != [1.0, 2.0])
    assert step.experimental_get_tracing_count() == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--output names"),
        (["--optimizer=missing", "--output=told"], "no saved optimizer at 'missing'"),
        (["--optimizer=mnist", "--output=told"], r"ControlledMLP that are not yet\. Received: 'network', RNNProp"),
    ],
)
def test_wrong_flags_are_said(words, message, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with flags_of(told, *words), pytest.raises(ValueError, match=message):
        told.main()
    assert not list(tmp_path.iterdir())
