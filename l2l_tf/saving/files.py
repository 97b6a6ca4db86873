"""Files that are either whole or absent, whenever the machine stops."""

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO


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
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
        temporary = None
        _sync_folder(path.parent)
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


def make_folder(path: str | os.PathLike) -> None:
    """Makes a folder that can be written to.

    Raises:
      OSError: naming it, where that cannot be.
    """
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise OSError(error.errno, f"Cannot make the folder ({error.strerror})", str(path)) from error
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, "Cannot write to the folder", str(path))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
