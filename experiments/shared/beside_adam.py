"""Learned rules beside Adam at 8 learning rates, problem by problem: flags, runs and files of such experiments.

The loss of a run is the mean over the last tenth of its steps, as the optimizee sees it. Adam has its best rate on the
very draws that it is compared on, which is in its favour. Needs TensorFlow for `measure` alone.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from absl import flags

from experiments.shared.cells import Cells, version
from experiments.shared.study import EVALUATION_SEED
from l2l_tf.evaluation import figures
from l2l_tf.saving import files
from l2l_tf.saving.provenance import provenance
from problems import option_values

RATES = tuple(float(f"{rate:.3g}") for rate in np.geomspace(1e-4, 10**-0.5, 8))
DEFAULT_RATE = 0.001
FILES = ("table.md", "results.json", "figure.png")


class Measured(NamedTuple):
    """Losses on one problem, each `[draws]`; infinite where a loss is not finite.

    Attributes:
      rules: by name; None of a rule that does not fit the problem's parameters.
      adam: by learning rate.
      start: of theta_0, a mean over draws.
    """

    rules: dict[str, np.ndarray | None]
    adam: dict[float, np.ndarray]
    start: float

    @property
    def best_rate(self) -> float:
        """Adam's, by the mean over draws."""
        return min(self.adam, key=lambda rate: float(self.adam[rate].mean()))

    @property
    def is_signed(self) -> bool:
        """Whether losses go below 0, as those of densities do: they have no ratios."""
        known = [own for own in (*self.rules.values(), *self.adam.values()) if own is not None]
        return any(np.any(own < 0) for own in known)

    def ratio(self, name: str) -> float | None:
        """`over_adam` of a rule; None where the rule does not fit."""
        ours = self.rules[name]
        return None if ours is None else self.over_adam(ours)

    def over_adam(self, losses: np.ndarray) -> float:
        """The mean loss over that of Adam at its best rate.

        Of losses that go below 0, how far Adam came down from the start over how far these did, infinite where they did
        not: 1 is Adam, and less is better, as of the others.
        """
        ours, adam = float(losses.mean()), float(self.adam[self.best_rate].mean())
        if not self.is_signed:
            return ours / adam
        return max(self.start - adam, 0.0) / (self.start - ours) if ours < self.start else math.inf

    def as_json(self) -> dict[str, Any]:
        """What `results.json` says of it; a loss that is not finite is null."""
        return {
            "start": self.start,
            "rules": {name: None if own is None else _listed(own) for name, own in self.rules.items()},
            "Adam": {f"{rate:g}": _listed(own) for rate, own in self.adam.items()},
            "best_rate": self.best_rate,
            "ratios": {name: None if not (r := self.ratio(name)) or math.isinf(r) else r for name in self.rules},
        }


def define_flags(name: str, optimizer: Sequence[str], num_steps: int, num_draws: int) -> flags.FlagValues:
    """The flags of such an experiment; its results go to `results/NAME`."""
    values = flags.FlagValues()
    flags.DEFINE_list(
        "optimizer", list(optimizer), "Names of pretrained rules, or folders of saved optimizers.", values
    )
    most = option_values.LARGEST_COUNT
    flags.DEFINE_integer("num_steps", num_steps, "Steps of each run.", 10, most, flag_values=values)
    flags.DEFINE_integer("num_draws", num_draws, "Fresh draws.", 1, most, flag_values=values)
    flags.DEFINE_string("output", f"results/{name}", "Folder for what is written.", values)
    flags.DEFINE_bool("quick", False, "In miniature, to see it run: in runs/quick unless --output is given.", values)
    flags.DEFINE_string(
        "data_dir", None, "Folder of TensorFlow Datasets; by default L2L_DATA_DIR, then TFDS's own.", values
    )
    flags.DEFINE_bool("download", False, "Fetch data that is missing.", values)
    flags.DEFINE_enum("threads", "auto", ["auto", "default"], "Of TensorFlow, as train.py has them.", values)
    flags.DEFINE_bool("debug", False, "Show the traceback of every error.", values)
    return values


def output_folder(values: flags.FlagValues) -> Path:
    """Where the results go, checked.

    Raises:
      OSError: they cannot be written there.
    """
    quick = values.quick and not values["output"].present
    folder = Path("runs/quick") / values.output if quick else Path(values.output)
    for file in FILES:
        files.check(folder / file)
    return folder


