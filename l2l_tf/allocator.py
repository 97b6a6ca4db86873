"""Settings of the C library's allocator that suit TensorFlow's large, short-lived tensors."""

import ctypes

# Numbers of the parameters in glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -2, -3, -8


def keep_one_heap() -> bool:
    """Lets all threads share one heap, which keeps up to 256 MB of what was freed for the next tensors.

    By default, each thread of glibc's has a heap of its own, and memory that one frees no other can use; and tensors
    of more than a few hundred kB are taken from the system, which clears every page, and given back at once. Call it
    before TensorFlow starts threads. benchmarks/README.md has what it saves. Does nothing where the C library is not
    glibc.

    Returns:
      Whether the settings were taken.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    megabyte = 2**20
    return all(
        [
            mallopt(_M_ARENA_MAX, 1),
            mallopt(_M_MMAP_THRESHOLD, 32 * megabyte),  # the largest that it takes
            mallopt(_M_TRIM_THRESHOLD, 256 * megabyte),
            mallopt(_M_TOP_PAD, 16 * megabyte),
        ]
    )
