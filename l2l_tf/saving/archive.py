"""Archives of arrays, `.npz` files, that know what is in them: nothing else is ever read from one.

NumPy's own archives have a check sum of each array's bytes, and none of its name, shape and place. Ours have a digest
over all of these in the archive's comment, which NumPy passes over; one without a comment is older, and is read too.
"""

import hashlib
import io
import json
import math
import warnings
import zipfile
from collections.abc import Mapping
from typing import IO

import numpy as np

_COMMENT = b"l2l_tf sha256 "
_END = b"PK\x05\x06"  # Of an archive's last 22 bytes, which the comment follows.
_SUFFIX = ".npy"
# What we write is as long as what is in it; this is for archives that others compressed.
_MOST_INFLATED = 64 * 2**20


class ArchiveError(ValueError):
    """Bytes that are no archive of ours, or no longer."""


def digest(arrays: Mapping[str, np.ndarray]) -> str:
    """Over the names, types, shapes and bytes of all arrays, in whatever order they are in."""
    sha256 = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        sha256.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        sha256.update(array.tobytes())
    return sha256.hexdigest()


def write(stream: IO[bytes], arrays: Mapping[str, np.ndarray], compressed: bool = False) -> None:
    """Writes the arrays as an `.npz` file with their digest. Equal arrays give equal bytes."""
    method = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, array in arrays.items():
            with archive.open(name + _SUFFIX, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)
        archive.comment = _COMMENT + digest(arrays).encode()


def read(data: bytes) -> dict[str, np.ndarray]:
    """The arrays by name.

    An archive that would inflate to much more than it is long is refused before that.

    Raises:
      ArchiveError: `data` is cut short or changed, or was never such an archive.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _read(data)
    except ArchiveError:
        raise
    except Exception as error:  # Whatever zipfile, zlib, NumPy and Python's parser make of damaged bytes.
        raise ArchiveError(f"no whole archive of arrays: {error or type(error).__name__}") from error


def _read(data: bytes) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        size = sum(member.file_size for member in members)
        if size > len(data) + _MOST_INFLATED:
            raise ArchiveError(f"{len(data):,} bytes that would become {size:,}")
        arrays = {member.filename.removesuffix(_SUFFIX): _array(archive, member) for member in members}
        if len(arrays) < len(members):
            raise ArchiveError("an array twice")
        older = data[-22:-18] == _END and data[-2:] == b"\0\0"  # It says itself that no comment follows.
        if not older and archive.comment != _COMMENT + digest(arrays).encode():
            raise ArchiveError("its arrays are not those that it was written with (other digest)")
    return arrays


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(member) as stream:
        data = stream.read(member.file_size)
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, in_columns, dtype = np.lib.format.read_array_header_1_0(file)
    else:
        shape, in_columns, dtype = np.lib.format.read_array_header_2_0(file)
    begin = file.tell()
    # Looked at before NumPy makes room for what the header says.
    if dtype.hasobject or min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != len(data) - begin:
        raise ArchiveError(f"{member.filename!r} is not the array that it says it is")
    flat = np.frombuffer(data, dtype, math.prod(shape), begin)
    return (flat.reshape(shape[::-1]).T if in_columns else flat.reshape(shape)).copy()
