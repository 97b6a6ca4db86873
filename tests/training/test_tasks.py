"""Meta-training on a distribution of tasks: slots, resuming bit for bit, what is not finite, what is refused."""

import json

import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import networks
from l2l_tf.networks.network import assign_weights, weights_of
from l2l_tf.saving import saved_optimizer
from l2l_tf.training import checkpoint, slots
from l2l_tf.training.estimate import Estimate
from l2l_tf.training.events import OuterStep, Validation
from l2l_tf.training.tasks import TasksTraining, mean_of_finite
from l2l_tf.training.tasks_config import TasksConfig
from l2l_tf.unrolling.coordinates import AssignedNetworks
from problems import distribution


def _quadratic(num_dims, **item):
    return {"problem": "quadratic", "problem_options": {"batch_size": 2, "num_dims": num_dims}, **item}


CONFIG = TasksConfig(
    problem="mixture",
    problem_options={"problems": [_quadratic(2, family="two"), _quadratic(3, family="three")]},
    networks={"cw": {"net": "CoordinateWiseDeepLSTM", "net_options": {"layers": [], "scale": 0.1}}},
    estimator="pes",
    perturbations=2,
    outer_steps=6,
    tasks_per_step=2,
    task_lifetime=4,
    num_steps=6,
    shortest_run=2,
    unroll_length=2,
    reparameterize="whole:0.1:10",
    learning_rate=0.01,
    average_decay=0.5,
    evaluation_period=3,
    validation_tasks=2,
)


def _changed(**changes):
    return TasksConfig(**{**CONFIG.to_json(), **changes})


def _arrays(folder):
    return checkpoint.read(folder)[0]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    events = []
    TasksTraining(CONFIG, folder).run(events.append)
    return folder, events


def test_it_reports_what_it_does(undisturbed):
    _, events = undisturbed
    steps = [event for event in events if isinstance(event, OuterStep)]
    validations = [event for event in events if isinstance(event, Validation)]
    assert [step.step for step in steps] == [1, 2, 3, 4, 5, 6]
    assert [validation.epoch for validation in validations] == [3, 6]
    assert set(steps[0].by_family) == {"two", "three"}
    assert steps[0].meta_loss == pytest.approx(np.mean(list(steps[0].by_family.values())))
    assert steps[0].inner_steps == 2 * 2 * 5  # Of 2 tasks, 2 steps each, for phi and both of 2 pairs.


@pytest.mark.parametrize("after", [1, 4])
def test_it_resumes_bit_for_bit(undisturbed, tmp_path, after):
    class KilledError(Exception):
        pass

    def kill(event):
        if isinstance(event, OuterStep) and event.step == after:
            training.save()
            raise KilledError

    training = TasksTraining(CONFIG, tmp_path)
    with pytest.raises(KilledError):
        training.run(kill)
    TasksTraining(CONFIG, tmp_path, resume=True).run()
    expected, found = _arrays(undisturbed[0]), _arrays(tmp_path)
    assert expected.keys() == found.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_slots_are_a_function_of_the_seed_and_the_step():
    config = _changed(tasks_per_step=8, task_lifetime=40, num_steps=100, shortest_run=10)
    some = distribution.get(config.problem, config.problem_options)
    places = [slots.first(config, i) for i in range(8)]
    assert sum(slots.task(config, some, place).family == "two" for place in places) == 4
    assert [place.stays for place in places] == [5, 10, 15, 20, 25, 30, 35, 40]
    assert len({place.end for place in places}) > 3
    lengths = []
    place = places[0]
    for _ in range(400):
        before, place = place, slots.after(config, place, finite=True)
        assert place.generation == before.generation + (before.stays == 1)
        if place.age == 0:
            lengths.append(place.end)
    assert min(lengths) >= 10 and max(lengths) <= 100 and not any(length % 2 for length in lengths)
    assert np.mean(np.array(lengths) < 32) == pytest.approx(0.5, abs=0.25)  # Log-uniform: half below sqrt(1000).
    broken = slots.after(config, places[3]._replace(age=4, end=100), finite=False)
    assert (broken.run, broken.age, broken.stays) == (1, 0, places[3].stays - 1)


@pytest.mark.parametrize(("power", "longer"), [(0.0, 0.978), (1.0, 0.75), (2.0, 0.309), (3.0, 0.0996)])
def test_lengths_of_runs_follow_their_power_law(power, longer):
    """Of lengths from 100 to 10,000, `longer` is the share above a quarter of the way on a scale of logarithms."""
    config = _changed(
        num_steps=10_000, unroll_length=2, shortest_run=100, task_lifetime=10_000, length_power=power, tasks_per_step=1
    )
    place, lengths = slots.first(config, 0), []
    for _ in range(1_000):
        place = slots.after(config, place._replace(age=place.end), finite=True)
        lengths.append(place.end)
    assert np.mean(np.array(lengths) > 316.2) == pytest.approx(longer, abs=0.05)
    assert min(lengths) >= 100 and max(lengths) <= 10_000


TOLD = {"net": "ControlledMLP", "net_options": {"layers": [2], "control_layers": [2], "decays": [0.9], "told": True}}


