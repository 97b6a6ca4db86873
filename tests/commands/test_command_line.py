"""What the commands share, in small commands of the tests' own that need no TensorFlow."""

import json
import os
import signal
import subprocess
import sys

import pytest
from absl import flags

from l2l_tf.commands import command_line
from problems import DatasetNotPreparedError

COMMAND = '''"""Says what it was given."""
import json, os, sys, time
from absl import flags
from l2l_tf.commands import command_line

FLAGS = flags.FlagValues()
flags.DEFINE_string("do", "print", "What to do.", flag_values=FLAGS)
flags.DEFINE_integer("count", None, "A number.", 1, flag_values=FLAGS)
command_line.define_json("options", {"a": 1}, "An object.", FLAGS)
command_line.define_json("items", None, "An array.", FLAGS, list)
command_line.define_common(FLAGS)


def main():
    if FLAGS.do == "print":
        print(json.dumps([FLAGS.options, FLAGS["items"].value, FLAGS.seed]))
    if FLAGS.do == "value":
        raise ValueError("What is expected. Received: 3.")
    if FLAGS.do == "data":
        from problems import DatasetNotPreparedError
        raise DatasetNotPreparedError("not there")
    if FLAGS.do == "open":
        open("/nowhere/at/all")
    if FLAGS.do == "fault":
        raise KeyError("ours")
    if FLAGS.do == "wait":
        print("waiting", flush=True)
        time.sleep(60)
    if FLAGS.do == "talk":
        for _ in range(100000):
            print("a long line of text")
    if FLAGS.do == "work":
        print("a long line of text\\n" * 10000)
        print("words", file=sys.stderr)
        with command_line.quiet_native_stderr(), open("work", "w") as file:
            os.system("echo noise; echo noise >&2")
            file.write("done")
        print("more text", flush=True)
    if FLAGS.do in ("quiet", "quiet failure"):
        with command_line.quiet_native_stderr():
            os.system("echo noise >&2")
            if FLAGS.do == "quiet failure":
                raise ValueError("failed")
        os.system("echo afterwards >&2")


command_line.run(main, FLAGS, __doc__)
'''


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("command") / "command.py"
    path.write_text(COMMAND)
    return path


def _run(script, *arguments):
    began = os.times()
    done = subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, timeout=60)
    ended = os.times()
    # Processor time: the promise is a second on a machine that is not busy with something else.
    assert ended.children_user + ended.children_system - began.children_user - began.children_system < 1
    return done


def test_flags_are_read(script, tmp_path):
    assert json.loads(_run(script).stdout) == [{"a": 1}, None, 0]
    (tmp_path / "options.json").write_text('{"b": [2]}')
    given = _run(script, f"--options=@{tmp_path}/options.json", "--items=[1, {}]", "--seed=4611686018427387903")
    assert json.loads(given.stdout) == [{"b": [2]}, [1, {}], 2**62 - 1]
    assert (given.returncode, given.stderr) == (0, "")


@pytest.mark.parametrize("flag", ["--help", "-h", "--helpfull"])
def test_help_shows_our_flags_and_no_others(script, flag):
    done = _run(script, "--do=fault", flag)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Says what it was given.\n\nUsage: python command.py [--flag=value ...]\n")
    shown = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("  --")]
    ours = ["--do", "--count", "--options", "--items", "--seed", "--data_dir", "--[no]download", "--threads"]
    assert shown == [*ours, "--[no]debug"]
    assert '--options (default: {"a": 1})' in done.stdout


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--do=value", "What is expected. Received: 3."),
        ("--do=data", "not there"),
        ("--do=open", "No such file or directory: '/nowhere/at/all'."),
        ("--coun=3", "Unknown command line flag 'coun'. Did you mean: count ? (command.py --help lists the flags.)"),
        ("--count=0", "flag --count=0: 0 is not a positive integer (command.py --help lists the flags.)"),
        (
            "--count=x",
            "flag --count=x: invalid literal for int() with base 10: 'x' (command.py --help lists the flags.)",
        ),
        ("--threads=4", "flag --threads=4: value should be one of <auto|default> (command.py --help lists the flags.)"),
        ("stray", "command.py takes flags (--name=value) and nothing else. Received: 'stray'."),
        (
            '--options={"a"',
            'flag --options={"a": Must be a JSON object, e.g. {"key": 1}, or @ and the name of a file that holds one. '
            "Expecting ':' delimiter: line 1 column 5 (char 4). (command.py --help lists the flags.)",
        ),
        (
            "--options=[1]",
            'flag --options=[1]: Must be a JSON object, e.g. {"key": 1}, or @ and the name of a file that holds one. '
            "(command.py --help lists the flags.)",
        ),
        (
            "--items={}",
            "flag --items={}: Must be a JSON array, e.g. [1, 2], or @ and the name of a file that holds one. "
            "(command.py --help lists the flags.)",
        ),
        (
            "--items=@nowhere",
            "flag --items=@nowhere: Must be a JSON array, e.g. [1, 2], or @ and the name of a file that holds one. "
            "The file cannot be read: No such file or directory. (command.py --help lists the flags.)",
        ),
    ],
)
def test_a_users_error_is_one_line(script, argument, message):
    done = _run(script, argument)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"Error: {message}\n")


