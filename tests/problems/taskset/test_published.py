"""The published list: its splits, its configurations, what normalises losses."""

import collections
import json
import math

import numpy as np
import pytest
import tensorflow as tf

from problems import taskset
from problems.taskset import options, published
from problems.taskset.published import choosing, work
from tests.problems.taskset import configs


def test_the_list_has_240_cheap_tasks_of_every_family_over_four_decades():
    listed = published.tasks().values()
    assert len(listed) == 240
    families = collections.Counter(task.config["family"] for task in listed)
    assert set(families) == set(taskset.FAMILIES)
    # Of the words' tasks only one takes less than 2 ms.
    assert {family for family, count in families.items() if count < 20} == {"word_rnn_language_model"}
    assert max(task.milliseconds for task in listed) <= 2
    sizes = [task.parameters for task in listed]
    assert max(sizes) / min(sizes) > 1e4


def test_every_configuration_can_be_built_and_stands_under_its_family():
    for name, task in published.tasks().items():
        options.check_config(task.config)
        assert name == task.name and name.startswith(f"{task.config['family']}_seed")


def test_the_splits_are_what_their_seed_gives_and_each_has_its_share_of_each_family():
    listed = published.tasks()
    splits = {name: task.split for name, task in listed.items()}
    assert collections.Counter(splits.values()) == {"train": 160, "choose": 40, "held_out": 40}
    assert choosing.split({name: task.config["family"] for name, task in listed.items()}) == splits
    shares = collections.Counter((task.config["family"], task.split) for task in listed.values())
    assert {n for (family, split), n in shares.items() if split != "train" and "word" not in family} == {3, 4}
    assert len(published.tasks("choose")) == 40


def test_unknown_splits_and_tasks_are_named():
    with pytest.raises(ValueError, match=r"have the splits \['train', 'choose', 'held_out'\]. Received: 'test'"):
        published.tasks("test")
    with pytest.raises(ValueError, match="Received: 'mlp_seed_of_doubt'"):
        published.normaliser("mlp_seed_of_doubt")


def test_work_of_a_perceptron_and_of_a_convolution_counted_by_hand():
    assert work.products(configs.get("mlp")) == 8 * (16 * 5 + 5 * 10)
    # 4 x 4 grey pixels, a stride of 2, 3 channels.
    assert work.products(configs.get("conv_pooling")) == 8 * (2 * 2 * 9 * 3 + 3 * 10)


def test_each_normaliser_is_of_its_task_and_lies_below_the_start():
    known = {name: record for name in published.tasks() if (record := published.record(name))}
    for name, record in known.items():
        assert record["config"] == published.task(name).config
        found = published.normaliser(published.task(name).config)
        if record["fault"]:
            assert found is None
            continue
        assert found == published.normaliser(name)
        assert found.initial > found.best
        assert (record["num_steps"], len(record["rates"]), record["seeds"]) == (1000, 14, [0, 1])
        assert min(lowest for lowest in record["lowest"] if lowest is not None) == pytest.approx(found.best, rel=1e-5)


def test_a_normaliser_takes_the_start_to_1_and_the_best_to_0_and_cuts():
    normaliser = published.Normaliser(initial=3.0, best=1.0)
    assert [normaliser(loss) for loss in (3.0, 1.0, 2.0, 100.0, -100.0)] == [1.0, 0.0, 0.5, 2.0, -2.0]
    assert [normaliser(loss) for loss in (math.nan, math.inf, -math.inf)] == [2.0] * 3


def test_a_task_normalises_tensors_as_its_normaliser_does_with_a_gradient_that_is_finite(monkeypatch):
    normaliser = published.Normaliser(initial=3.0, best=1.0)
    monkeypatch.setattr(published, "normaliser", lambda config: normaliser)
    task = taskset.build(configs.get("quadratic"))
    losses = tf.constant([3.0, 1.0, 2.0, 100.0, -100.0, math.nan, math.inf, -math.inf])
    with tf.GradientTape() as tape:
        tape.watch(losses)
        found = task.normalise(losses)
    np.testing.assert_allclose(found, [normaliser(float(loss)) for loss in losses])
    np.testing.assert_allclose(tape.gradient(found, losses), [0.5, 0.5, 0.5, 0, 0, 0, 0, 0])


def test_a_task_that_is_not_published_has_no_normaliser_and_says_so():
    task = taskset.build(configs.get("quadratic"))
    assert task.normaliser is None
    with pytest.raises(ValueError, match="Received: a task of the family quadratic without one"):
        task.normalise(tf.constant(1.0))


def test_a_configuration_that_has_been_through_json_is_known_again():
    task = next(iter(published.tasks().values()))
    again = json.loads(json.dumps(dict(reversed(task.config.items()))))
    assert published.normaliser(again) == published.normaliser(task.name)
