"""Verdicts on the talk's claims, each by a rule of its own on what an experiment wrote. Needs no TensorFlow.

Each function takes the folder of results and the name of the rule that is judged, and gives numbers and a verdict;
where something was not measured, `NOTHING`.
"""

import itertools
import json
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.shared import verdict
from experiments.shared.verdict import DOES_NOT_HOLD, HOLDS, IN_PART
from l2l_tf.evaluation import report

NOT_MEASURED = "not measured"
LEVEL = 1.05  # A loss that is at most so many times another one is level with it.
_NEAR = 10  # Sizes up to so many times beyond those of the training are near it.
_SHRINKS, _SHRINKS_IN_PART = 0.5, 0.1
_FOR_TENSORS = ("HierarchicalLSTM", "ControlledMLP")  # rules that see each tensor as a whole


class Judged(NamedTuple):
    """What was measured, in a few words with a link, and the verdict."""

    measured: str
    verdict: str


NOTHING = Judged("", NOT_MEASURED)


def of_share(passed: Iterable[bool]) -> str:
    """Holds where all pass, in part where some do; not measured of none."""
    passed = list(passed)
    if not passed:
        return NOT_MEASURED
    return HOLDS if all(passed) else IN_PART if any(passed) else DOES_NOT_HOLD


def architectures(results: Path, rule: str) -> Judged:
    """Means on new tasks: rules that see tensors are below all others; in part: the lowest of all is one of them."""
    content = _read(results / "architectures")
    if content is None:
        return NOTHING
    means = _means(content["rules"])
    ours = {name: mean for name, mean in means.items() if name in _FOR_TENSORS}
    others = {name: mean for name, mean in means.items() if name not in _FOR_TENSORS}
    if not ours or not others:
        return NOTHING
    found = of_share(mean < min(others.values()) for mean in ours.values())
    listed = ", ".join(f"{name} {mean:.3f}" for name, mean in sorted(means.items(), key=lambda pair: pair[1]))
    return Judged(f"{_link('architectures')}: {listed}", found)


def more_tasks(results: Path, rule: str) -> Judged:
    """Means on new tasks fall with every step of the number of tasks; in part: that of the most is below the first."""
    content = _read(results / "more_tasks")
    if content is None or len(content["rules"]) < 2:
        return NOTHING
    means = {int(name.split()[0]): mean for name, mean in _means(content["rules"]).items()}
    ordered = [means[count] for count in sorted(means)]
    falls = all(after < before for before, after in itertools.pairwise(ordered))
    found = HOLDS if falls else IN_PART if ordered[-1] < ordered[0] else DOES_NOT_HOLD
    listed = ", ".join(f"{count}: {means[count]:.3f}" for count in sorted(means))
    return Judged(f"{_link('more_tasks')}: {listed}", found)


def taskset(fewest: int, most: float) -> Callable[[Path, str], Judged]:
    """Against budgets of `fewest` to `most` trials a task: below each of them, in mean and in median; in part: some."""

    def judge(results: Path, rule: str) -> Judged:
        content = _read(results / "taskset" / "held_out")
        rows = content.get("rows", []) if content else []
        ours = next((row for row in rows if row["optimizer"] == rule and row["learned"]), None)
        theirs = [row for row in rows if not row["learned"] and fewest <= row["trials"] <= most]
        if ours is None or not theirs:
            return NOTHING
        passed = [ours["test"][how] < row["test"][how] for row in theirs for how in ("mean", "median")]
        listed = "; ".join(f"{row['name']} ({row['trials']}) {_mean_median(row)}" for row in theirs)
        numbers = f"{_link('taskset/held_out')}: mean / median {_mean_median(ours)}, against {listed}"
        return Judged(numbers, of_share(passed))

    return judge


def out_of_distribution(results: Path, rule: str) -> Judged:
    """Level with tuned Adam on all problems; in part: on some."""
    content = _read(results / "out_of_distribution")
    ratios = _ratios(content["cases"].values(), rule) if content else []
    if not ratios:
        return NOTHING
    level = [ratio <= LEVEL for ratio in ratios]
    numbers = f"{_link('out_of_distribution')}: level on {sum(level)} of {len(level)}, {_range(ratios)} of tuned Adam's"
    return Judged(numbers, of_share(level))


