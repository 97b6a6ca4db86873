"""What train.py and evaluate.py share: flags, one-line errors, and TensorFlow only once all is checked.

A command keeps its flags in a `flags.FlagValues` of its own, so that `--help` shows these and not the dozens
that imported packages register. Its main checks all it can, then calls `import_tensorflow`, and only then
imports what needs it: wrong flags, unknown names and missing files are answered in a fraction of a second.
"""

import contextlib
import os
import sys
import tempfile
import textwrap
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from absl import flags

from l2l_tf import allocator
from l2l_tf.commands import json_flags, streams, texts
from problems import catalogue, datasets, distribution, user_code

OK, USER_ERROR, INTERRUPTED = 0, 2, 130
_THREADS = ("auto", "default")
_SEEDS_LOOKED_AT = 24  # Problems of a distribution whose data is looked for.
_USER_ERRORS = (
    ("problems.datasets", "DatasetNotPreparedError"),
    ("l2l_tf.training.loop", "TrainingDivergedError"),
    # A full disk, a folder that cannot be written, too little memory, as TensorFlow tells them.
    ("tensorflow.python.framework.errors_impl", "ResourceExhaustedError"),
    ("tensorflow.python.framework.errors_impl", "FailedPreconditionError"),
    ("tensorflow.python.framework.errors_impl", "PermissionDeniedError"),
    ("tensorflow.python.framework.errors_impl", "NotFoundError"),
)
define_json = json_flags.define
_HELP = {"-h", "-help", "--help", "--helpfull", "--helpshort"}


def run(
    main: Callable[[], None],
    flag_values: flags.FlagValues,
    description: str,
    argv: Sequence[str] | None = None,
    may_be_empty: Collection[str] = (),
) -> None:
    """Parses the flags, calls `main()` and exits the process.

    The exit code is 0; 2 after an error that the user can mend (a bad flag, `ValueError`, `OSError`,
    `DatasetNotPreparedError`, `TrainingDivergedError`, what TensorFlow raises in a problem of the user's own), told in
    one line on stderr without a traceback; 130 after Ctrl-C. Any other exception is a fault of ours and keeps its
    traceback, as does every one with `--debug`. A reader that leaves, as `head`
    does, and streams that are closed end nothing.

    Args:
      main: the command. It reads its flags from `flag_values`.
      flag_values: the command's flags, `define_common`'s among them.
      description: what `--help` says above the flags.
      argv: by default the process's own.
      may_be_empty: lists that mean something without an element; no other flag's text may be empty.
    """
    streams.make_unbreakable()
    argv = list(sys.argv if argv is None else argv)
    name = os.path.basename(argv[0])
    if _HELP & set(argv[1:]):
        print(help_text(name, flag_values, description))
        sys.exit(OK)
    try:
        texts.check_arguments(argv)
        stray = flag_values(argv)[1:]
        if stray:
            raise ValueError(f"{name} takes flags (--name=value) and nothing else. Received: {' '.join(stray)!r}.")
        texts.check(flag_values, may_be_empty)
        main()
        sys.stdout.flush()
        if error := streams.lost():
            raise OSError(error.errno, f"What is printed could not all be written ({error.strerror})") from error
    except KeyboardInterrupt as interrupt:
        print(" ".join(["Interrupted.", *map(str, interrupt.args)]), file=sys.stderr)
        sys.exit(INTERRUPTED)
    except flags.Error as error:
        _exit(f"{error} ({name} --help lists the flags.)")
    except Exception as error:
        message = _message(error) if _is_users(error) else user_code.at_run_time(error, _has_own_problem(flag_values))
        if message is None:
            raise
        if flag_values.is_parsed() and flag_values["debug"].value:
            traceback.print_exc()
        _exit(message)
    sys.exit(OK)


def define_common(flag_values: flags.FlagValues) -> None:
    """The flags that every command has: seed, data_dir, download, threads, debug."""
    flags.DEFINE_integer("seed", 0, "Root of all random draws.", 0, 2**62 - 1, flag_values=flag_values)
    flags.DEFINE_string(
        "data_dir",
        None,
        "Folder of the TensorFlow Datasets data; by default the environment variable L2L_DATA_DIR, then TFDS's own.",
        flag_values=flag_values,
    )
    flags.DEFINE_bool("download", False, "Fetch data that is missing.", flag_values=flag_values)
    flags.DEFINE_enum(
        "threads",
        "auto",
        _THREADS,
        'Threads of TensorFlow on the CPU: "auto" gives each operation one where the problem is small and '
        "dense, which is faster there.",
        flag_values=flag_values,
    )
    flags.DEFINE_bool("debug", False, "Show the traceback of every error.", flag_values=flag_values)


