"""Arguments of estimators, training, evaluation and Keras, and values that mean nothing: see test_options."""

import functools

import numpy as np
import pytest
import tensorflow as tf

import l2l_tf
import problems
from l2l_tf import LearnedOptimizer, MetaOptimizer, estimators, networks
from l2l_tf.evaluation import tuning
from l2l_tf.evaluation.evaluator import Evaluator
from l2l_tf.training.config import TrainingConfig
from l2l_tf.training.outer_optimizer import OuterOptimizer
from l2l_tf.unrolling.coordinates import AssignedNetworks
from l2l_tf.unrolling.objectives import trajectory_objective
from tests.conformance import bad_values

PROBLEM = problems.from_function(lambda p: tf.reduce_sum(p["x"] ** 2), {"x": tf.ones([2])})

# By the option, the kinds of values that mean something.
NUMBER = {"1.5"}
FLAG = {"true"}
MEANS_SOMETHING = {
    "learning_rate": NUMBER,
    "learning_rate_decay": NUMBER,
    "imitation_learning_rate": NUMBER,
    "perturbation_std": NUMBER,
    "clip_norm": NUMBER | {"none"},
    "clip_value": NUMBER | {"none"},
    "average_decay": {"none", "zero"},
    "rewind": NUMBER | {"none"},
    "random_scaling": NUMBER | {"none"},
    "reparameterize": {"none"},
    "own_draws": FLAG,
    "reuse_noise": FLAG,
    "told": FLAG,
    "imitation_share": {"zero"},
    "patience": {"none"},
    "num_steps_curriculum": {"none", "empty list"},
    "seed": {"zero"},
    "second_derivatives": FLAG,
    "in_blocks": FLAG,
    "compiles": FLAG,
    "problem": {"text", "text of a number"},
    "problem_options": {"dictionary", "empty dictionary"},
    "start_from": {"none", "text", "text of a number"},
    "outer_optimizer": {"text", "text of a number"},
    "net_assignments": {"none"},
    "held_out_splits": {"empty list"},
    "held_out_steps": {"empty list"},
}


def _assert_none(found):
    assert not found, "\n".join(found)


@pytest.mark.parametrize("option", sorted(TrainingConfig.__dataclass_fields__))
def test_of_a_training_configuration(option):
    given = {"networks": {"net": {"net": "RNNProp"}}, "num_steps": 6, "unroll_length": 3}
    given.pop(option, None)
    taken = MEANS_SOMETHING.get(option, set())
    config = functools.partial(TrainingConfig, **given)
    _assert_none(bad_values.faults(option, config, taken, "Received(: | for 'a': 1)"))


@pytest.mark.parametrize("name", estimators.ESTIMATORS)
def test_of_estimators(name):
    network = AssignedNetworks({"net": networks.get("CoordinateWiseDeepLSTM", layers=[])})
    objective = trajectory_objective(3)
    found = []
    for option in estimators._options(estimators.ESTIMATORS[name]):
        make = functools.partial(estimators.ESTIMATORS[name], PROBLEM, network, 3, objective)
        found += bad_values.faults(option, make, MEANS_SOMETHING.get(option, set()))
    make = functools.partial(estimators.get, name, PROBLEM, network, objective=objective)
    _assert_none(found + bad_values.faults("len_unroll", make, set()))


def test_of_meta_training():
    optimizer = MetaOptimizer(net=networks.get("CoordinateWiseDeepLSTM", layers=[]))
    found = bad_values.faults("len_unroll", functools.partial(optimizer.meta_loss, PROBLEM), set())
    for option in ("len_unroll", "learning_rate", "second_derivatives"):
        given = {} if option == "len_unroll" else {"len_unroll": 2}
        minimize = functools.partial(optimizer.meta_minimize, PROBLEM, **given)
        found += bad_values.faults(option, minimize, MEANS_SOMETHING.get(option, set()))
    for option in ("learning_rate", "clip_norm", "clip_value", "average_decay"):
        given = {} if option == "learning_rate" else {"learning_rate": 0.1}
        make = functools.partial(OuterOptimizer, [tf.Variable(0.0)], **given)
        found += bad_values.faults(option, make, MEANS_SOMETHING[option])
    _assert_none(found)


@pytest.mark.parametrize(
    ("option", "taken"), [("net", set()), ("net_options", {"none", "empty dictionary"}), ("net_path", {"none"})]
)
def test_of_the_networks_of_a_meta_optimizer(option, taken):
    def make(**options):
        return MetaOptimizer(net={"net": "Sgd", **options})

    _assert_none(bad_values.faults(option, make, taken, "Received: |There is no saved optimizer at '(nonesuch|1)'"))


def test_of_a_meta_optimizer():
    _assert_none(bad_values.faults("net", MetaOptimizer, set()))


def test_of_evaluations():
    sgd = networks.get("Sgd")
    found = []
    for option in ("num_steps", "held_out_splits", "held_out_steps"):
        given = {} if option == "num_steps" else {"num_steps": 2}
        make = functools.partial(Evaluator, PROBLEM, sgd, **given)
        found += bad_values.faults(option, make, MEANS_SOMETHING.get(option, set()))
    for function in (l2l_tf.evaluate, tuning.tune):
        start = functools.partial(function, sgd, PROBLEM) if function is l2l_tf.evaluate else None
        start = start or functools.partial(tuning.tune, PROBLEM, "Sgd")
        # A run is no matter of this test: of each, one that is not begun for want of another.
        found += bad_values.faults("num_steps", functools.partial(start, num_draws=0), set())
        found += bad_values.faults("num_draws", functools.partial(start, num_steps=0), set())
        found += bad_values.faults("seed", functools.partial(start, num_steps=0, num_draws=1), set())
    found += bad_values.faults("optimizer", functools.partial(tuning.tune, PROBLEM, num_steps=2), set())
    _assert_none(found)


def test_of_the_keras_optimizer():
    sgd = networks.get("Sgd")
    make = functools.partial(LearnedOptimizer, sgd)
    keras_says = "Received: |Argument `learning_rate` should be float"
    found = bad_values.faults("learning_rate", make, {"1.5", "zero", "negative", "function"}, keras_says)
    found += bad_values.faults("state_dtype", make, set())
    found += bad_values.faults("source", LearnedOptimizer, set(), "Received: |no saved optimizer|get_config wrote")
    _assert_none(found)


def test_numbers_of_numpy_enter_as_pythons():
    config = TrainingConfig(
        networks={"net": {"net": "Sgd", "net_options": {"learning_rate": np.float32(0.5)}}},
        num_steps=np.int64(6),
        unroll_length=np.int64(3),
        num_steps_curriculum=np.array([3, 6]),
        clip_norm=np.float32(0.5),
        problem_options={"shape": np.array([1, 2])},
    )
    assert config.to_json() == TrainingConfig(**config.to_json()).to_json()
    assert type(config.num_steps) is int
    assert config.num_steps_curriculum == [3, 6]
    assert config.problem_options == {"shape": [1, 2]}
    optimizer = LearnedOptimizer(networks.get("Sgd"), learning_rate=np.float32(0.5), clipnorm=np.float64(1))
    assert {type(value) for value in optimizer.get_config().values()} <= {float, str, bool, dict, type(None), int}
