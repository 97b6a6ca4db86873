"""Commands run in this process, without TensorFlow: what they refuse, and how.

`outcomes` runs them in another process, which has never imported TensorFlow: what needs it on the way to a refusal is
found there.
"""

import contextlib
import importlib
import io
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from experiments import __main__ as experiments
from experiments.shared import study_command
from l2l_tf.commands import command_line, evaluate, train

ROOT = Path(__file__).parents[2]
# Wrong types, NaN, infinity, negative, zero, huge, None, empty, and what cannot be written down.
VALUES = (
    *("nan", "inf", "-inf", "-1", "0", "1.5", "1e30", "1" + "0" * 30, "True", "None", "null", "nonesuch"),
    *("[]", "[1]", "{}", '{"a": 1}', "", " ", ",", "a\0b", "\udce9"),
)


class _ReachedError(BaseException):
    """All that can be checked without TensorFlow has been."""


class Outcome(NamedTuple):
    """What a command did.

    Attributes:
      kind: "refused" (exit code 2), "reached" (TensorFlow would be imported next), "done", or what it raised.
      output, error: what it wrote to stdout and stderr.
      seconds: of this process.
      left: what is new in the folder.
    """

    kind: str
    output: str
    error: str
    seconds: float
    left: list[str]

    def faults(self) -> list[str]:
        """What is wrong with it as a refusal."""
        wrong = {
            f"not refused ({self.kind})": self.kind != "refused",
            f"not one line: {self.error!r}": not self.error.startswith("Error: ") or self.error.count("\n") != 1,
            f"{len(self.error)} characters long": len(self.error) > 2500,
            "not at once": self.seconds > 1,
            f"left behind: {self.left}": bool(self.left),
        }
        return [what for what, is_so in wrong.items() if is_so]


def flags_of(command: str):
    """The flags of train, evaluate, or an experiment."""
    if command in ("train", "evaluate"):
        return {"train": train, "evaluate": evaluate}[command].FLAGS
    module = experiments.load(command)
    return study_command.FLAGS if hasattr(module, "STUDY") else module.FLAGS


def run(command: str, arguments: list[str], folder: Path, monkeypatch) -> Outcome:
    """Runs a command with `folder` as the current one, from the defaults of its flags, which it leaves there."""
    _reset(command)
    before, out, err = _inside(folder), io.StringIO(), io.StringIO()
    with monkeypatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.chdir(folder)
        patch.setattr(command_line, "import_tensorflow", _reach)
        patch.setitem(sys.modules, "tensorflow", None)  # Its import fails.
        began = time.process_time()
        try:
            if command in ("train", "evaluate"):
                patch.setattr(sys, "argv", [f"{command}.py", *arguments])
                importlib.import_module(f"l2l_tf.commands.{command}").run()
            else:
                experiments.main(["experiments", command, *arguments])
            kind = "done"
        except SystemExit as ended:
            kind = {command_line.OK: "done", command_line.USER_ERROR: "refused"}.get(ended.code, f"exit {ended.code}")
        except _ReachedError:
            kind = "reached"
        except Exception as error:
            kind = repr(error)
        seconds = time.process_time() - began
    _reset(command)
    return Outcome(kind, out.getvalue(), err.getvalue(), seconds, sorted(_inside(folder) - before))


def _reset(command: str) -> None:
    if command in experiments.NAMES or command in ("train", "evaluate"):
        known = flags_of(command)
        for name in known:
            known[name].unparse()
        known.unparse_flags()


def outcomes(command: str, cases: list[list[str]], folder: Path) -> list[Outcome]:
    """What comes of each list of arguments, one after the other in one process of its own."""
    given = json.dumps([command, cases, str(folder)])
    program = [sys.executable, "-m", "tests.commands.bad_input"]
    done = subprocess.run(program, input=given, capture_output=True, text=True, cwd=ROOT, check=True)
    return [Outcome(*outcome) for outcome in json.loads(done.stdout)]


def _reach(*_):
    raise _ReachedError


def _inside(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if "__pycache__" not in path.parts}


def _answer() -> None:
    command, cases, folder = json.load(sys.stdin)
    found = []
    for arguments in cases:
        with pytest.MonkeyPatch.context() as monkeypatch:
            found.append(run(command, arguments, Path(folder), monkeypatch))
    assert "tensorflow" not in sys.modules
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    _answer()