def check_problem(
    name: str, options: dict[str, Any], data_dir: str | None, download: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Checks all of a problem that can be checked without TensorFlow.

    Returns:
      The options that say what it is, those that stand for others written out, and those that say where its data is.

    Raises:
      ValueError: an unknown name, option or value, or a file that an option names is missing.
      DatasetNotPreparedError: data that is missing, without `download`.
    """
    catalogue.check(name, options)
    catalogue.check_values(name, options)
    catalogue.check_inside(name, options)
    found = []
    for part, own_options in catalogue.parts(name, options):
        catalogue.check_files(part, own_options)
        folder = data_dir or options.get("data_dir") or own_options.get("data_dir")
        if not data_dir and "://" in (folder or "").removeprefix("file://"):
            # Options may have come with somebody's optimizer: what goes over the network is for the user to say.
            raise ValueError(
                f"A data_dir in options is a folder of this machine; name others by --data_dir. Received: {folder!r}."
            )
        found += [(dataset, folder) for dataset in catalogue.needed_datasets(part, own_options)]
    options = catalogue.resolved(name, options)
    if not found:
        return options, {}
    if not download:
        for dataset, folder in found:
            datasets.check_present(dataset, folder)
    identity = {name: value for name, value in options.items() if name not in ("data_dir", "download")}
    return identity, {"data_dir": data_dir or options.get("data_dir"), "download": download}


def check_distribution(
    name: str, options: dict[str, Any], data_dir: str | None, download: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """`check_problem` of a distribution of problems; of its data as far as some of its problems show what it is.

    Raises:
      ValueError, DatasetNotPreparedError: as `check_problem`.
    """
    some = distribution.get(name, options)
    needed = False
    for seed in range(_SEEDS_LOOKED_AT):
        task = some.task(seed, seed / _SEEDS_LOOKED_AT)
        if task.problem in catalogue.CATALOGUE:
            needed |= bool(check_problem(task.problem, task.problem_options, data_dir, download)[1])
    return options, {"data_dir": data_dir, "download": download} if needed else {}


def check_held_out(flag: str, problem: str, options: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    """Refuses a flag that needs held-out data where the problem is known to have none.

    Raises:
      ValueError: it is.
    """
    parts = catalogue.parts(problem, options)
    if not data and all(
        name in catalogue.CATALOGUE and not catalogue.CATALOGUE[name].described_by for name, _ in parts
    ):
        raise ValueError(f"--{flag}: the problem {problem} has no held-out data.")


def threads_for(setting: str, problem: str, options: Mapping[str, Any] | None = None) -> int | None:
    """Threads within an operation for the flag `threads`; None leaves TensorFlow's default."""
    # Of a problem of the user's own we do not know what it is made of.
    dense = all(
        name in catalogue.CATALOGUE and not catalogue.is_convolutional(name, own_options)
        for name, own_options in catalogue.parts(problem, options or {})
    )
    return 1 if setting == "auto" and dense else None


def import_tensorflow(intra_op_threads: int | None = None) -> Any:
    """Imports TensorFlow without its start-up noise, sets its threads and initialises it.

    Args:
      intra_op_threads: within one operation; with it, as many operations as there are cores run side by side.

    Raises:
      ValueError: TensorFlow is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    allocator.keep_one_heap()
    with quiet_native_stderr():
        try:
            import tensorflow as tf
        except ModuleNotFoundError as error:
            if error.name != "tensorflow":
                raise
            raise ValueError(
                f"TensorFlow is not installed for {sys.executable}. Install it (pip install -r requirements.txt), "
                "or run the Python of the environment that has it, e.g. .venv/bin/python."
            ) from error
        if intra_op_threads is not None:
            tf.config.threading.set_intra_op_parallelism_threads(intra_op_threads)
            tf.config.threading.set_inter_op_parallelism_threads(os.cpu_count() or 1)
        tf.constant(0)
    return tf


@contextlib.contextmanager
def quiet_native_stderr() -> Iterator[None]:
    """Holds back what native code writes to stderr, and gives it out after all if the body fails."""
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        with tempfile.TemporaryFile() as held:
            os.dup2(held.fileno(), 2)
            try:
                yield
            except BaseException:
                os.dup2(saved, 2)
                held.seek(0)
                os.write(2, held.read())
                raise
            finally:
                os.dup2(saved, 2)
    finally:
        os.close(saved)


def help_text(name: str, flag_values: flags.FlagValues, description: str) -> str:
    """What `--help` prints."""
    program = name if "." not in name and " " not in name else f"python {name}"
    lines = [description.strip(), "", f"Usage: {program} [--flag=value ...]", ""]
    for flag_name in flag_values:
        flag = flag_values[flag_name]
        switch = f"  --[no]{flag.name}" if flag.boolean else f"  --{flag.name}"
        default = flag.default_as_str and flag.default_as_str.strip("'")
        lines.append(switch + (f" (default: {default})" if default is not None else ""))
        lines.append(textwrap.indent(textwrap.fill(flag.help, 96), " " * 6))
    return "\n".join(lines)


def _is_users(error: Exception) -> bool:
    # Looked up and not imported: where its module is not loaded, nobody can have raised it.
    ours = [getattr(sys.modules[module], name) for module, name in _USER_ERRORS if module in sys.modules]
    return isinstance(error, (ValueError, OSError, *ours))


def _has_own_problem(flag_values: flags.FlagValues) -> bool:
    return "problem" in flag_values and ":" in (flag_values["problem"].value or "")


def _message(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename!r}" if error.filename is not None else ""
        return f"{error.strerror}{where}."
    return str(error)


def _exit(message: str) -> None:
    sys.stdout.flush()
    print(f"Error: {texts.one_line(message)}", file=sys.stderr)
    sys.exit(USER_ERROR)
