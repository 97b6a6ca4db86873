"""Files that are either whole or absent, whenever the machine stops."""

import contextlib
import errno
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from l2l_tf.saving import locks

# As mkstemp and mkdtemp name them: what is to be replaced, and eight characters.
_TEMPORARY = re.compile(r"\.(.+)\.[a-z0-9_]{8}")
_FRESH = 60.0  # Seconds: between the making of a temporary file and its lock, which says that somebody is writing it.
_OLD = 86400.0  # Where there are no locks.


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[IO[bytes]]:
    """A binary file to write that takes `path`'s place once it is complete and on disk.

    Until then, and after any error (a full disk, Ctrl-C), what stood at `path` stays.

    Raises:
      OSError: naming `path`, where it cannot be written.
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            locks.take(descriptor)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
        temporary = None
        sync(path.parent)
        sweep(path.parent, lambda name: name == path.name)
    except OSError as error:
        raise OSError(
            error.errno, f"Cannot write ({error.strerror}); what was there before is kept", str(path)
        ) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def write(path: str | os.PathLike, content: str | bytes) -> None:
    """Writes a whole file in place of what stood at `path`; a text as UTF-8.

    Raises:
      OSError: as `replacing`.
    """
    with replacing(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def check(path: str | os.PathLike) -> None:
    """Checks that `write` and `replacing` can write there, and leaves nothing behind.

    Raises:
      OSError: naming `path`, where they cannot.
    """
    path = Path(path)
    if os.path.isdir(path):  # Unlike its method, of names too long as well.
        raise IsADirectoryError(errno.EISDIR, f"Cannot write ({os.strerror(errno.EISDIR)})", str(path))
    check_folder(path.parent, path, f".{path.name}.12345678")


def check_folder(path: str | os.PathLike, shown: str | os.PathLike | None = None, inside: str = "") -> None:
    """Checks that a folder is there and can be written to, or can be made, and leaves nothing behind.

    Args:
      path: of the folder.
      shown: what the error names, by default the folder.
      inside: the longest name of what is to be written into it.

    Raises:
      OSError: it cannot.
    """
    path = Path(path)
    there, missing = path, [inside]
    while not os.path.lexists(there) and there != there.parent:
        missing.append(there.name)
        there = there.parent
    try:
        if not there.is_dir():
            raise _error(errno.ENOTDIR if there != path or shown else errno.EEXIST)
        names = max(len(os.fsencode(name)) for name in missing)
        whole = len(os.fsencode(path.absolute() / inside))
        if names > os.pathconf(there, "PC_NAME_MAX") or whole >= os.pathconf(there, "PC_PATH_MAX"):
            raise _error(errno.ENAMETOOLONG)
        # As root, and over a network, what permissions say is not what will be.
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        what = "write" if shown else "write to the folder" if os.path.isdir(path) else "make the folder"
        raise OSError(error.errno, f"Cannot {what} ({error.strerror})", str(shown or path)) from error


def make_folder(path: str | os.PathLike) -> None:
    """Makes a folder that can be written to.

    Raises:
      OSError: naming it, where that cannot be.
    """
    check_folder(path)
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise OSError(error.errno, f"Cannot make the folder ({error.strerror})", str(path)) from error


def sweep(folder: str | os.PathLike[str], is_ours: Callable[[str], bool], seconds: float = _FRESH) -> None:
    """Removes temporary files that were left behind by processes that were killed in the middle of `replacing`.

    Args:
      folder: where.
      is_ours: whether a file of that name is one that `replacing` was to put in place there.
      seconds: what is younger stays; 0 where nobody else writes there.
    """
    with contextlib.suppress(OSError):  # It is only tidying.
        for entry in list(os.scandir(os.fspath(folder))):
            match = _TEMPORARY.fullmatch(entry.name)
            if match and is_ours(match[1]) and entry.is_file(follow_symlinks=False) and is_left(entry.path, seconds):
                os.unlink(entry.path)


def is_left(path: str | os.PathLike, seconds: float = _FRESH) -> bool:
    """Whether a temporary file or folder belongs to nobody who still runs: nobody holds its lock."""
    age = time.time() - os.stat(path).st_mtime
    descriptor = os.open(path, os.O_RDONLY)
    try:
        taken = locks.take(descriptor)
    finally:
        os.close(descriptor)
    return age >= _OLD if taken is None else taken and age >= seconds


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def sync(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
