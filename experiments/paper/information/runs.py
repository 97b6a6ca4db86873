"""Meta-trains every architecture on every family of problems, three seeds each, through train.py.

    python -m experiments.paper.information.runs --folder=runs/information [--only=uniform-10,mnist] [--seeds=3]

One run at a time; runs that are there already are skipped and interrupted ones go on, so the same command continues.
`python -m experiments.paper.information.table` makes the tables.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple


class Family(NamedTuple):
    """A problem, and how every architecture is trained on it."""

    problem: str
    options: dict[str, Any]
    num_epochs: int
    settings: tuple[str, ...] = ()


def _quadratic(draw: str, dims: int) -> Family:
    return Family("quadratic", {"draw": draw, "num_dims": dims}, 100, ("--evaluation_epochs=10",))


FAMILIES: dict[str, Family] = {
    "uniform-10": _quadratic("uniform", 10),
    "ill-conditioned-10": _quadratic("ill_conditioned", 10),
    "gaussian-10": _quadratic("gaussian", 10),
    "uniform-20": _quadratic("uniform", 20),
    "gaussian-20": _quadratic("gaussian", 20),
    "mnist": Family("mnist", {}, 60),
}

_GRADIENTS = {"preprocess_options": {"gain": 10.0}, "scale": 0.1}
_MAGNITUDES = {"preprocess_name": "LogAndSign", "preprocess_options": {"k": 10}, "scale": 0.1}
_MEMORY = {**_MAGNITUDES, "initial_scale": 2.0}

# Without a preprocessor the quadratic's gradients are seen as they are, as in the paper; reads of the memory are of
# another size than gradients, so the networks that see them take logarithms.
ARCHITECTURES: dict[str, tuple[str, dict[str, Any]]] = {
    "LSTM": ("CoordinateWiseDeepLSTM", _GRADIENTS),
    "LSTM+GAC": ("GlobalAveragingLSTM", _GRADIENTS),
    "NTM-BFGS": ("NtmBfgs", {**_MEMORY, "heads": "bfgs"}),
    "NTM-L-BFGS": ("NtmLBfgs", {**_MEMORY, "heads": "bfgs", "history": 20}),
}
# For --architectures: an LSTM that sees what the memory networks see, heads that do not start as those of BFGS, and
# averaging cells beside as many others as the LSTM has (and as many without any averaging), or fewer of them.
_OTHERS = {
    "LSTM-log": ("CoordinateWiseDeepLSTM", _MAGNITUDES),
    "LSTM+GAC-log": ("GlobalAveragingLSTM", _MAGNITUDES),
    "LSTM-wide": ("CoordinateWiseDeepLSTM", {**_GRADIENTS, "layers": [25, 25]}),
    "LSTM+GAC-wide": ("GlobalAveragingLSTM", {**_GRADIENTS, "layers": [25, 25]}),
    "LSTM+GAC-few": ("GlobalAveragingLSTM", {**_GRADIENTS, "global_cells": 2}),
    "NTM-BFGS-secant": ("NtmBfgs", {**_MEMORY, "heads": "secant", "scale": 0.3}),
    "NTM-BFGS-linear": ("NtmBfgs", {**_MEMORY, "heads": "linear", "output": "both"}),
}
# Untrained, BFGS's own heads diverge on minibatches from an initial scale of 0.1.
_ON_MNIST = {
    "LSTM": ("CoordinateWiseDeepLSTM", _MAGNITUDES),
    "LSTM+GAC": ("GlobalAveragingLSTM", _MAGNITUDES),
    "NTM-L-BFGS": ("NtmLBfgs", {**_MAGNITUDES, "heads": "secant", "initial_scale": 1.0, "history": 5}),
}


def architectures(family: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Name to network and options; NTM-BFGS has no matrix as large as MNIST's."""
    return _ON_MNIST if FAMILIES[family].problem == "mnist" else ARCHITECTURES


def everything(family: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """`architectures`, and what is only trained when it is named."""
    return architectures(family) | ({} if FAMILIES[family].problem == "mnist" else _OTHERS)


def command(family: str, architecture: str, seed: int, folder: Path, num_epochs: int) -> list[str]:
    """The command that trains one run."""
    problem, options, _, settings = FAMILIES[family]
    network, network_options = everything(family)[architecture]
    return [
        "train.py",
        f"--problem={problem}",
        f"--problem_options={json.dumps(options)}",
        f"--network={network}",
        f"--network_options={json.dumps({**network_options, 'seed': seed})}",
        f"--num_epochs={num_epochs}",
        f"--seed={seed}",
        "--evaluation_period=10",
        "--log_period=20",
        f"--save_path={folder}",
        *settings,
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(FAMILIES))
    parser.add_argument("--architectures", type=lambda text: text.split(","))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--num_epochs", type=int, help="in place of each family's own")
    arguments = parser.parse_args()
    for seed in range(arguments.seeds):
        for family in arguments.only:
            for architecture in arguments.architectures or architectures(family):
                folder = arguments.folder / family / f"{architecture}-{seed}"
                num_epochs = arguments.num_epochs or FAMILIES[family].num_epochs
                if (folder / "done").exists():
                    continue
                words = command(family, architecture, seed, folder, num_epochs)
                words += ["--resume"] if (folder / "checkpoint.npz").exists() else ["--overwrite"]
                print(" ".join(words), flush=True)
                if subprocess.run([sys.executable, *words], check=False).returncode:
                    print(f"Failed: {folder}", flush=True)
                elif _finished(folder, num_epochs):
                    (folder / "done").touch()


def _finished(folder: Path, num_epochs: int) -> bool:
    config = json.loads((folder / "config.json").read_text())
    return config["metadata"]["epochs"] >= num_epochs


if __name__ == "__main__":
    main()
