"""Standard output and error that nobody's leaving breaks: what cannot be written is lost, and the work goes on."""

import errno
import io
import os
import sys
from typing import Any


class _Lossy(io.FileIO):
    """A file descriptor that swallows what it cannot write. `lost` is why, once it could not."""

    lost: OSError | None = None

    def write(self, data: Any) -> int:
        if self.lost is None:
            try:
                return super().write(data)
            except OSError as error:
                self.lost = error
        return len(memoryview(data).cast("B"))


def make_unbreakable() -> None:
    """Lets the process write to its standard streams whatever happens to those who read them.

    Streams that were closed before the process began are opened on nothing: their numbers would go to the next files
    that are opened, and what libraries write to them would end up in these.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        if stream is None or (type(stream) is io.TextIOWrapper and stream.fileno() == number):
            setattr(sys, name, _unbreakable(number, stream))


def lost() -> OSError | None:
    """Why standard output has not all been written; None where it has, or where its reader has left."""
    raw = _raw(sys.stdout)
    error = raw.lost if isinstance(raw, _Lossy) else None
    return None if error is None or error.errno == errno.EPIPE else error


def _unbreakable(number: int, stream: io.TextIOWrapper | None) -> io.TextIOWrapper:
    raw = _Lossy(number, "w", closefd=False)
    if stream is None:
        return io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", "backslashreplace")
    stream.flush()
    unbuffered = stream.write_through
    return io.TextIOWrapper(
        raw if unbuffered else io.BufferedWriter(raw),  # type: ignore[arg-type]
        stream.encoding,
        stream.errors,
        line_buffering=stream.line_buffering,
        write_through=unbuffered,
    )


def _raw(stream: Any) -> Any:
    buffer = getattr(stream, "buffer", None)
    return getattr(buffer, "raw", buffer)
