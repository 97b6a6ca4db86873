"""train.py within the process of the tests, which has TensorFlow already: another one takes seconds to import it."""

from absl.testing import flagsaver

from l2l_tf.commands import command_line, train


def run_train(monkeypatch, *words: object) -> None:
    """Runs train.py with these flags, and leaves its flags as they were.

    TensorFlow's threads cannot be set any more, so the run is one of `--threads=default`.
    """
    monkeypatch.setattr(command_line, "import_tensorflow", lambda threads: None)
    saved = flagsaver.save_flag_values(train.FLAGS)
    try:
        train.FLAGS(["train.py", "--threads=default", *map(str, words)])
        train.main()
    finally:
        flagsaver.restore_flag_values(saved, train.FLAGS)
