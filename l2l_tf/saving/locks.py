"""Locks between processes, on files. What ends a process frees its locks, a kill too: none is ever stale.

They are `flock`'s, which NFS takes as locks on the whole file. Where a file system has no locks at all, everything goes
on as if nobody else were there.
"""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

_FOLDER = ".training.lock"
_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF}
_held: dict[tuple[int, Path], int] = {}  # By process, as children inherit this: how often it holds a folder.


class LockedError(ValueError):
    """Another process is at it."""


@contextlib.contextmanager
def training_in(folder: str | os.PathLike) -> Iterator[None]:
    """Keeps other processes from training in `folder`, which is there; may be nested within a process.

    Raises:
      LockedError: another one trains there.
      OSError: the folder cannot be written to.
    """
    path = Path(folder).resolve() / _FOLDER
    key = (os.getpid(), path)
    if key in _held:
        _held[key] += 1
        try:
            yield
        finally:
            _held[key] -= 1
        return
    try:
        descriptor = _take(path, wait=False)
    except BlockingIOError:
        raise LockedError(
            f"Another training writes to {str(folder)!r}{_process(path)}. Wait until it has ended, or choose another "
            "--save_path."
        ) from None
    _held[key] = 1
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        del _held[key]
        _give_back(path, descriptor)


@contextlib.contextmanager
def writing_to(path: str | os.PathLike) -> Iterator[None]:
    """Waits until no other process is within a block for `path`, a file that is read, changed and written there.

    Raises:
      OSError: its folder cannot be written to.
    """
    lock = Path(path).with_name(f".{Path(path).name}.lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _take(lock, wait=True)
    try:
        yield
    finally:
        _give_back(lock, descriptor)


def take(descriptor: int) -> bool | None:
    """Locks an open file without waiting: whether it could, or None where there are no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            return None
        raise
    return True


def _take(path: Path, wait: bool) -> int:
    """The descriptor of the file at `path`, locked.

    Raises:
      BlockingIOError: another process has it.
    """
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise OSError(error.errno, f"Cannot write ({error.strerror})", str(path)) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(descriptor)
            raise
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                os.close(descriptor)
                raise
            return descriptor
        # Whoever had it before removes it at the end: a lock on that file is none on the next one of its name.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor
        os.close(descriptor)


def _give_back(path: Path, descriptor: int) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)
    os.close(descriptor)


def _process(path: Path) -> str:
    with contextlib.suppress(OSError, ValueError):
        return f" (process {int(path.read_text())})"
    return ""
