"""Commands within the process of the tests, which has TensorFlow already: another one takes seconds to import it."""

import contextlib

from absl.testing import flagsaver

from l2l_tf.commands import command_line, train


@contextlib.contextmanager
def flags_of(command, *words: object):
    """The flags of a command's module are these, and afterwards what they were."""
    saved = flagsaver.save_flag_values(command.FLAGS)
    try:
        command.FLAGS(["command", *map(str, words)])
        yield
    finally:
        flagsaver.restore_flag_values(saved, command.FLAGS)


def run_train(monkeypatch, *words: object) -> None:
    """Runs train.py with these flags, and leaves its flags as they were.

    TensorFlow's threads cannot be set any more, so the run is one of `--threads=default`.
    """
    monkeypatch.setattr(command_line, "import_tensorflow", lambda threads: None)
    with flags_of(train, "--threads=default", *words):
        train.main()
