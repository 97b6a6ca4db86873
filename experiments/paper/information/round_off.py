"""What the guard against round-off costs NTM-BFGS: final losses under other limits, without training again.

python -m experiments.paper.information.round_off --folder=runs/information
"""

import argparse
from pathlib import Path

import numpy as np

import problems
from experiments.paper.information.runs import FAMILIES
from experiments.paper.information.table import final_losses
from l2l_tf import networks
from l2l_tf.networks import secant
from l2l_tf.saving import saved_optimizer


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folder", type=Path, required=True)
    arguments = parser.parse_args()
    print("| family | limit | trained, steps 20, 50, 100 | untrained |\n" + "| --- " * 4 + "|")
    for family in ("uniform-10", "ill-conditioned-10"):
        problem = problems.get(FAMILIES[family].problem, **FAMILIES[family].options)
        for limit in (3.0, 10.0, 30.0, 100.0):
            secant._ROUND_OFFS = limit
            trained = saved_optimizer.load(arguments.folder / family / "NTM-BFGS-0")
            untrained = networks.get("NtmBfgs", function_axis=problem.function_axis, initial_scale=2.0)
            cells = [
                ", ".join(f"{loss:.2f}" for loss in np.log10(final_losses(problem, network)))
                for network in (trained, untrained)
            ]
            print(f"| {family} | {limit:g} | {cells[0]} | {cells[1]} |", flush=True)


if __name__ == "__main__":
    main()