def measure(
    make: Callable[[], Any],
    folders: Mapping[str, Path],
    num_steps: int,
    num_draws: int,
    cells: Cells,
    case: Any,
    rates: Sequence[float] = RATES,
) -> Measured:
    """Runs each rule, and Adam at each rate, on the same fresh draws of a problem.

    Args:
      make: the `Problem`; called where something has not been measured yet.
      folders: name to the folder of a saved optimizer.
      num_steps, num_draws: of the runs.
      cells: what has been measured, and is not measured again.
      case: JSON-able: what the problem is, for `cells`.
      rates: Adam's.
    """
    runs = {"case": case, "steps": num_steps, "draws": num_draws}
    keys = {rate: {**runs, "optimizer": "Adam", "version": f"{rate:g}"} for rate in rates}
    rule_keys = {name: {**runs, "optimizer": name, "version": version(folder)} for name, folder in folders.items()}
    if not all(cells.has(key) for key in (*keys.values(), *rule_keys.values())):
        _fill(make(), folders, keys, rule_keys, cells)
    adam = {rate: _last_tenths(cells.get(key)) for rate, key in keys.items()}
    rules = {name: _last_tenths(cells.get(key)) for name, key in rule_keys.items()}
    start = cells.get(next(iter(keys.values())))["start"]
    return Measured(rules, {rate: own for rate, own in adam.items() if own is not None}, start)


def _fill(problem, folders, keys, rule_keys, cells: Cells) -> None:
    """Measures what is missing in `cells`."""
    from l2l_tf import networks
    from l2l_tf.evaluation import comparison
    from l2l_tf.evaluation.evaluator import Evaluator
    from l2l_tf.unrolling import seeds

    draws = seeds.fold(seeds.root(EVALUATION_SEED), seeds.Purpose.EVALUATION)

    def fill(key, losses):
        cells.add(key, {"losses": _listed(last_tenth(losses)), "start": float(losses[:, 0].mean())})

    adam = networks.get("Adam", learning_rate=DEFAULT_RATE)
    num_steps, num_draws = next(iter(keys.values()))["steps"], next(iter(keys.values()))["draws"]
    evaluator = Evaluator(problem, adam, num_steps)
    for rate, key in keys.items():
        if not cells.has(key):
            adam.learning_rate.assign(rate)
            fill(key, evaluator(draws, num_draws).losses)
    for name, key in rule_keys.items():
        if cells.has(key):
            continue
        network = comparison.saved(name, folders[name], problem).network
        if _fits(network, problem, draws):
            fill(key, Evaluator(problem, network, num_steps)(draws, num_draws).losses)
        else:
            cells.add(key, {"losses": None})


def _last_tenths(cell: Mapping[str, Any]) -> np.ndarray | None:
    """`[draws]`, or None of a rule that does not fit."""
    if cell["losses"] is None:
        return None
    return np.array([math.inf if loss is None else loss for loss in cell["losses"]])


def last_tenth(losses: np.ndarray) -> np.ndarray:
    """`[draws, steps + 1]` to `[draws]`: the mean over the last tenth of the steps; infinite where it is not finite."""
    with np.errstate(invalid="ignore", over="ignore"):
        mean = np.asarray(losses, np.float64)[:, -max((losses.shape[1] - 1) // 10, 1) :].mean(1)
    return np.where(np.isfinite(mean), mean, np.inf)


def ratio(value: float | None) -> str:
    """A cell of a table: bold where it is at or below 1, Adam's at its best rate."""
    if value is None:
        return "-"
    if not math.isfinite(value):
        return "diverged"
    text = f"{value:.2f}" if value < 100 else f"{value:.0e}"
    return f"**{text}**" if value <= 1 else text


def write(folder: Path, text: str, plot: Any, results: Mapping[str, Any]) -> None:
    """Writes `FILES`: a table with what it is of, a figure, and the numbers with where they are from."""
    about = provenance(EVALUATION_SEED)
    files.write(folder / FILES[0], f"{text}\n\n`{about['command']}`, {about['date'][:10]}.\n")
    files.write(folder / FILES[1], json.dumps({**about, **results}, indent=1) + "\n")
    figures.write(plot, folder / FILES[2])
    print(f"\n{text}\nWritten: {folder}")


def _listed(values: np.ndarray) -> list[float | None]:
    return [float(value) if math.isfinite(value) else None for value in values]


def _fits(network: Any, problem: Any, seed: Any) -> bool:
    """Whether the network's assignments name the problem's parameters."""
    import tensorflow as tf

    parameters = problem.initial_parameters(problem.sample(seed), seed)
    try:
        owned = network.owned({name: tf.TensorSpec(p.shape, p.dtype) for name, p in parameters.items()})
    except ValueError:
        return False
    return {name for names in owned.values() for name in names} == set(parameters)
