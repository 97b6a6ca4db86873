"""One MNIST meta-training step of this library, of PyTorch and of JAX, in turn on one machine.

    python -m benchmarks.peers [--python=INTERPRETER] [--rounds=7]

Programs whose framework the interpreter does not have are left out. Every program is a process of its own that waits
for its turn; see `work` for what all of them compute.
"""

import argparse
import os
import subprocess
import sys

import numpy as np

PROGRAMS = {
    "l2l_tf, fast": ("ours", ["fast"]),
    "l2l_tf, tape": ("ours", ["tape"]),
    "PyTorch, tape": ("pytorch_unroll", ["tape", "THREADS"]),
    "PyTorch, replay": ("pytorch_unroll", ["replay", "THREADS"]),
    "PyTorch, replay, compiled": ("pytorch_unroll", ["compiled", "THREADS"]),
    "JAX, tape": ("jax_unroll", ["tape"]),
    "JAX, replay": ("jax_unroll", ["replay"]),
    "JAX, replay in blocks": ("jax_unroll", ["blocks"]),
}
_FRAMEWORKS = {"pytorch_unroll": "torch", "jax_unroll": "jax"}


class Worker:
    """A program that takes a step when told to."""

    def __init__(self, python: str, module: str, arguments: list[str]):
        arguments = [str(os.cpu_count()) if argument == "THREADS" else argument for argument in arguments]
        self._process = subprocess.Popen(
            [python, "-m", f"benchmarks.peers.{module}", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def step(self) -> float:
        """Seconds of one step."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write("step\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{' '.join(map(str, self._process.args))} stopped with {self._process.wait()}.")
        return float(answer)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


def has(python: str, framework: str) -> bool:
    command = [python, "-c", f"import importlib.util as u; assert u.find_spec({framework!r})"]
    return not subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", default=sys.executable, help="the interpreter for the peers")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    installed = {framework: has(arguments.python, framework) for framework in _FRAMEWORKS.values()}
    workers = {}
    for name, (module, words) in PROGRAMS.items():
        framework = _FRAMEWORKS.get(module)
        if framework and not installed[framework]:
            print(f"{name}: left out, {framework} is not installed for {os.path.basename(arguments.python)}.")
            continue
        workers[name] = Worker(arguments.python if framework else sys.executable, module, words)
    try:
        first = {name: worker.step() for name, worker in workers.items()}
        seconds = {name: [] for name in workers}
        for _ in range(arguments.rounds):
            for name, worker in workers.items():
                seconds[name].append(worker.step())
    finally:
        for worker in workers.values():
            worker.stop()
    print("| | first call, s | ms, median | quartiles | time / ours |\n| --- | --- | --- | --- | --- |")
    ours = np.array(next(iter(seconds.values())))
    for name, measured in seconds.items():
        low, median, high = np.percentile(np.array(measured) * 1e3, [25, 50, 75])
        ratio = np.median(np.array(measured) / ours)
        print(f"| {name} | {first[name]:.1f} | {median:.0f} | {low:.0f}-{high:.0f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