def test_runs_are_told_their_lengths_by_the_share_and_late_losses_count_more():
    config = _changed(told_share=0.5, told_power=2.0, num_steps=40, unroll_length=2, shortest_run=40, task_lifetime=100)
    place, lengths, weights = slots.first(config, 1)._replace(age=0, end=40), [], {}
    for _ in range(2_000):
        length, weight = slots.told_length(config, place), slots.weight(config, place)
        assert length in (0, place.end)
        if length:
            weights.setdefault(place.age, weight)
        else:
            assert weight == 1.0
        lengths.append(length)
        place = slots.after(config, place._replace(stays=50), finite=True)
    assert np.mean(np.array(lengths) > 0) == pytest.approx(0.5, abs=0.15)
    assert weights[38] == 3.0 and weights[18] == 3 * 0.5**2
    assert np.mean(list(weights.values())) == pytest.approx(1.0, abs=0.1)
    assert slots.told_length(_changed(), place) == 0


def test_a_rule_that_is_told_learns_from_it(tmp_path):
    """What it is told reaches the runs, and the validations, which choose what is kept."""
    config = _changed(networks={"told": TOLD}, estimator="nres", told_share=1.0, outer_steps=2)
    told = TasksTraining(config, tmp_path / "told")
    told.run()
    untold = TasksTraining(_changed(**{**config.to_json(), "told_share": 0.0}), tmp_path / "untold")
    untold.run()
    ends = [[run for _, arrays in training._slots.state() for run in arrays] for training in (told, untold)]
    assert any(not np.array_equal(x, y) for x, y in zip(*ends))
    seed = tf.constant([0, 1])
    assert told._validation(told.network, seed)[0] != untold._validation(told.network, seed)[0]


def _started(folder, seed):
    network = networks.get(TOLD["net"], **TOLD["net_options"])
    drawn = np.random.default_rng(seed)
    weights = {name: drawn.normal(size=weight.shape, scale=0.5) for name, weight in weights_of(network).items()}
    assign_weights(network, weights)
    saved_optimizer.save(AssignedNetworks({"told": network}), folder, {})
    return str(folder)


def test_weights_that_are_not_trained_stay_those_that_it_started_from(tmp_path):
    start = _started(tmp_path / "start", 1)
    before = saved_optimizer.read(start)[1]["told"]
    config = _changed(
        networks={"told": TOLD}, start_from=start, trained_weights=["told/control_told/*"], told_share=1.0
    )

    class KilledError(Exception):
        pass

    def kill(event):
        if isinstance(event, OuterStep) and event.step == 4:
            training.save()
            raise KilledError

    TasksTraining(config, tmp_path / "whole").run()
    weights = saved_optimizer.read(tmp_path / "whole" / "last")[1]["told"]
    changed = {name for name, value in weights.items() if not np.array_equal(value, before[name])}
    assert changed == {"control_told/w", "control_told/b"}
    training = TasksTraining(config, tmp_path / "resumed")
    with pytest.raises(KilledError):
        training.run(kill)
    TasksTraining(config, tmp_path / "resumed", resume=True).run()
    expected, found = _arrays(tmp_path / "whole"), _arrays(tmp_path / "resumed")
    assert expected.keys() == found.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
    _started(tmp_path / "start", 2)
    with pytest.raises(checkpoint.CheckpointError, match="which it started from, has had other weights"):
        TasksTraining(config, tmp_path / "resumed", resume=True)


def test_trained_weights_that_are_none(tmp_path):
    config = _changed(networks={"told": TOLD}, trained_weights=["told/nothing*"])
    with pytest.raises(ValueError, match=r"are names or patterns of \['told/control_1/b', .* 'told/nothing\*'"):
        TasksTraining(config, tmp_path)


def test_an_estimate_of_a_multiple_of_the_loss_has_that_of_the_gradient():
    estimate = Estimate(np.float32([1, 2]), 3.0, 4.0, 1)
    np.testing.assert_array_equal(estimate.times(0.5).gradient, np.float32([0.5, 1]))
    assert estimate.times(0.5)._replace(gradient=estimate.gradient) == estimate


def test_equal_tasks_share_a_program_and_others_are_let_go(tmp_path):
    config = _changed(problem="quadratic", problem_options={"batch_size": 2, "num_dims": 2}, tasks_per_step=3)
    training = TasksTraining(config, tmp_path)
    training._advance()
    assert len(training._slots._computer.programs) == 1
    training.close()
    assert len(training._slots._computer.programs) == 0


def test_gradients_that_are_not_finite_are_left_out_of_the_mean():
    good, other = (Estimate(np.float32([x, 2]), 0.0, 0.0, 0) for x in (1, 3))
    bad = Estimate(np.float32([np.nan, 1]), 0.0, 0.0, 2)
    np.testing.assert_array_equal(mean_of_finite([good, bad, other]), [2, 2])
    assert np.isnan(mean_of_finite([bad])).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shortest_run": 1}, r"shortest_run lies between unroll_length and num_steps"),
        ({"imitation_share": 0.5}, r"does not take imitation_share. Received: 0.5"),
        ({"unroll_schedule": "increasing"}, r"unrolls of one length"),
        ({"reparameterize": "whole:2:1"}, r"reparameterize is whole or tensor or parameter, the smallest"),
        ({"task_lifetime": 0}, r"task_lifetime is a whole number of at least 1"),
    ],
)
def test_configurations_that_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        _changed(**changes)


def test_a_run_of_other_settings_is_not_resumed(undisturbed):
    with pytest.raises(ValueError, match=r"begun with other settings.*task_lifetime: 4 there, 5 here"):
        TasksTraining(_changed(task_lifetime=5), undisturbed[0], resume=True)
    assert json.loads((undisturbed[0] / "config.json").read_text())["metadata"]["problem"] == "quadratic"
