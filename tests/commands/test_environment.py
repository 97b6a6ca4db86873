"""`python -m l2l_tf.report`: what it says is so, and it names no person, place or secret."""

import os
import platform
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import l2l_tf
from l2l_tf.commands import environment
from l2l_tf.fast import native
from l2l_tf.saving import provenance

ROOT = Path(__file__).parents[2]


def said(folder=None, **variables):
    """What a process of its own prints, by name, and all of it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("L2L_", "TF_", "XLA_", "CXX"))}
    kept["PYTHONPATH"] = str(ROOT) if folder is None else f"{folder}:{ROOT}"
    command = [sys.executable, "-m", "l2l_tf.report"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=kept | variables)
    return dict(line.split(": ", 1) for line in done.stdout.splitlines()), done.stdout + done.stderr


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    home = tmp_path_factory.mktemp("home") / "ada.lovelace"
    home.mkdir()
    variables = {
        "HOME": str(home),
        "L2L_DATA_DIR": "/data/secret-project",
        "L2L_NATIVE": "0",
        "TF_CONFIG": '{"cluster": {"worker": ["secret-host:1"]}}',
        "XLA_FLAGS": f"--xla_dump_to={home}/dump",
        "HF_TOKEN": "hf_secret",
        "GITHUB_TOKEN": "secret",
    }
    return (*said(**variables), home)


def test_it_says_what_is_so(found):
    facts, _, _ = found
    assert (facts["python"], facts["l2l_tf"]) == (platform.python_version(), l2l_tf.__version__)
    assert facts["numpy"] == np.__version__
    assert facts["tensorflow"] == provenance.versions()["tensorflow"]
    assert facts["system"].startswith(f"{platform.system()} ")
    assert f"({platform.machine()})" in facts["processor"]
    assert facts["processor"].endswith(f" of {os.cpu_count()} cores usable")
    assert facts["vector instructions"] == " ".join(provenance.vector_instructions()) or "unknown"
    assert facts["TensorFlow"].startswith("loads; built with ")
    assert facts["native code"] == "no: L2L_NATIVE=0 is set"
    assert list(facts)[-4:] == ["TensorFlow", "GPUs", "compiler", "native code"]


def test_it_names_no_person_place_or_secret(found):
    facts, text, home = found
    assert "secret" not in text
    assert str(home) not in text and "ada" not in text.lower()
    assert "XLA_FLAGS=--xla_dump_to=~/dump" in facts["environment"]
    for name in ("L2L_DATA_DIR", "TF_CONFIG"):
        assert f"{name} is set" in facts["environment"]
    assert "TOKEN" not in text


def test_native_code_is_what_the_library_says():
    expected = f"yes, of the sources {native.sources_digest()}" if native.operations() is not None else "no: "
    assert environment._native_code(native, False).startswith(expected)
    assert environment._native_code(native, True) == "no: TensorFlow has a GPU"


def test_a_compiler_that_fails_and_tensorflow_that_is_broken(tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise ImportError('libcuda.so.1: not found in /home/grace/lib')")
    facts, _ = said(tmp_path)
    assert list(facts)[-1] == "TensorFlow"
    assert facts["TensorFlow"] == "does not load: ImportError: libcuda.so.1: not found in ~/lib"
    assert {"python", "processor", "environment"} < set(facts)

    compiler = tmp_path / "broken"
    compiler.write_text("#!/bin/sh\necho broken 1.0; test $1 = --version")
    compiler.chmod(compiler.stat().st_mode | stat.S_IXUSR)
    facts, _ = said(CXX=str(compiler), XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert facts["compiler"] == f"{compiler}: broken 1.0"
    if facts["GPUs"] == "none seen":
        assert facts["native code"].startswith("no: Training is slower without native code")
        assert f"{compiler} failed: broken 1.0" in facts["native code"]


def test_no_compiler():
    assert environment._compiler(None) == "none: no c++, and CXX is not set"
    assert environment._compiler("/nowhere/c++").startswith("/nowhere/c++ does not run: ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/ada/x/y.so", "~/x/y.so"),
        ("in /Users/ada: no", "in ~: no"),
        ("-I/home/ada/x '/root/y'", "-I~/x '~/y'"),
        ("/homework/ada", "/homework/ada"),
        ("/srv/home/ada", "/srv~"),
        ("two\n  lines", "two lines"),
    ],
)
def test_homes_are_not_named(text, expected, monkeypatch):
    monkeypatch.setenv("HOME", "/elsewhere")
    assert environment.anonymous(text) == expected
    monkeypatch.setenv("HOME", "/srv/people/ada")
    assert environment.anonymous("/srv/people/ada/x /srv/people/adam/x") == "~/x /srv/people/adam/x"
