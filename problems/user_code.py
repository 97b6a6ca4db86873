"""Code of the user's own, which we import and call: one error that names its line, whatever went wrong in it.

Needs no TensorFlow: commands ask here too.
"""

import contextlib
import inspect
import linecache
import re
import site
import sysconfig
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from problems.datasets import DatasetNotPreparedError

_OURS = Path(__file__).resolve().parent
_PATHS = sysconfig.get_paths()
_PACKAGES = (f"{_OURS}/", f"{_OURS.parent / 'l2l_tf'}/")
_LIBRARIES = _PACKAGES + tuple(
    f"{Path(folder).resolve()}/"
    for folder in (
        *(_PATHS[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")),
        *site.getsitepackages(),
        site.getusersitepackages(),
    )
)
_FRAME = re.compile(r'File "(?P<file>[^"\n]+)", line (?P<line>\d+)')
_AROUND = re.compile(r'Graph execution error|Detected at node|Stack trace for|\s+File "|<stack traces unavailable>')
_BESIDE = re.compile(r"\t \[\[\{\{|Arguments received by|\n\nStack trace for|You can attempt the following|\[Op:")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_LONGEST = 400
# What TensorFlow and Python say where a tensor without a value is taken for a number, a condition or an array.
_TRACED = re.compile(r"[Ss]ymbolic|AutoGraph|eager execution is enabled|attribute 'numpy'|outer function|out of scope")
_TRACED_ADVICE = (
    "A problem is traced into a graph once, not run line by line: on tensors use TensorFlow's operations (tf.where, "
    "tf.cond, tf.random.stateless_normal), not Python's `if` and NumPy, or decorate the function with @tf.function."
)


class UserCodeError(ValueError):
    """A user's own code raised: where, at which line, and what.

    What it raised is the `__cause__`, or, as TensorFlow's compiled functions drop that, the `__context__`.
    """


class Place(NamedTuple):
    """A line of the user's code."""

    file: str
    line: int

    def __str__(self) -> str:
        source = linecache.getline(self.file, self.line).strip()
        return f"{self.file}:{self.line}" + (f", `{_cut(source, 120)}`" if source else "")


@contextlib.contextmanager
def named(what: str, code: Callable | None = None) -> Iterator[None]:
    """Turns whatever the body raises into one error, which names the user's line that it came from.

    An error that no line of the user's had a part in is passed on as it is, unless it is known whose `code` ran.
    Interrupts, data that is missing, and what `Problem` itself raises for what a problem does not have are passed on
    too.

    Args:
      what: ran, for the error, e.g. "The loss of 'mine:problem'".
      code: the user's function, where it is one that ran.

    Raises:
      UserCodeError: from what was raised; `sys.exit` in a user's code ends nothing either.
    """
    try:
        yield
    except (UserCodeError, DatasetNotPreparedError, KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        if _says_the_contract(error):
            raise
        place = place_of(error) or (None if code is None else definition(code))
        if place is None and not isinstance(error, SystemExit) and code is None:
            raise
        raise UserCodeError(described(what, error, place)) from error


def described(what: str, error: BaseException, place: Place | None) -> str:
    """What was raised and where, in one line."""
    reason = _reason(error)
    at = f" at {place}" if place else ""
    if isinstance(error, SystemExit):
        reason = f"It left with sys.exit({error.code!r}); raise an exception to say that something is wrong."
    advice = f" {_TRACED_ADVICE}" if _TRACED.search(reason) or _TRACED.search(str(error)) else ""
    return f"{what} raised {type(error).__name__}{at}: {reason}{advice}"


def at_run_time(error: BaseException, is_own: bool) -> str | None:
    """The error for what TensorFlow raises as a compiled function runs; None where no line of the user's is at fault.

    Args:
      error: what was raised.
      is_own: whether a problem of the user's own was run, so that an operation without a line is of that.
    """
    if not type(error).__module__.startswith("tensorflow."):
        return None
    place = place_in_text(str(error))
    return described("The problem, as it ran,", error, place) if place or is_own else None


def place_of(error: BaseException) -> Place | None:
    """The innermost line of the user's that an error passed, or that its text names."""
    if isinstance(error, SyntaxError) and error.filename and is_users(error.filename):
        return Place(error.filename, error.lineno or 0)
    places = []
    step = error.__traceback__
    while step is not None:
        places.append(Place(step.tb_frame.f_code.co_filename, step.tb_lineno))
        step = step.tb_next
    return innermost(places) or place_in_text(str(error))


def place_in_text(text: str) -> Place | None:
    """The last line of the user's that a text names, as the errors of compiled functions name them."""
    return innermost((Place(found["file"], int(found["line"])) for found in _FRAME.finditer(text)), within_ours=True)


def innermost(places: Iterable[Place], within_ours: bool = False) -> Place | None:
    """The last of them that is in a file of the user's; `within_ours`, that was called by a line of ours."""
    for place in reversed(list(places)):
        if is_users(place.file):
            return place
        if within_ours and _is_ours(place.file):
            return None  # What lies further out is the script that called us.
    return None


def definition(code: Callable) -> Place | None:
    """Where a function or class of the user's begins, if it is one."""
    code = getattr(inspect.unwrap(code), "python_function", code)  # tf.function's
    try:
        file = inspect.getsourcefile(code)
        _, line = inspect.getsourcelines(code)
    except (OSError, TypeError):
        return None
    return Place(file, max(1, line)) if file and is_users(file) else None


def is_users(file: str) -> bool:
    """Whether a source file is the user's: neither ours nor of an installed package."""
    if file.startswith("<"):
        return file.startswith(("<stdin", "<ipython"))
    if "__autograph_generated_file" in file or "site-packages" in file or "dist-packages" in file:
        return False
    return not str(Path(file).resolve()).startswith(_LIBRARIES)


def _says_the_contract(error: BaseException) -> bool:
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    raised_in = step and step.tb_frame.f_code.co_filename
    return raised_in == str(_OURS / "problem.py") and isinstance(error, NotImplementedError | ValueError)


def _is_ours(file: str) -> bool:
    return str(Path(file).resolve()).startswith(_PACKAGES)


def _reason(error: BaseException) -> str:
    """What an error says, in one line."""
    text = _COLOURS.sub("", str(error))
    if text.startswith("in user code:"):  # AutoGraph's: the frames, then what was raised.
        text = text.strip().splitlines()[-1]
    if text.startswith("Graph execution error"):  # The frames of the operation, then what it says.
        text = "\n".join(line for line in text.splitlines() if not _AROUND.match(line))
    # Keras shows all arguments of the layer's call, TensorFlow where each node is from and what else one could do.
    text = _BESIDE.split(text)[0]
    text = " ".join(text.split()) or "it says no more."
    return _cut(text if text[-1] in ".!?" else f"{text}.", _LONGEST)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
