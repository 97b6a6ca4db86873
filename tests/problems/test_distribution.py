"""Distributions of problems: shares, splits, equal seeds, and what is refused."""

import collections

import pytest

import problems
from problems import distribution
from problems.distribution import Mixture, TaskSetFamilies

QUADRATICS = [
    {"problem": "quadratic", "problem_options": {"num_dims": 2}, "weight": 3, "family": "small"},
    {"problem": "quadratic", "problem_options": {"num_dims": 5}},
]


def sample_problem(seed, scale=1.0):
    return problems.from_function(lambda p: scale * (p["x"] - seed) ** 2, {"x": 0.0})


def test_a_mixture_has_its_weights():
    mixture = distribution.get("mixture", {"problems": QUADRATICS})
    counts = collections.Counter(mixture.task(seed).family for seed in range(2000))
    assert counts["small"] == pytest.approx(1500, abs=100) and set(counts) == {"small", "quadratic"}
    by_quantile = [mixture.task(0, i / 8).family for i in range(8)]
    assert by_quantile == ["small"] * 6 + ["quadratic"] * 2
    assert mixture.task(7) == mixture.task(7)


def test_sampled_problems_are_problems():
    problem = Mixture(QUADRATICS[1:]).sample_problem(3)
    assert isinstance(problem, problems.Problem) and problem.options["num_dims"] == 5


def test_splits_of_tasksets_families_share_no_task():
    configs = {}
    for split in distribution.SPLITS:
        some = TaskSetFamilies(["quadratic", "losg"], split)
        configs[split] = [some.task(seed) for seed in range(60)]
        assert {task.family for task in configs[split]} == {"quadratic", "losg"}
    texts = {split: {str(task) for task in tasks} for split, tasks in configs.items()}
    assert not texts["train"] & texts["validation"] and not texts["train"] & texts["test"]
    learned, chosen = TaskSetFamilies(["losg"]), TaskSetFamilies(["losg"], "validation")
    assert learned.validation().task(4) == chosen.task(4) != learned.task(4)


def test_a_function_of_the_users_own():
    some = distribution.get(f"{__name__}:sample_problem", {"scale": 2.0})
    task = some.task(5)
    assert task == ("sample_problem", f"{__name__}:sample_problem", {"scale": 2.0, "seed": 5})


def test_one_problem_alone():
    assert distribution.get("simple", {}).task(1).problem == "simple"
    assert not distribution.is_one("taskset", {"family": "mlp", "seed": 3})
    assert distribution.is_one("taskset", {"families": ["mlp"]})


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("taskset", {"families": ["mpl"]}, r"families is a list of .*Received: \['mpl'\]"),
        ("taskset", {"families": []}, r"families is a list of .*Received: \[\]"),
        ("taskset", {"families": ["mlp"], "split": "all"}, r"split is one of .*Received: 'all'"),
        ("taskset", {"families": ["mlp"], "seed": 3}, r"distribution taskset takes the options .*Received: \['seed'\]"),
        ("mixture", {}, r"mixture has the option problems, a list"),
        ("mixture", {"problems": []}, r"a list of one or more. Received: \[\]"),
        ("mixture", {"problems": [{"name": "simple"}]}, r"A problem of a mixture is .*Received: \{'name': 'simple'\}"),
        ("mixture", {"problems": [{"problem": "simple", "weight": 0}]}, r"weight .* above 0. Received: 0"),
        ("mixture", {"problems": [{"problem": "simpel"}]}, r"Received: 'simpel'"),
        ("mixture", {"problems": [{"problem": "quadratic", "problem_options": {"num_dims": 0}}]}, r"num_dims=0"),
    ],
)
def test_what_is_refused(name, options, message):
    with pytest.raises(ValueError, match=message):
        distribution.get(name, options)
