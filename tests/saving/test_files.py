"""Files that are whole or absent."""

import errno
import os
import resource
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


def test_a_disk_that_is_full_halfway_keeps_what_was_there(tmp_path):
    """With a limit on the size of files, which the system checks as it does the room on a disk."""
    path = tmp_path / "file"
    path.write_bytes(b"before")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(OSError, match="Cannot write"):
            files.write(path, b"after" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["file"]


def _left_by_a_kill(folder, age):
    path = folder / ".file.abcd_012"
    path.write_bytes(b"half")
    os.utime(path, (path.stat().st_mtime - age,) * 2)
    return path


def test_temporary_files_of_processes_that_were_killed_are_swept_up(tmp_path):
    """By the next that writes the same file; not those of others, nor such as are being written."""
    left, fresh = _left_by_a_kill(tmp_path, age=100), tmp_path / ".file.fresh_00"
    others = [tmp_path / name for name in (".other.abcd_012", ".file.more.abcd_012", ".file.abc", "file.abcd_012")]
    for path in (fresh, *others):
        path.write_bytes(b"")
    with files.replacing(tmp_path / "file") as stream:
        os.utime(stream.name, (0, 0))  # As if it took long.
        files.write(tmp_path / "file", "in between")
        assert os.path.exists(stream.name)
    assert not left.exists()
    assert {path.name for path in tmp_path.iterdir()} == {"file", fresh.name, *(path.name for path in others)}


def test_where_nobody_else_writes_nothing_is_waited_for(tmp_path):
    left = _left_by_a_kill(tmp_path, age=0)
    files.sweep(tmp_path, lambda name: name == "file", seconds=0)
    assert not left.exists()


def test_sweeping_what_is_not_there():
    files.sweep("nowhere", lambda name: True)


@pytest.mark.parametrize("place", ["new", "not/there/yet", "there", "x" * 245])
def test_looking_whether_a_file_can_be_written_leaves_nothing_behind(tmp_path, place):
    (tmp_path / "there").write_text("kept")
    files.check(tmp_path / place)
    assert os.listdir(tmp_path) == ["there"]
    assert (tmp_path / "there").read_text() == "kept"
    files.write(tmp_path / place, "new")


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("file/x", "Not a directory"),
        ("link/x", "Not a directory"),
        ("folder", "Is a directory"),
        # What is written first has a name of ten characters more.
        ("x" * 246, "File name too long"),
        ("x" * 300 + "/x", "File name too long"),
        ("/".join(["x" * 200] * 21), "File name too long"),
    ],
)
def test_a_file_that_cannot_be_written_is_found_before_it_is(tmp_path, place, reason):
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=rf"^\[Errno \d+\] Cannot write \({reason}\): ") as caught:
        files.check(tmp_path / place)
    assert caught.value.filename == str(tmp_path / place)
    with pytest.raises(OSError, match="Cannot write"):
        files.write(tmp_path / place, "new")


def test_a_folder_that_cannot_be_made_leaves_no_folder_above_it(tmp_path):
    with pytest.raises(OSError, match=r"Cannot make the folder \(File name too long\)"):
        files.make_folder(tmp_path / "above" / ("x" * 300))
    assert os.listdir(tmp_path) == []


def test_a_folder_of_the_system_says_no_to_root_too():
    with pytest.raises(OSError, match="Cannot write to the folder"):
        files.check_folder("/proc")