def widths(near: bool) -> Callable[[Path, str], Judged]:
    """Sizes near those of the training, or farther ones: level with tuned Adam on all; in part: on some.

    Where it is not known what the rule was trained on, all sizes are near.
    """

    def judge(results: Path, rule: str) -> Judged:
        content = _read(results / "widths")
        found: dict[str, list[float]] = {}
        for what, sizes in (content["measured"] if content else {}).items():
            trained = content["trained"].get(what)
            own = [own for size, own in sizes.items() if _is_near(int(size), trained) == near]
            if ratios := _ratios(own, rule):
                found[what] = ratios
        if not found:
            return NOTHING
        said = [
            f"{what}: level on {sum(r <= LEVEL for r in ratios)} of {len(ratios)}, {_range(ratios)} of tuned Adam's"
            for what, ratios in found.items()
        ]
        level = [ratio <= LEVEL for ratios in found.values() for ratio in ratios]
        return Judged(f"{_link('widths')}: {'; '.join(said)}", of_share(level))

    return judge


def resnet(layers: int) -> Callable[[Path, str], Judged]:
    """Level with the better of tuned Adam and SGD, in the training and the test loss; in part: in one of them."""

    def judge(results: Path, rule: str) -> Judged:
        content = _read(results / f"resnet-{layers}")
        if content is None or rule not in content["runs"]:
            return NOTHING
        said, level = [], []
        for field in ("train", "test"):
            ours, (name, best) = _last(content["runs"][rule], field), _best_classic(content["runs"], field)
            told = content["runs"].get(f"{rule}, told")
            hint = f" (told {_last(told, field):.3f})" if told else ""
            level.append(ours <= LEVEL * best)
            said.append(f"{field} {ours:.3f}{hint}, {name} {best:.3f}")
        return Judged(
            f"{_link(f'resnet-{layers}')}, {content['num_steps']:,} steps: {'; '.join(said)}", of_share(level)
        )

    return judge


def by_time(results: Path, rule: str) -> Judged:
    """Training loss level with tuned Adam's after as many steps, and after as many seconds; in part: one of them."""
    said, level = [], []
    for layers in (14, 35):
        content = _read(results / f"resnet-{layers}")
        if content is None or rule not in content["runs"]:
            continue
        runs = content["runs"]
        name, best = _best_classic(runs, "train", "Adam")
        ours, then = _last(runs[rule], "train"), _or_infinite(runs[rule]["by_then"])
        seconds = _last(runs[rule], "seconds") / _last(runs[name], "seconds")
        level += [ours <= LEVEL * best, then <= LEVEL * best]
        said.append(
            f"{_link(f'resnet-{layers}')}: {ours:.3f} by step, {then:.3f} by time, {name} {best:.3f}; a step takes "
            f"{seconds:.2f} times as long"
        )
    return Judged("; ".join(said), of_share(level)) if said else NOTHING


def self_training(results: Path, rule: str) -> Judged:
    """The outer loss at the end at or below outer Adam's at its best rate, clipped or not, on all; in part: on some."""
    content = _read(results / "self_training")
    said, below = [], []
    for case, found in (content["cases"] if content else {}).items():
        finals = {name: _mean(own["final"]) for name, own in found["outer"].items()}
        ours = {name: x for name, x in finals.items() if name in (rule, f"{rule}, clipped")}
        adam = {name: x for name, x in finals.items() if not found["outer"][name]["learned"]}
        if not ours or not adam:
            continue
        best = min(adam, key=lambda name: adam[name])
        below.append(min(ours.values()) <= adam[best])
        listed = ", ".join(f"{name} {x:.4g}" for name, x in [*ours.items(), (best, adam[best])])
        said.append(f"{case}: {listed}")
    if not below:
        return NOTHING
    numbers = f"{_link('self_training')}, {content['outer_steps']:,} outer steps: {'; '.join(said)}"
    return Judged(numbers, of_share(below))


