"""Files that are whole or absent."""

import errno
import os
import subprocess
import sys

import pytest

from l2l_tf.saving import files


def test_a_file_takes_its_place_when_it_is_whole(tmp_path):
    path = tmp_path / "folder" / "file"
    with files.replacing(path) as stream:
        stream.write(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    assert os.listdir(path.parent) == ["file"]


def test_an_error_in_the_middle_keeps_what_was_there(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"before")
    with pytest.raises(KeyboardInterrupt), files.replacing(path) as stream:
        stream.write(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["file"]


def test_a_full_disk_keeps_what_was_there(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"before")
    with (
        pytest.raises(OSError, match=r"No space left on device.*what was there before is kept") as caught,
        files.replacing(path),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["file"]


def test_kill_in_the_middle_keeps_what_was_there(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"before")
    program = (
        "import os, signal, sys\n"
        "from l2l_tf.saving import files\n"
        "with files.replacing(sys.argv[1]) as stream:\n"
        "    stream.write(b'half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", program, path]).returncode == -9
    assert path.read_bytes() == b"before"


def test_a_folder_in_the_way_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="Cannot write"), files.replacing(tmp_path / "file" / "inner"):
        pass


@pytest.mark.parametrize(("content", "expected"), [("θ\n", "θ\n".encode()), (b"\x00\xff", b"\x00\xff")])
def test_a_whole_file_at_once_replaces_what_was_there(tmp_path, content, expected):
    path = tmp_path / "folder" / "file"
    for _ in range(2):
        files.write(path, content)
    assert path.read_bytes() == expected
    assert os.listdir(path.parent) == ["file"]