def test_debug_shows_the_traceback(script):
    done = _run(script, "--do=value", "--debug")
    assert done.returncode == 2
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("Error: What is expected. Received: 3.\n")


def test_a_fault_of_ours_keeps_its_traceback(script):
    done = _run(script, "--do=fault")
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("KeyError: 'ours'\n")


def test_ctrl_c(script):
    process = subprocess.Popen([sys.executable, script, "--do=wait"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == b"waiting\n"
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert (process.returncode, stderr) == (130, b"Interrupted.\n")


def test_a_reader_that_leaves(script):
    process = subprocess.Popen([sys.executable, script, "--do=talk"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.close()
    stderr = process.stderr.read()
    process.stderr.close()
    assert (process.wait(timeout=30), stderr) == (0, b"")


@pytest.mark.parametrize("redirect", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_cost_no_work_and_nothing_is_written_into_its_files(script, tmp_path, redirect):
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {redirect}', "sh", sys.executable, script, "--do=work"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
    )
    assert (tmp_path / "work").read_text() == "done"
    assert done.returncode == 0
    assert done.stderr == ("" if "2>" in redirect else "words\n")


@pytest.mark.parametrize("unbuffered", [[], ["-u"]])
def test_a_reader_that_leaves_costs_no_work(script, tmp_path, unbuffered):
    process = subprocess.Popen(
        [sys.executable, *unbuffered, script, "--do=work"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=tmp_path,
    )
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=60) == 0
    assert (tmp_path / "work").read_text() == "done"


def test_a_full_disk_under_the_output_costs_no_work_and_is_said(script, tmp_path):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, script, "--do=work"], stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path
        )
    assert (tmp_path / "work").read_text() == "done"
    assert done.returncode == 2
    assert done.stderr.endswith("Error: What is printed could not all be written (No space left on device).\n")


def test_native_noise_is_held_back_unless_something_fails(script):
    assert _run(script, "--do=quiet").stderr == "afterwards\n"
    assert _run(script, "--do=quiet failure").stderr == "noise\nError: failed\n"


def test_threads():
    assert command_line.threads_for("auto", "mnist") == 1
    assert command_line.threads_for("auto", "cifar") is None
    assert command_line.threads_for("default", "mnist") is None
    inside = {"problems": [{"name": "quadratic"}, {"name": "scaled", "options": {"problem": {"name": "cifar"}}}]}
    assert command_line.threads_for("auto", "ensemble", inside) is None
    assert command_line.threads_for("auto", "ensemble", {"problems": [{"name": "quadratic"}]}) == 1
    assert command_line.threads_for("auto", "scaled", {"problem": {"name": "mine:problem"}}) is None


def test_data_of_problems_inside_of_others(tmp_path):
    options = {"problem": {"name": "ensemble", "options": {"problems": [{"name": "simple"}, {"name": "mnist"}]}}}
    with pytest.raises(DatasetNotPreparedError, match=f"mnist was looked for in {tmp_path}"):
        command_line.check_problem("scaled", options, str(tmp_path), False)
    checked = command_line.check_problem("scaled", options, str(tmp_path), True)
    assert checked == (options, {"data_dir": str(tmp_path), "download": True})
    assert command_line.check_problem("scaled", {"problem": {"name": "simple"}}, str(tmp_path), True)[1] == {}
    with pytest.raises(ValueError, match=r"simple takes the options \['dtype'\]. Received: \['dims'\]"):
        command_line.check_problem("scaled", {"problem": {"name": "simple", "options": {"dims": 2}}}, None, False)


def test_commands_do_not_share_flags():
    for _ in range(2):
        command_line.define_common(flags.FlagValues())
    assert "data_dir" not in flags.FLAGS
