"""Memory of one process over many outer steps, with tasks that come and go."""

import ctypes
import gc
import resource
from pathlib import Path

from benchmarks.workers.trainings import config, quadratics


class _Heap(ctypes.Structure):
    """glibc's mallinfo2."""

    _names = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
    _fields_ = [(name, ctypes.c_size_t) for name in _names]


def in_use() -> float:
    """MiB that the program has and has not given back to its heap; the heap keeps some of what it was given back."""
    look = ctypes.CDLL(None).mallinfo2
    look.restype = _Heap
    heap = look()
    return (heap.uordblks + heap.hblkhd) / 2**20


def memory(folder: str, steps: int) -> None:
    """Prints what a training holds, ten times on the way: each slot has 30 tasks in 3,000 outer steps."""
    from l2l_tf.training.tasks import TasksTraining

    settings = config(
        problem_options=quadratics(range(2, 40), 1),
        outer_steps=10**7,
        evaluation_period=10**7,
        task_lifetime=100,
        num_steps=20,
        unroll_length=2,
        perturbations=1,
    )
    training = TasksTraining(settings, folder, overwrite=True)
    for i in range(steps + 1):
        if i % (steps // 10) == 0:
            gc.collect()
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            held = len(training._slots._computer.programs)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(
                f"outer step {i}: {pages * 4096 / 2**20:.0f} MiB (peak {peak:.0f}), of the heap {in_use():.1f} in use, "
                f"{held} programs",
                flush=True,
            )
        training._advance()
