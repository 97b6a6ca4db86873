"""The settings of a training: every number has a range, and what means nothing is one line."""

import dataclasses
import json
import math

import numpy as np
import pytest

from l2l_tf.training.config import TrainingConfig
from l2l_tf.unrolling import arguments
from tests.training.training_cases import CONFIG

KINDS = {
    "numbers": (int, float, int | None, float | None),
    "flags": (bool,),
}


def fields(kind):
    return [field for field in dataclasses.fields(TrainingConfig) if field.type in KINDS[kind]]


def test_every_number_and_flag_has_a_range():
    """A field that is new is not forgotten here."""
    assert {field.name for field in (*fields("numbers"), *fields("flags"))} <= set(arguments.VALUES)


@pytest.mark.parametrize("name", [field.name for field in fields("numbers")])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1, "1", True, [1], {}, 1 + 2j, 10**30, 1e300])
def test_what_means_nothing_is_refused_in_one_line(name, value):
    with pytest.raises(ValueError) as raised:
        dataclasses.replace(CONFIG, **{name: value})
    text = str(raised.value)
    assert name in text and f"Received: {name}=" in text and "\n" not in text, text


@pytest.mark.parametrize(
    "change",
    [
        {"num_steps": 2**31},
        {"unroll_length": 10**9, "num_steps": 10**9},
        {"seed": 2**62},
        {"perturbation_std": 1e30},
        {"random_scaling": 1000},
        {"average_decay": 1.0},
        {"num_steps_curriculum": [3, 2**40]},
        {"num_steps_curriculum": [3.0]},
        {"second_derivatives": 1},
        {"in_blocks": "no"},
        {"loss_weights": [1.0, math.nan, 1.0, 1.0]},
        {"loss_weights": 3},
    ],
)
def test_what_computing_does_not_allow_is_refused(change):
    with pytest.raises(ValueError, match=r"Received: "):
        dataclasses.replace(CONFIG, **change)


def test_numpys_numbers_are_taken_as_pythons():
    config = dataclasses.replace(CONFIG, seed=np.int64(3), learning_rate=np.float32(0.5), num_epochs=np.uint8(7))
    assert [type(x) for x in (config.seed, config.learning_rate, config.num_epochs)] == [int, float, int]
    assert json.loads(json.dumps(config.to_json()))["num_epochs"] == 7
