import subprocess
import sys

import pytest

from l2l_tf import allocator

# Freed in one thread, 8 MB are taken again in another: with a heap for each thread the process would grow.
_GROWTH = """
import ctypes, resource, threading
from l2l_tf import allocator
assert allocator.keep_one_heap()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]

def take_and_free():
    address = libc.malloc(8 << 20)
    ctypes.memset(address, 1, 8 << 20)
    libc.free(address)

take_and_free()
faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    thread = threading.Thread(target=take_and_free)
    thread.start()
    thread.join()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="settings of glibc")
def test_what_was_freed_is_taken_again_by_any_thread():
    faults = int(subprocess.run([sys.executable, "-c", _GROWTH], capture_output=True, text=True, check=True).stdout)
    assert faults < 2048  # 8 MB are 2,048 pages of 4 kB; 20 times that would be touched afresh


def test_does_nothing_where_there_is_no_glibc(monkeypatch):
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda _: object())
    assert allocator.keep_one_heap() is False
