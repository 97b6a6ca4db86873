"""Examples in docstrings run, those of public names and all others, and stand alone: `>>>` says that a line is one."""

import ast
import doctest
import importlib
import inspect
import textwrap

import pytest

from tests.site.blocks import ROOT
from tests.site.test_docstrings import EXTENSION, loaded
from tests.site.test_reference import DESCRIBED


def docstrings():
    """Place to docstring, of all of the package that has `>>>`."""
    found = {}
    for file in sorted(path for package in ("l2l_tf", "problems") for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = ast.get_docstring(node) or ""
                if ">>>" in text:
                    found[f"{file.relative_to(ROOT)}:{getattr(node, 'name', 'module')}"] = text
    return found


EXAMPLES = docstrings()


@pytest.mark.parametrize("place", EXAMPLES)
def test_an_example_runs_and_gives_what_it_says(place, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    examples = doctest.DocTestParser().get_doctest(EXAMPLES[place], {}, place, place, 0)
    failed, tried = doctest.DocTestRunner().run(examples)
    assert tried and not failed, capsys.readouterr().out


def test_the_names_that_promise_examples_have_them():
    names = {place.rpartition(":")[2] for place in EXAMPLES}
    assert {"LearnedOptimizer", "FitLength", "evaluate", "opt_list", "from_function"} <= names


@pytest.mark.parametrize("name", DESCRIBED)
def test_python_in_a_public_docstring_is_an_example(name):
    """An indented block that Python can read is no equation: it would be code that nothing runs."""
    module, _, attribute = name.rpartition(".")
    found = getattr(importlib.import_module(module), attribute)
    text = found.__doc__ if callable(found) else None
    for block in literal_blocks(inspect.cleandoc(text or "")):
        with pytest.raises(SyntaxError):
            ast.parse(block)


def literal_blocks(text):
    """The indented blocks of a docstring, as the site shows them."""
    lines = list(loaded(EXTENSION).with_literal_blocks(text.split("\n")))
    for start in [i for i, line in enumerate(lines) if line.strip() == "::"]:
        base, block = len(lines[start]) - len(lines[start].lstrip()), []
        for line in lines[start + 1 :]:
            if line.strip() and len(line) - len(line.lstrip()) <= base:
                break
            block.append(line)
        yield textwrap.dedent("\n".join(block))


def test_literal_blocks_are_found():
    text = "A line.\n\n    model.fit(x, y)\n\nMore, an equation:\n\n    m' = beta m\n"
    assert [block.strip() for block in literal_blocks(text)] == ["model.fit(x, y)", "m' = beta m"]
