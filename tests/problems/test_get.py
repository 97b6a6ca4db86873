"""`problems.get`: names, options, and problems of the user's own."""

import subprocess
import sys

import pytest

import problems
from problems import Problem
from problems.user_code import UserCodeError

OWN = """
import problems

made = problems.from_function(lambda parameters: parameters["x"] ** 2, {"x": 3.0})
number = 3

def make(scale=1.0):
    return problems.from_function(lambda parameters: scale * parameters["x"] ** 2, {"x": 3.0})

class Own(problems.Problem):
    def __init__(self, start=2.0):
        self.start = start

    def initial_parameters(self, instance, seed):
        return {"x": self.start}

    def loss(self, parameters, instance, seed):
        return parameters["x"] ** 2
"""


@pytest.fixture
def own_module(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "problems_of_mine.py").write_text(OWN)
    (tmp_path / "needs_more.py").write_text("import not_installed_at_all")
    yield "problems_of_mine"
    sys.modules.pop("problems_of_mine", None)


def test_names():
    assert problems.names() == sorted(problems.names())
    assert {"simple", "simple-multi", "quadratic", "mnist", "cifar", "cifar-multi", "ensemble"} <= {*problems.names()}


@pytest.mark.parametrize(
    ("attribute", "options", "loss"), [("made", {}, 9.0), ("make", {"scale": 2.0}, 18.0), ("Own", {"start": 4.0}, 16.0)]
)
def test_a_problem_of_the_users_own(attribute, options, loss, own_module):
    problem = problems.get(f"{own_module}:{attribute}", **options)
    assert isinstance(problem, Problem)
    assert (problem.name, problem.options) == (f"{own_module}:{attribute}", options)
    again = problems.get(problem.name, **problem.options)
    assert float(again.loss(again.initial_parameters((), [0, 0]), (), [0, 0])) == loss


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("quadradic", {}, r"A problem is one of \['cifar', .*\], or package.module:attribute .* Received: 'quadradic'"),
        ("quadratic", {"dims": 2}, r"quadratic takes the options \['batch_size', 'num_dims', .* Received: \['dims'\]"),
        ("simple", {"dims": 2}, r"simple takes the options \['dtype'\]. Received: \['dims'\]"),
        ("not_there:x", {}, "There is no module 'not_there' to import. Received: 'not_there:x'"),
        ("problems_of_mine.sub:x", {}, "There is no module 'problems_of_mine.sub' to import"),
        (":x", {}, "There is no module '' to import"),
        ("problems_of_mine:nothing", {}, "The module problems_of_mine has no attribute 'nothing'"),
        ("problems_of_mine:number", {}, "is neither a Problem, nor a subclass of it, nor a .* Received: int"),
        ("problems_of_mine:made", {"scale": 2}, r"problems_of_mine:made takes the options \[\]. Received: \['scale'\]"),
        ("problems_of_mine:make", {"size": 2}, r"takes the options \['scale'\]. Received: \['size'\]"),
    ],
)
def test_bad_names_and_options(name, options, message, own_module):
    with pytest.raises(ValueError, match=message):
        problems.get(name, **options)


def test_what_the_users_module_misses_is_not_hidden(own_module):
    message = r"^The module 'needs_more' raised ModuleNotFoundError at .*needs_more.py:1, `import not_installed_at_all`"
    with pytest.raises(UserCodeError, match=message) as caught:
        problems.get("needs_more:x")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_import_is_cheap():
    code = "import sys, problems; print([m for m in ('tensorflow_datasets', 'sonnet') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
