"""What `import l2l_tf` offers, by name."""

import importlib
import subprocess
import sys

import numpy as np
import pytest

import l2l_tf
import problems
from l2l_tf import networks
from l2l_tf.evaluation.evaluator import Curves

NAMES = [
    "FitLength",
    "LearnedOptimizer",
    "MetaOptimizer",
    "__version__",
    "estimators",
    "evaluate",
    "export_saved_model",
    "load",
    "networks",
    "opt_list",
    "pretrained",
]


def test_what_users_need_is_there_and_nothing_else():
    assert sorted(l2l_tf.__all__) == sorted(dir(l2l_tf)) == sorted(NAMES)
    for name in NAMES:
        assert getattr(l2l_tf, name) is not None
    assert l2l_tf.networks is importlib.import_module("l2l_tf.networks")


def test_what_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'l2l_tf' has no attribute 'LearnedOptimiser'"):
        l2l_tf.LearnedOptimiser  # noqa: B018


def test_importing_it_imports_no_tensorflow():
    source = "import sys, l2l_tf; print(sorted({'tensorflow', 'keras', 'sonnet', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_evaluate_runs_on_the_draws_of_the_command():
    problem = problems.get("quadratic", batch_size=2, num_dims=2)
    adam = networks.get("Adam", learning_rate=0.1)
    curves = l2l_tf.evaluate(adam, problem, num_steps=5, num_draws=2, seed=3)
    assert isinstance(curves, Curves)
    assert curves.losses.shape == (2, 6)
    again = l2l_tf.evaluate(adam, problem, num_steps=5, num_draws=1, seed=3)
    np.testing.assert_array_equal(curves.losses[:1], again.losses)
    learned = l2l_tf.evaluate("quadratic", problem, num_steps=5, num_draws=2, seed=3)
    np.testing.assert_allclose(learned.losses[:, 0], curves.losses[:, 0])  # the same draws
    assert not np.allclose(learned.losses[:, 1:], curves.losses[:, 1:])


@pytest.mark.parametrize(("name", "error"), [("nowhere", "There is no saved optimizer at 'nowhere'")])
def test_evaluate_refuses_what_is_no_optimizer(name, error):
    with pytest.raises(ValueError, match=error):
        l2l_tf.evaluate(name, problems.get("simple"))
    with pytest.raises(ValueError, match=r"num_draws is a whole number of at least 1\. Received: num_draws=0"):
        l2l_tf.evaluate(networks.get("Sgd"), problems.get("simple"), num_draws=0)
