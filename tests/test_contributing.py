"""What contributors are told holds: paths that exist, one version everywhere, an example that runs, forms that ask."""

import re
import textwrap
import tomllib
from pathlib import Path

import numpy as np
import pytest

import l2l_tf
import problems
from l2l_tf import version

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text()
FORMS = ROOT / ".github" / "ISSUE_TEMPLATE"
# Made by following the guide, or by the build.
_MADE = {"dist/", "l2l_tf/networks/sign_sgd.py"}
_OF_EACH_FOLDER = {"__init__.py"}


def _paths():
    """All that looks like the path of a file or folder of the repository."""
    ends = (".py", ".md", ".toml", ".cff", ".yml", ".txt", "/", "/run")
    words = {word.rstrip(".") for word in re.findall(r"[\w./*-]+", GUIDE)}
    return {word for word in words if word.endswith(ends) and word.strip("/")}


def test_paths_in_the_guide_exist():
    paths = _paths()
    assert {"CITATION.cff", "l2l_tf/version.py", "tests/conformance/networks_table.py", "results/optimizers/"} <= paths
    assert len(paths) > 25
    missing = {path for path in paths - _MADE - _OF_EACH_FOLDER if not (ROOT / path).exists()}
    assert not missing


def test_names_in_the_guide_exist():
    """`NAME` of `file`."""
    tables = re.findall(r"`([A-Z]+)`\s+of\s+`([\w/.]+)`", GUIDE)
    assert len(tables) == 6
    for name, file in tables:
        assert re.search(rf"^{name}\b.*=", (ROOT / file).read_text(), re.MULTILINE), f"{name} of {file}"


def test_the_example_of_a_rule_runs():
    (block,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    namespace = {"__name__": "l2l_tf.networks.sign_sgd"}
    exec(textwrap.dedent(block), namespace)
    rule = namespace["SignSgd"](learning_rate=0.25)
    curves = l2l_tf.evaluate(rule, problems.get("simple"), num_steps=3, num_draws=1)
    np.testing.assert_allclose(curves.losses, [[1, 0.75**2, 0.5**2, 0.25**2]], rtol=1e-5)
    assert [variable.shape for variable in rule.trainable_variables] == [()]
    row = re.search(r'"SignSgd": Entry\("([\w.]+)", \("(\w+)",\)', GUIDE)
    assert (row[1], [row[2]]) == (namespace["__name__"], list(rule.options))


def test_one_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = (ROOT / "CITATION.cff").read_text()
    cited = re.findall(r"^\s*version: (\S+)$", citation, re.MULTILINE)
    assert [project["version"], *cited] == [version.__version__] * 3
    assert f"license: {project['license']}" in citation
    assert re.search(r"^cff-version: 1\.2\.0$", citation, re.MULTILINE)
    for key in ("message", "title", "authors", "type"):  # What the format, or those who cite, need.
        assert re.search(rf"^{key}:", citation, re.MULTILINE), key
    assert "title: Learning to learn by gradient descent by gradient descent" in citation


def test_what_is_installed_with_the_package():
    """The files that are not Python's and that it reads are in the wheel."""
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["l2l_tf"]
    packed = {file for pattern in data for file in (ROOT / "l2l_tf").glob(pattern)}
    read = {ROOT / "l2l_tf" / "evaluation" / "page" / f"report.{kind}" for kind in ("css", "js")}
    assert read <= packed


def test_the_forms_ask_for_the_report():
    yaml = pytest.importorskip("yaml", reason="needs PyYAML, which comes with other packages")
    forms = {file.name: yaml.safe_load(file.read_text()) for file in FORMS.glob("*.yml")}
    assert set(forms) == {"bug_report.yml", "feature_request.yml", "config.yml"}
    for name in ("bug_report.yml", "feature_request.yml"):
        assert {"name", "description", "body"} <= set(forms[name])
        assert len({part["id"] for part in forms[name]["body"]}) == len(forms[name]["body"])
    (asked,) = [part for part in forms["bug_report.yml"]["body"] if part["id"] == "machine"]
    assert "python -m l2l_tf.report" in asked["attributes"]["label"]
    assert asked["validations"]["required"] is True
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == citation["preferred-citation"]["version"] == version.__version__
    assert citation["references"][0]["authors"][-1] == {
        "given-names": "Nando",
        "name-particle": "de",
        "family-names": "Freitas",
    }


def test_the_bug_form_asks_for_the_report():
    text = (FORMS / "bug_report.yml").read_text()
    assert "label: What `python -m l2l_tf.report` prints" in text
    assert (ROOT / "l2l_tf" / "report.py").exists()
