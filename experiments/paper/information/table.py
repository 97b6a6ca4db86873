"""Tables of what `experiments.paper.information.runs` trained, beside tuned classics and SciPy's quasi-Newton methods.

    python -m experiments.paper.information.table --folder=runs/information --output=results/bfgs

All optimizers minimise the same fresh draws. A figure is log10 of the mean final loss over draws, and over seeds its
mean and range.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import scipy.optimize
import tensorflow as tf

import problems
from experiments.paper.information.runs import FAMILIES, everything
from l2l_tf import networks
from l2l_tf.evaluation import tuning
from l2l_tf.evaluation.evaluator import Evaluator
from l2l_tf.evaluation.tuning_cache import TuningCache
from l2l_tf.networks import Network
from l2l_tf.saving import files, provenance, saved_optimizer
from l2l_tf.unrolling import seeds
from problems.problem import Problem

_STEPS = 100
_DRAWS = 10
_SCIPY_DRAWS = 2
_CLASSICS = ("Adam", "RMSProp", "Sgd", "Nesterov")
_SEED = 1_000_000  # Of the draws; trainings have small ones.


def _draws() -> tf.Tensor:
    return seeds.fold(seeds.root(_SEED), seeds.Purpose.EVALUATION)


def final_losses(problem: Problem, network: Network) -> list[float]:
    """The mean loss over draws after 20, 50 and 100 steps; on held-out data where the problem has any."""
    split = ["test"] if "test" in problem.held_out_splits else []
    curves = Evaluator(problem, network, _STEPS, split, [20, 50] if split else [])(_draws(), _DRAWS)
    if split:
        return np.mean(curves.held_out["test"], axis=0).tolist()
    return [float(np.mean(curves.losses[:, step])) for step in (20, 50, 100)]


def scipy_losses(problem: Problem, method: str) -> dict[str, Any]:
    """The quadratic's functions one by one, in double precision with exact gradients, at most 100 iterations.

    Iterations are not steps: each evaluates the function once or more along a line.
    """
    finals, evaluations = [], []
    for draw in range(_SCIPY_DRAWS):
        seed = seeds.fold(_draws(), draw)
        instance = problem.sample(seeds.fold(seed, seeds.Purpose.PROBLEM))
        theta = problem.initial_parameters(instance, seeds.fold(seed, seeds.Purpose.INITIAL_PARAMETERS))["x"]
        for w, y, x in zip(instance["w"].numpy(), instance["y"].numpy(), theta.numpy()):
            w, y = w.astype(np.float64), y.astype(np.float64)

            def loss_and_gradient(x, w=w, y=y):
                residual = w @ x - y
                return residual @ residual, 2 * w.T @ residual

            found = scipy.optimize.minimize(
                loss_and_gradient, x, jac=True, method=method, options={"maxiter": _STEPS, "gtol": 0.0}
            )
            finals.append(found.fun)
            evaluations.append(found.nfev)
    return {"loss": float(np.mean(finals)), "evaluations": float(np.mean(evaluations))}


def measure(family: str, folder: Path, cache: TuningCache) -> dict[str, Any]:
    """Everything the table of `family` shows."""
    problem = problems.get(FAMILIES[family].problem, **FAMILIES[family].options)
    learned: dict[str, dict[str, list[float]]] = {}
    for architecture in everything(family):
        done = sorted(path.parent for path in (folder / family).glob(f"{architecture}-[0-9]*/done"))
        if done:
            learned[architecture] = {path.name: final_losses(problem, saved_optimizer.load(path)) for path in done}
            print(family, architecture, learned[architecture], flush=True)
    classics = {}
    for name in _CLASSICS:
        rate = tuning.tune(problem, name, _STEPS, num_draws=3, cache=cache)["learning_rate"]
        classics[f"{name}, learning rate {rate:g}"] = final_losses(problem, networks.get(name, learning_rate=rate))
    result = {"learned": learned, "classics": classics}
    if FAMILIES[family].problem == "quadratic":
        untrained = networks.get("NtmBfgs", function_axis=problem.function_axis, initial_scale=2.0)
        result["classics"]["BFGS of step size 1 (NTM-BFGS untrained)"] = final_losses(problem, untrained)
        result["scipy"] = {method: scipy_losses(problem, method) for method in ("BFGS", "L-BFGS-B")}
    return result


def render(results: dict[str, dict[str, Any]]) -> list[str]:
    """The tables in Markdown."""
    lines = []
    for family, result in results.items():
        lines += ["", f"## {family}", "", "| optimizer | step 20 | step 50 | step 100 | over LSTM | seeds |"]
        lines.append("| --- " * 6 + "|")
        finals = {name: np.array(list(runs.values())) for name, runs in result["learned"].items()}
        lstm = np.mean(finals["LSTM"][:, -1]) if "LSTM" in finals else np.nan
        for name, losses in finals.items():
            logs = np.log10(losses)
            cells = [f"{column.mean():.3f} ({column.min():.3f} to {column.max():.3f})" for column in logs.T]
            ratio = np.mean(losses[:, -1]) / lstm
            lines.append(f"| {name} | " + " | ".join(cells) + f" | {ratio:.3g} | {len(losses)} |")
        for name, losses in result["classics"].items():
            cells = " | ".join(f"{np.log10(loss):.3f}" for loss in losses)
            lines.append(f"| {name} | {cells} | {losses[-1] / lstm:.3g} | |")
        for method, found in result.get("scipy", {}).items():
            what = f"SciPy {method}, at most 100 iterations ({found['evaluations']:.0f} evaluations)"
            lines.append(f"| {what} | | | {np.log10(found['loss']):.3f} | {found['loss'] / lstm:.3g} | |")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(FAMILIES))
    arguments = parser.parse_args()
    cache = TuningCache(arguments.output / "tuning.json")
    kept = arguments.output / "losses.json"
    results = json.loads(kept.read_text())["results"] if kept.exists() else {}
    for family in arguments.only:
        if (arguments.folder / family).is_dir():
            results[family] = measure(family, arguments.folder, cache)
    facts = {"command": "python -m experiments.paper.information.table", "date": provenance.date(), "results": results}
    files.write(kept, json.dumps(facts, indent=2) + "\n")
    files.write(arguments.output / "losses.md", "\n".join([_TITLE, *render(results)]) + "\n")


_TITLE = f"""# Information between coordinates: final losses

log10 of the mean loss over {_DRAWS} fresh draws (on the test images for mnist), after 20, 50 and 100 steps; over
seeds of training the mean and range of it. "over LSTM" is the ratio of mean losses at step 100. Trained by `python -m
experiments.paper.information.runs`, which has the settings; made by `python -m experiments.paper.information.table`,
seed {_SEED}, dates in losses.json. Classics have their learning rate tuned for step 100 (tuning.json)."""


if __name__ == "__main__":
    main()
