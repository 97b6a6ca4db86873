"""Every number of a training against what it cannot be: one line that names it, before anything is computed."""

import dataclasses
import json
import math

import numpy as np
import pytest

from l2l_tf.estimators import evolution_strategies, imitation, persistent_evolution_strategies, reparameterization
from l2l_tf.networks.classic import Adam, Sgd
from l2l_tf.training import ranges
from l2l_tf.training.config import TrainingConfig
from problems.scaling import RandomScaling
from problems.simple import Simple
from tests.training.training_cases import CONFIG

NOTHING = [math.nan, math.inf, -math.inf, -1, "1", True, [1], {}, 1 + 2j, object]
COUNTS = [name for name, of in ranges.RANGES.items() if of.whole]


@pytest.mark.parametrize("name", ranges.RANGES)
def test_what_means_nothing_is_refused_in_one_line(name):
    of = ranges.RANGES[name]
    huge = [10 * of.most] if of.most < math.inf else []
    values = [*NOTHING, *huge, *([1.5, 1e30] if of.whole else [1e300]), *([] if of.or_none else [None])]
    for value in values:
        with pytest.raises(ValueError) as raised:
            dataclasses.replace(CONFIG, **{name: value})
        text = str(raised.value)
        assert text.startswith(f"{name} is "), text
        assert text.endswith(f"Received: {value!r}."), text
        assert "\n" not in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_steps": 2**31}, r"num_steps is at most 1,000,000,000\. Received: 2147483648\."),
        ({"unroll_length": 10**9, "num_steps": 10**9}, r"unroll_length is at most 1,000,000\. Received: 1000000000\."),
        ({"seed": 1e30}, r"seed is a whole number\. Received: 1e\+30\."),
        ({"seed": 2**62}, r"seed is at most 4,611,686,018,427,387,903\. Received: 4611686018427387904\."),
        ({"perturbation_std": 1e30}, r"perturbation_std is at most 1000\. Received: 1e\+30\."),
        ({"random_scaling": 1000}, r"random_scaling is at most 40, or None\. Received: 1000\."),
        ({"clip_norm": math.inf}, r"clip_norm is above 0, or None\. Received: inf\."),
        ({"clip_norm": math.nan}, r"clip_norm is above 0, or None\. Received: nan\."),
        ({"average_decay": 1.0}, r"average_decay is below 1, or None\. Received: 1\.0\."),
        ({"num_steps_curriculum": [3, 2**40]}, r"Each entry of num_steps_curriculum is at most 1,000,000,000\."),
        ({"num_steps_curriculum": [3.0]}, r"Each entry of num_steps_curriculum is a whole number\. Received: 3\.0\."),
        ({"second_derivatives": 1}, r"second_derivatives is True or False\. Received: 1\."),
        ({"in_blocks": "no"}, r"in_blocks is True or False\. Received: 'no'\."),
        ({"loss_weights": [1.0, math.nan, 1.0, 1.0]}, r"loss_weights holds finite numbers, at most 1e30\."),
        ({"loss_weights": [1.0, None, 1.0, 1.0]}, r"loss_weights holds finite numbers, at most 1e30\."),
        ({"loss_weights": 3}, r"loss_weights is 'all', .* or a list of numbers\. Received: 3\."),
    ],
)
def test_errors_say_what_a_number_may_be(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(CONFIG, **change)


def test_the_ends_are_taken():
    for name, of in ranges.RANGES.items():
        if name in ("num_steps", "unroll_length"):
            continue  # They go together.
        lowest = of.least if of.above is None else 1e-30
        for value in (lowest, *([] if of.below else [of.most]), *([None] if of.or_none else [])):
            assert getattr(dataclasses.replace(CONFIG, **{name: value}), name) == value
    assert dataclasses.replace(CONFIG, num_steps=10**9, unroll_length=10**6, loss_weights="best").num_steps == 10**9


def test_every_number_of_a_training_has_a_range():
    """A field that is new is not forgotten here."""
    numeric = {f.name for f in dataclasses.fields(TrainingConfig) if f.type in (int, float, int | None, float | None)}
    assert numeric == set(ranges.RANGES)
    assert {f.name for f in dataclasses.fields(TrainingConfig) if f.type is bool} == set(ranges.FLAGS)


def test_numpys_numbers_are_taken_as_pythons():
    config = dataclasses.replace(CONFIG, seed=np.int64(3), learning_rate=np.float32(0.5), num_epochs=np.uint8(7))
    assert [type(x) for x in (config.seed, config.learning_rate, config.num_epochs)] == [int, float, int]
    assert json.loads(json.dumps(config.to_json()))["num_epochs"] == 7


@pytest.mark.parametrize("estimator", [evolution_strategies, persistent_evolution_strategies, reparameterization])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        *(
            ({"perturbation_std": x}, r"standard deviation is above 0, at most 1000\.")
            for x in (math.nan, math.inf, 1e30)
        ),
        *(({"perturbation_std": x}, r"standard deviation is above 0, at most 1000\.") for x in (0, "a", True, None)),
        *(({"perturbations": x}, r"takes at least 1 perturbations\. Received: ") for x in (0, 1.5, "a", None, True)),
    ],
)
def test_estimators_refuse_it_too(estimator, options, message):
    with pytest.raises(ValueError, match=message):
        estimator(Simple(), Sgd(), 1, None, **options)


@pytest.mark.parametrize("rate", [math.nan, math.inf, 0, -1, 1e30])
def test_imitation_refuses_rates_that_mean_nothing(rate):
    with pytest.raises(ValueError, match=r"imitated Adam is above 0, at most 1000\. Received: "):
        imitation(Simple(), Sgd(), 1, rate)


@pytest.mark.parametrize("rate", [math.inf, 1e31])
def test_classics_refuse_rates_that_are_infinite_in_float32(rate):
    with pytest.raises(ValueError, match=r"Adam needs a learning rate of at least 0, at most 1e30\. Received: "):
        Adam(rate)


@pytest.mark.parametrize("log_range", [1000, math.inf])
def test_scales_whose_squares_are_no_numbers(log_range):
    with pytest.raises(ValueError, match=rf"log_range of at most 40\. Received: {log_range}\."):
        RandomScaling(Simple(), log_range)
