"""Problems inside of others, as data: what is none, who may download, and how deep they may lie."""

import numpy as np
import pytest

import problems
from l2l_tf.commands import command_line
from problems import DatasetNotPreparedError, catalogue, datasets, option_values

SIMPLE = {"name": "simple"}


def scaled(problem):
    return {"name": "scaled", "options": {"problem": problem}}


def nested(depth):
    problem = SIMPLE
    for _ in range(depth):
        problem = scaled(problem)
    return problem["options"]["problem"]


WRONG = [
    *(3, None, "simple", ["simple"], {}, {"name": 3}, {"name": None}, {"name": ["simple"]}),
    *({"name": "simple", "options": options} for options in (3, None, [], "dtype")),
    *({"name": "simple", "more": 1}, {"name": "simple", "options": {3: "float32"}}),
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
@pytest.mark.parametrize("around", ["scaled", "ensemble", "both"])
def test_what_is_no_problem_inside_of_another(wrong, around):
    name, options = {
        "scaled": ("scaled", {"problem": wrong}),
        "ensemble": ("ensemble", {"problems": [SIMPLE, wrong]}),
        "both": ("scaled", {"problem": {"name": "ensemble", "options": {"problems": [wrong]}}}),
    }[around]
    message = r'(problem|given|each a problem,) (is a problem, )?as {"name": ..., "options": {...}}. Received: '
    for ask in (lambda: problems.get(name, **options), lambda: command_line.check_problem(name, options, None, False)):
        with pytest.raises(ValueError, match=message):
            ask()


@pytest.mark.parametrize(
    ("inside", "message"),
    [
        ({"name": "simpel"}, "A problem is one of .* Received: 'simpel'"),
        ({"name": "simple", "options": {"dims": 2}}, r"simple takes the options \['dtype'\]"),
        ({"name": "quadratic", "options": {"num_dims": 0}}, "quadratic: num_dims is a whole number of at least 1"),
        ({"name": "quadratic", "options": {"batch_size": 1.5}}, "quadratic: batch_size is a whole number"),
        ({"name": "mnist", "options": {"data_dir": 3}}, "mnist: data_dir is a text .*, or null. Received: data_dir=3"),
        ({"name": "mnist", "options": {"data_dir": ["a"]}}, "mnist: data_dir is a text .*, or null"),
        ({"name": "mnist", "options": {"download": "yes"}}, "mnist: download is true or false"),
        ({"name": "scaled", "options": {"problem": SIMPLE, "log_range": None}}, "scaled: log_range is a number"),
    ],
)
def test_names_and_options_of_inner_problems(inside, message):
    for ask in (problems.get, lambda name, **options: command_line.check_problem(name, options, None, False)):
        with pytest.raises(ValueError, match=message):
            ask("scaled", problem=inside)


@pytest.mark.parametrize("wrong", [3, None, "simple", {}], ids=str)
def test_an_ensemble_is_of_a_list(wrong):
    with pytest.raises(ValueError, match=r"^ensemble: problems is a list of problems. Received: "):
        problems.get("ensemble", problems=wrong)


def test_problems_deep_in_each_other():
    assert problems.get("scaled", problem=nested(19)).name == "scaled"
    for depth in (20, 200):
        for ask in (problems.get, lambda name, **options: command_line.check_problem(name, options, None, False)):
            with pytest.raises(
                ValueError, match=r"^Problems lie at most 20 deep in each other. Received: deeper ones.$"
            ):
                ask("scaled", problem=nested(depth + 1))


def test_an_inner_problem_does_not_download_of_itself(tmp_path, monkeypatch):
    asked = []

    def load(name, split, data_dir=None, download=False):
        asked.append((data_dir, download))
        raise DatasetNotPreparedError("not there")

    monkeypatch.setattr(datasets, "load", load)
    mnist = {"name": "mnist", "options": {"download": True, "data_dir": "inner"}}
    for name, options in (
        ("scaled", {"problem": mnist}),
        ("ensemble", {"problems": [mnist]}),
        ("scaled", {"problem": {"name": "ensemble", "options": {"problems": [mnist], "download": True}}}),
    ):
        for said in ({}, {"download": False}, {"download": True, "data_dir": "outer"}):
            with pytest.raises(DatasetNotPreparedError):
                problems.get(name, **options, **said)
    assert asked == [("inner", False), ("inner", False), ("outer", True)] * 3


def test_options_name_folders_of_this_machine_alone():
    mnist = {"name": "mnist", "options": {"data_dir": "gs://somewhere"}}
    for name, options in (("mnist", mnist["options"]), ("scaled", {"problem": mnist})):
        with pytest.raises(
            ValueError, match=r"folder of this machine; name others by --data_dir. Received: 'gs://some"
        ):
            command_line.check_problem(name, options, None, False)
        _, data = command_line.check_problem(name, options, "gs://mine", False)
        assert data == {"data_dir": "gs://mine", "download": False}


def test_numpy_in_options_becomes_python_numbers():
    options = {
        "a": np.float32(0.5),
        "b": [np.int64(3), (np.bool_(True), "x")],
        "c": {"w": np.array([3, 4]), np.str_("n"): np.array(2.0)},
        "d": np.array([[1, 2]], object),
        "e": None,
    }
    plain = option_values.plain(options)
    assert plain == {"a": 0.5, "b": [3, (True, "x")], "c": {"w": [3, 4], "n": 2.0}, "d": [[1, 2]], "e": None}
    assert {type(leaf) for leaf in (plain["a"], plain["b"][0], plain["b"][1][0], plain["c"]["n"])} == {float, int, bool}
    problem = problems.get("quadratic", batch_size=np.int64(2), stddev=np.float32(0.25))
    assert (problem.options["batch_size"], problem.options["stddev"]) == (2, 0.25)
    assert type(problem.options["batch_size"]) is int
    inner = {"name": "quadratic", "options": {"num_dims": np.int32(3)}}
    ensemble = problems.get("ensemble", problems=[inner, SIMPLE], weights=np.array([1, 2]))
    assert type(ensemble.options["problems"][0]["options"]["num_dims"]) is int
    assert ensemble.options["weights"] == [1.0, 2.0]


def test_descriptions_are_known():
    assert all(not catalogue.is_description(wrong) for wrong in WRONG)
    assert catalogue.is_description(scaled(SIMPLE))
