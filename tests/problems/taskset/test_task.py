"""Tasks as problems: roles, options, errors, and that they can be learned."""

import json

import numpy as np
import pytest
import tensorflow as tf

import problems
from l2l_tf.commands import command_line
from problems import DatasetNotPreparedError, catalogue, taskset
from problems.problem import split_seed
from problems.taskset import check, options
from tests.problems.taskset import configs

SEED = tf.constant([3, 4])


def test_every_family_has_a_small_configuration():
    assert set(configs.CONFIGS) == set(taskset.FAMILIES)


@pytest.mark.parametrize("family", taskset.FAMILIES)
def test_a_task_of_every_family_can_be_learned(family):
    outcome = check.run(configs.get(family), steps=10)
    assert outcome.fell, outcome
    assert outcome.unconnected == outcome.flat == ()


@pytest.mark.parametrize("family", ["mlp", "mlp_vae", "word_rnn_language_model", "quadratic", "losg"])
def test_roles(family):
    problem = taskset.build(configs.get(family))
    p = problem.initial_parameters((), SEED)
    of_roles = {
        "train": problem.loss(p, (), SEED),
        "validation": problem.validation_loss(p, (), SEED),
        "outer_validation": problem.outer_validation_loss(p, (), SEED),
    }
    for role, loss in of_roles.items():
        assert float(loss) == float(problem.loss_of(p, problem.draw(role, SEED)))
    if problem._source:
        assert len({float(loss) for loss in of_roles.values()}) == 3
    measure = tf.function(lambda p, split: problem.held_out_loss(p, (), split), autograph=False)
    held_out = [float(measure(p, split)) for split in problem.held_out_splits]
    assert held_out == [float(measure(p, split)) for split in problem.held_out_splits]
    assert len(set(held_out)) == (3 if problem._source else 1)
    with pytest.raises(ValueError, match="has no held-out split 'train'"):
        problem.held_out_loss(p, (), "train")


def test_a_held_out_loss_is_the_mean_over_all(tiny_data_dir):
    problem = taskset.build(configs.with_data("mlp", dataset="mnist", size=None, grey=False), tiny_data_dir)
    p = problem.initial_parameters((), SEED)
    batch = problem._source.batch("test", tf.range(30), SEED)
    expected = problem._optimizee.loss(p, batch, ())
    np.testing.assert_allclose(problem.held_out_loss(p, (), "test"), expected, rtol=1e-5)


def test_a_population_draws_apart_and_is_vectorised():
    # All of a loss but its draws, without a loop over the members.
    for family in ("mlp_vae", "maf", "char_rnn_language_model", "losg"):
        problem = taskset.build(configs.get(family))
        members = [problem.initial_parameters((), SEED + i) for i in range(3)]
        stacked = tf.nest.map_structure(lambda *p: tf.stack(p), *members)
        drawn = problem.draw("train", SEED)

        def gradient(p, problem=problem, drawn=drawn):
            with tf.GradientTape() as tape:
                tape.watch(p)
                loss = problem.loss_of(p, drawn)
            return {name: tf.convert_to_tensor(g) for name, g in tape.gradient(loss, p).items()}

        vectorised = tf.function(
            lambda p, gradient=gradient: tf.vectorized_map(gradient, p, fallback_to_while_loop=False), autograph=False
        )(stacked)
        for i, member in enumerate(members):
            for name, expected in gradient(member).items():
                np.testing.assert_allclose(
                    vectorised[name][i], expected, rtol=2e-4, atol=1e-6, err_msg=f"{family} {name}"
                )


