"""Archives of arrays: what was written, or one error."""

import io
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from l2l_tf.saving import archive

ARRAYS = {
    "phi/0": np.arange(6, dtype=np.float32).reshape(2, 3),
    "outer/step": np.array(3, np.int64),
    "empty": np.zeros((0, 2), np.float64),
    "columns": np.asfortranarray(np.arange(6.0).reshape(3, 2)),
    "facts": np.frombuffer(b'{"epoch": 3}', np.uint8),
}


def written(arrays=ARRAYS, compressed=False):
    stream = io.BytesIO()
    archive.write(stream, arrays, compressed)
    return stream.getvalue()


def same(left, right):
    return left.keys() == right.keys() and all(
        (a.dtype, a.shape, a.tobytes()) == (right[name].dtype, right[name].shape, right[name].tobytes())
        for name, a in left.items()
    )


@pytest.mark.parametrize("compressed", [False, True])
def test_round_trip_and_numpy_reads_it_too(compressed):
    data = written(compressed=compressed)
    assert same(archive.read(data), ARRAYS)
    assert written(compressed=compressed) == data
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        assert same(dict(arrays), ARRAYS)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_archives_from_before_there_was_a_digest(save):
    stream = io.BytesIO()
    save(stream, **ARRAYS)
    assert same(archive.read(stream.getvalue()), ARRAYS)


def test_bits_flipped_give_the_same_arrays_or_the_one_error():
    data = bytearray(written({name: ARRAYS[name] for name in ("phi/0", "outer/step", "facts")}))
    before, refused = archive.read(bytes(data)), 0
    for bit in range(0, 8 * len(data), 9):  # Every bit of a byte has its turn.
        data[bit // 8] ^= 1 << bit % 8
        try:
            assert same(archive.read(bytes(data)), before), f"bit {bit}"
        except archive.ArchiveError:
            refused += 1
        data[bit // 8] ^= 1 << bit % 8
    assert refused > 0.7 * 8 / 9 * len(data)  # Others are of dates and the like.


def test_every_cut_is_refused():
    data = written()
    for length in range(len(data)):
        with pytest.raises(archive.ArchiveError):
            archive.read(data[:length])


@pytest.mark.parametrize("change", ["an array", "a name", "a shape", "a type", "one more", "one less"])
def test_the_digest_is_over_all_that_an_archive_says(change):
    """Archives that are whole in themselves, with the digest of others."""
    others = dict(ARRAYS)
    if change == "an array":
        others["phi/0"] = others["phi/0"] + 1
    elif change == "a name":
        others["phi/1"] = others.pop("phi/0")
    elif change == "a shape":
        others["phi/0"] = others["phi/0"].reshape(3, 2)
    elif change == "a type":
        others["phi/0"] = others["phi/0"].view(np.int32)
    elif change == "one more":
        others["phi/1"] = others["phi/0"]
    else:
        del others["phi/0"]
    stream = io.BytesIO(written(others))
    with zipfile.ZipFile(stream, "a") as changed, zipfile.ZipFile(io.BytesIO(written())) as original:
        changed.comment = original.comment
    with pytest.raises(archive.ArchiveError, match=r"other digest"):
        archive.read(stream.getvalue())


def _refused_in_little_memory(data, message):
    tracemalloc.start()
    try:
        with pytest.raises(archive.ArchiveError, match=message):
            archive.read(data)
        return tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


def test_what_inflates_to_much_more_is_refused_before_it_does():
    stream = io.BytesIO()
    np.savez_compressed(stream, phi=np.zeros(70_000_000, np.uint8))
    data = stream.getvalue()
    assert len(data) < 100_000
    assert _refused_in_little_memory(data, r"bytes that would become 70,000,")
    # One that says it is small, and is not.
    at = data.index(b"PK\x01\x02")
    small = data[: at + 24] + struct.pack("<I", 1000) + data[at + 28 :]
    assert _refused_in_little_memory(small, r"\w")


def test_a_header_that_promises_more_than_there_is():
    stream, array = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(array, {"descr": "<f4", "fortran_order": False, "shape": (10**12,)})
    with zipfile.ZipFile(stream, "w") as bomb:
        bomb.writestr("phi.npy", array.getvalue())
    assert _refused_in_little_memory(stream.getvalue(), r"'phi.npy' is not the array that it says it is")


def test_objects_are_never_unpickled():
    stream = io.BytesIO()
    np.savez(stream, phi=np.array([print], object))
    with pytest.raises(archive.ArchiveError, match=r"'phi\.npy' is not the array that it says it is"):
        archive.read(stream.getvalue())
