"""Every public name has its place in docs/reference, and every directive there names something that is."""

import importlib
import re
from pathlib import Path

import pytest

import l2l_tf
import problems
from l2l_tf import estimators, networks, pretrained
from problems import catalogue

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
_DIRECTIVE = re.compile(r"^\.\. (?:auto(?:class|function|exception)|py:data):: (\S+)$", re.MULTILINE)


def described():
    return [name for page in sorted(REFERENCE.glob("*.md")) for name in _DIRECTIVE.findall(page.read_text())]


DESCRIBED = described()


def public_names():
    modules = {"estimators", "networks", "pretrained"}
    names = {f"l2l_tf.{name}" for name in l2l_tf.__all__ if name not in modules}
    for module in (networks, estimators, pretrained, problems):
        names |= {f"{module.__name__}.{name}" for name in module.__all__}
    names |= {f"l2l_tf.networks.{name}" for name in networks.names()}
    functions = [getattr(function, "func", function) for function in estimators.ESTIMATORS.values()]
    names |= {f"l2l_tf.estimators.{function.__name__}" for function in functions}
    return names | {catalogue.CATALOGUE[name].home.replace(":", ".") for name in problems.names()}


def test_every_public_name_has_a_place():
    assert public_names() - set(DESCRIBED) == set()


def test_no_name_is_described_twice():
    assert len(DESCRIBED) == len(set(DESCRIBED))


@pytest.mark.parametrize("page, names", [("problems.md", problems.names()), ("estimators.md", estimators.ESTIMATORS)])
def test_what_has_another_name_for_users_has_a_heading_of_that_name(page, names):
    headings = re.findall(r"^#+ (.*)$", (REFERENCE / page).read_text(), re.MULTILINE)
    assert set(names) - set(headings) == set()


@pytest.mark.parametrize("name", DESCRIBED)
def test_what_is_described_is_there_and_has_a_docstring(name):
    module, _, attribute = name.rpartition(".")
    found = getattr(importlib.import_module(module), attribute)
    if callable(found):
        assert found.__doc__


def test_every_network_has_an_example_and_a_cost():
    page = (REFERENCE / "networks.md").read_text()
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL))
    assert set(sections) == set(networks.names())
    for name, section in sections.items():
        (block,) = re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
        assert f'networks.get("{name}"' in block
        assert re.search(r"\*\*Cost:\*\* [\d,]+ bytes of state and [\d,]+ operations? a parameter", section), name