def test_by_number_and_by_configuration():
    by_number = problems.get("taskset", family="mlp", seed=5, data="synthetic")
    assert by_number.options == {
        "config": taskset.sample("mlp", 5, "synthetic"),
        "data_dir": None,
        "download": False,
    }
    by_config = problems.get("taskset", **json.loads(json.dumps(by_number.options)))
    p = by_number.initial_parameters((), SEED)
    assert float(by_config.loss(p, (), SEED)) == float(by_number.loss(p, (), SEED))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"family": "mlp"}, r"taskset needs family and seed, or config. Received: \{'family': 'mlp'\}."),
        ({"config": configs.CONFIGS["mlp"], "seed": 3}, "takes config, or family and seed, not both."),
        (
            {"config": {"family": "tree"}},
            r"A taskset config is a dictionary with a family of .* Received: \{'family': 'tree'\}.",
        ),
        ({"config": {"family": "mlp"}}, r"family mlp has the fields \['activation', .* Received: \['family'\]."),
        (
            {"config": configs.with_data("mlp", dataset="imdb_reviews")},
            r"images of the data sets \[.*Received: 'imdb_reviews'.",
        ),
        (
            {"config": configs.get("mlp", data=configs.LANGUAGE)},
            "The data of the taskset family mlp has the kind 'images'.",
        ),
    ],
)
def test_options_that_are_none(options, message):
    with pytest.raises(ValueError, match=message):
        problems.get("taskset", **options)
    with pytest.raises(ValueError, match=message):
        command_line.check_problem("taskset", options, None, False)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (configs.get("mlp", activation="step"), "a field or value that is unknown or missing: 'step'"),
        (configs.get("losg", kind="hills"), "a field or value that is unknown or missing: 'base'"),
        (
            configs.get("conv_fc", convolutions={"strides": "two"}),
            "a field or value that is unknown or missing: 'channels'",
        ),
        (
            configs.get("mlp", data={"kind": "images"}),
            r"The data of the taskset family mlp has the fields \['augmentation', ",
        ),
    ],
)
def test_fields_inside_that_are_none(config, message):
    with pytest.raises(ValueError, match=message):
        problems.get("taskset", config=config)


def test_commands_keep_the_configuration(tmp_path):
    given = {"family": "quadratic", "seed": 2}
    config = taskset.sample(**given)
    assert command_line.check_problem("taskset", given, None, False) == ({"config": config}, {})
    inside = {"problem": {"name": "taskset", "options": given}, "log_range": 1.0}
    kept, _ = command_line.check_problem("scaled", inside, None, False)
    assert kept == {"problem": {"name": "taskset", "options": {"config": config}}, "log_range": 1.0}
    with pytest.raises(
        DatasetNotPreparedError, match=rf"^The dataset mnist was looked for in {tmp_path} .* --download "
    ):
        command_line.check_problem("taskset", {"family": "mlp", "seed": 3}, str(tmp_path), False)
    _, data = command_line.check_problem("taskset", {"family": "mlp", "seed": 3}, str(tmp_path), True)
    assert data == {"data_dir": str(tmp_path), "download": True}


def test_what_goes_into_convolutions():
    for family in taskset.FAMILIES:
        convolutional = catalogue.is_convolutional("taskset", {"config": configs.get(family)})
        assert convolutional == family.startswith("conv_")
    assert command_line.threads_for("auto", "taskset", {"config": configs.get("mlp")}) == 1


def test_a_data_set_that_is_not_there(tmp_path):
    for family, dataset in (("mlp", "cifar100"), ("rnn_text_classification", "ag_news_subset")):
        with pytest.raises(DatasetNotPreparedError, match=f"{dataset}.* was looked for in {tmp_path}.*--download"):
            taskset.build(configs.with_data(family, dataset=dataset), str(tmp_path))


def test_fixed_tasks():
    for name, config in taskset.FIXED.items():
        assert json.loads(json.dumps(config)) == config, name
        options.check_config(config)
    assert len(taskset.FIXED) == 97
    assert len({json.dumps(config) for config in taskset.FIXED.values()}) == 97
    bowl = taskset.build(taskset.FIXED["bowl_100"])
    assert float(bowl.loss({"x": tf.constant([1.0, 2.0])}, (), SEED)) == 0.5 * (100 + 4)


def test_problems_of_tasks_hand_their_roles_on():
    description = {"name": "taskset", "options": {"config": configs.get("mlp")}}
    task = problems.get("taskset", config=configs.get("mlp"))
    scaled = problems.get("scaled", problem=description, log_range=0.0)
    both = problems.get("ensemble", problems=[description], weights=[3.0])
    instance = scaled.sample(SEED)
    p = scaled.initial_parameters(instance, SEED)
    expected = float(task.outer_validation_loss(p, (), SEED))
    assert expected != float(task.validation_loss(p, (), SEED))
    assert float(scaled.outer_validation_loss(p, instance, SEED)) == pytest.approx(expected, rel=1e-6)
    seed = split_seed(SEED, 1)[0]
    received = both.outer_validation_loss({f"problem_0/{name}": value for name, value in p.items()}, [()], SEED)
    assert float(received) == pytest.approx(3 * float(task.outer_validation_loss(p, (), seed)), rel=1e-6)