def implicit_regularisation(results: Path, rule: str) -> Judged:
    """Shrinkage of at least 0.5; in part: of at least 0.1."""
    content = _read(results / "implicit_regularisation")
    if content is None or rule not in content["figures"]:
        return NOTHING
    shrinkages = {name: found["shrinkage"] for name, found in content["figures"].items()}
    ours = shrinkages[rule]
    found = HOLDS if ours >= _SHRINKS else IN_PART if ours >= _SHRINKS_IN_PART else DOES_NOT_HOLD
    others = ", ".join(f"{name} {value:.2f}" for name, value in shrinkages.items() if name != rule)
    return Judged(f"{_link('implicit_regularisation')}: shrinkage {ours:.2f}; {others}", found)


def objectives(folder: str) -> Callable[[Path, str], Judged]:
    """Test losses of the one trained for validation losses are below the other's, beyond chance; in part: on some
    seeds."""

    def judge(results: Path, rule: str) -> Judged:
        content = _read(results / folder)
        groups: dict[str, list[np.ndarray]] = {}
        for result in content["results"] if content else []:
            losses = result["held_out_final_losses"].get(content.get("split"), [])
            values = np.array([_or_infinite(loss) for loss in losses])
            groups.setdefault(result["details"].get("group"), []).append(values)
        ours, theirs = groups.get("validation loss", []), groups.get("training loss", [])
        if not ours or len(ours) != len(theirs):
            return NOTHING
        below = [verdict.difference(own, other).high < 0 for own, other in zip(ours, theirs)]
        numbers = [report.plus_minus(report.interval(np.mean(seeds, axis=0))) for seeds in (ours, theirs)]
        said = f"for validation losses {numbers[0]}, for training losses {numbers[1]}, {len(ours)} seeds"
        return Judged(f"{_link(folder)}: {said}", verdict.of_seeds(below))

    return judge


def _read(folder: Path) -> dict[str, Any] | None:
    """What the experiment wrote, or None where it was not run.

    Raises:
      ValueError: the file is damaged.
    """
    path = folder / "results.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ValueError(f"{str(path)!r} is damaged. Run its experiment again.") from error


def _link(folder: str) -> str:
    return f"[{folder}]({folder}/table.md)"


def _or_infinite(value: float | None) -> float:
    return math.inf if value is None else value


def _mean(values: Iterable[float | None]) -> float:
    return float(np.mean([_or_infinite(value) for value in values]))


def _means(rules: Mapping[str, Any]) -> dict[str, float]:
    return {name: _or_infinite(own["mean"]) for name, own in rules.items()}


def _mean_median(row: Mapping[str, Any]) -> str:
    return f"{row['test']['mean']:.3f} / {row['test']['median']:.3f}"


def _ratios(measured: Iterable[Mapping[str, Any]], rule: str) -> list[float]:
    """Those of the problems that the rule was run on; infinite where it diverged."""
    own = [each for each in measured if each["rules"].get(rule) is not None]
    return [_or_infinite(each["ratios"][rule]) for each in own]


def _range(ratios: list[float]) -> str:
    low, high = (f"{x:.2f}" if math.isfinite(x) else "diverged" for x in (min(ratios), max(ratios)))
    return f"{low} to {high}"


def _is_near(size: int, trained: list[int] | None) -> bool:
    return trained is None or trained[0] / _NEAR <= size <= trained[1] * _NEAR


def _last(run: Mapping[str, Any], field: str) -> float:
    return _or_infinite(run[field][-1])


def _best_classic(runs: Mapping[str, Any], field: str, optimizer: str = "") -> tuple[str, float]:
    """The name and the final loss of the best that is not learned, or of the best of one optimizer."""
    classic = {name: run for name, run in runs.items() if not run["learned"] and optimizer in run["optimizer"]}
    name = min(classic, key=lambda name: _last(classic[name], field))
    return name, _last(classic[name], field)
