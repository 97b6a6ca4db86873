"""A learned optimizer that trains new learned optimizers, beside outer Adam at five rates."""

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from experiments.shared import beside_adam, contenders
from experiments.shared.cells import Cells, version
from experiments.talk.outer_trainings import CASES, POINTS, Case, Outcome, Outer, moments, train
from l2l_tf.commands import command_line
from l2l_tf.evaluation import figures, report
from problems import datasets

DESCRIPTION = """New learned optimizers, trained from nothing, with a learned optimizer in Adam's place: as the outer
optimizer. Beside it Adam, at five rates, with all else the same. Metz et al. 2020, section 4.6, clip every entry of the
outer gradient to 0.1 and see no progress without: the rule runs with and without that.

  python -m experiments self_training --optimizer=general
  python -m experiments self_training --optimizer=general --cases=lstm --outer_steps=200

Every training is a line of cells.jsonl in --output as it ends: the same command goes on with those that are left."""

FLAGS = flags.FlagValues()
flags.DEFINE_list("optimizer", ["general"], "Pretrained rules, or folders of saved ones, as outer optimizers.", FLAGS)
flags.DEFINE_list("cases", None, "What is trained: lstm, mlp; by default both.", FLAGS)
flags.DEFINE_integer("outer_steps", 2_000, "Updates of the weights of a training, in twenties.", 20, 10**6, FLAGS)
flags.DEFINE_list("rates", None, "Adam's, in place of 3e-5, 1e-4, 3e-4, 1e-3, 3e-3.", FLAGS)
flags.DEFINE_integer("num_seeds", 1, "Trainings of each: 0, 1, ...", 1, 1_000, FLAGS)
flags.DEFINE_string("output", "results/self_training", "Folder for what is written.", FLAGS)
flags.DEFINE_string("runs", "runs/self_training", "Folder of the trainings.", FLAGS)
flags.DEFINE_bool("quick", False, "In miniature, to see it run: in runs/quick unless --output is given.", FLAGS)
flags.DEFINE_string("data_dir", None, "Folder of TensorFlow Datasets; by default L2L_DATA_DIR, then TFDS's own.", FLAGS)
flags.DEFINE_bool("download", False, "Fetch data that is missing.", FLAGS)
flags.DEFINE_bool("debug", False, "Show the traceback of every error.", FLAGS)

ADAM_RATES = (3e-5, 1e-4, 3e-4, 1e-3, 3e-3)
CLIP = 0.1
_SHOWN = (0.05, 0.25, 0.5, 1.0)  # of a training, in the table: of 2,000 outer steps, 100, 500, 1,000 and 2,000


def main():
    folders = contenders.optimizers(FLAGS.optimizer or ())
    if not folders:
        raise ValueError("--optimizer is needed: names of pretrained rules, or folders of saved optimizers.")
    cases = _cases()
    if any(case.members for case in cases.values()) and not FLAGS.download:
        datasets.check_present("mnist", FLAGS.data_dir)
    steps = 20 if FLAGS.quick else FLAGS.outer_steps
    updates = POINTS * math.lcm(*(case.updates for case in cases.values()))
    if not FLAGS.quick and steps % updates:
        raise ValueError(f"--outer_steps is a multiple of {updates}. Received: {steps}.")
    rates = _rates()
    output = beside_adam.output_folder(FLAGS)
    tf = command_line.import_tensorflow(1)
    tf.get_logger().setLevel("ERROR")  # Every training has functions of its own to compile, as it must.
    cells = Cells(output)
    found: dict[str, dict[Outer, list[Outcome]]] = {}
    for name, case in cases.items():
        for outer in outers(folders, rates, FLAGS.quick):
            seeds = range(1 if FLAGS.quick else FLAGS.num_seeds)
            own = [_outcome(cells, name, case, outer, steps, seed) for seed in seeds]
            found.setdefault(name, {})[outer] = own
            print(f"{name}, {outer.name}: {_number(np.mean([o.losses[-1] for o in own]))}", flush=True)
    text = "\n\n".join(
        f"{CASES[name].title[0].upper()}{CASES[name].title[1:]}. Outer loss: {CASES[name].loss}.\n\n{table(own, steps)}"
        for name, own in found.items()
    )
    how = (
        f"Outer losses after so many outer steps, on the same draws each time; means over seeds: "
        f"{len(next(iter(next(iter(found.values())).values())))}. Rates are constant; the rule is told nothing of the "
        f'length. All else is the same: norms clipped, phi averaged. "clipped": every entry of the outer gradient to '
        f"{CLIP:g} first, as Metz et al. 2020 do. Bold: at or below Adam at the best of its rates at that step."
    )
    results = {"outer_steps": steps, "cases": {name: as_json(own) for name, own in found.items()}}
    beside_adam.write(output, f"Training new learned optimizers\n\n{text}\n\n{how}", figure(found, steps), results)


def outers(folders: Mapping[str, Path], rates: Sequence[float], quick: bool = False) -> list[Outer]:
    """Each rule, as it is and, unless `quick`, clipped, and Adam at these rates."""
    found = []
    for name, folder in folders.items():
        rule = Outer(name, str(folder), 1.0, None, version(folder))
        found += [rule] if quick else [rule, rule._replace(name=f"{name}, clipped", clip_value=CLIP)]
    return [*found, *(Outer(f"Adam, {rate:g}", "adam", rate) for rate in rates)]


def _cases() -> dict[str, Case]:
    names = FLAGS.cases or (["lstm"] if FLAGS.quick else list(CASES))
    if unknown := [name for name in names if name not in CASES]:
        raise ValueError(f"--cases are of {', '.join(CASES)}. Received: {', '.join(unknown)!r}.")
    return {name: CASES[name] for name in names}


def _rates() -> Sequence[float]:
    if FLAGS.rates is None:
        return (1e-3,) if FLAGS.quick else ADAM_RATES
    try:
        rates = [float(rate) for rate in FLAGS.rates]
    except ValueError:
        rates = []
    if not rates or not all(0 < rate < math.inf for rate in rates):
        raise ValueError(f"--rates are numbers above 0, e.g. 0.001,0.003. Received: {','.join(FLAGS.rates)!r}.")
    return rates


def _outcome(cells: Cells, name: str, case: Case, outer: Outer, steps: int, seed: int) -> Outcome:
    """From `cells`, or measured and written there."""
    about = outer._replace(kind="adam" if not outer.learned else outer.name)._asdict()
    key = {"case": name, "settings": case.settings, "outer": about, "outer_steps": steps, "seed": seed}
    if not cells.has(key):
        folder = Path(FLAGS.runs) / f"{name}-{outer.name.replace(', ', '-')}-{steps}-{seed}"
        outcome = train(case, outer, steps, seed, folder, FLAGS.data_dir, FLAGS.download)
        losses = [float(f"{x:.7g}") if math.isfinite(x) else None for x in outcome.losses]
        cells.add(key, {"losses": losses, "seconds": outcome.seconds})
    cell = cells.get(key)
    return Outcome([math.inf if x is None else x for x in cell["losses"]], cell["seconds"])


def best_rate(own: Mapping[Outer, Sequence[Outcome]], point: int = -1) -> Outer:
    """Adam at its best rate at one of the moments."""
    return min((o for o in own if not o.learned), key=lambda outer: _mean(own[outer])[point])


def table(own: Mapping[Outer, Sequence[Outcome]], outer_steps: int) -> str:
    """A row an outer optimizer, in Markdown."""
    count = len(next(iter(own.values()))[0].losses)
    at = moments(outer_steps, count)
    shown = sorted({max(round(share * count), 1) - 1 for share in _SHOWN})
    rows = [["outer optimizer", *(f"{at[i]:,}" for i in shown), "seconds"]]
    lowest = {i: _mean(own[best_rate(own, i)])[i] for i in shown}
    for outer, outcomes in own.items():
        mean = _mean(outcomes)
        bold = [outer.learned and mean[i] <= lowest[i] for i in shown]
        cells = [f"**{_number(mean[i])}**" if b else _number(mean[i]) for i, b in zip(shown, bold)]
        rows.append([outer.name, *cells, f"{np.mean([o.seconds for o in outcomes]):.0f}"])
    return report.aligned(rows)


def as_json(own: Mapping[Outer, Sequence[Outcome]]) -> dict[str, Any]:
    """What `results.json` says of a case."""
    return {
        "best_rate": best_rate(own).learning_rate,
        "outer": {
            outer.name: {
                "learned": outer.learned,
                "learning_rate": outer.learning_rate,
                "clip_value": outer.clip_value,
                "final": [_finite(outcome.losses[-1]) for outcome in outcomes],
                "curve": [_finite(x) for x in _mean(outcomes)],
            }
            for outer, outcomes in own.items()
        },
    }


def figure(found: Mapping[str, Mapping[Outer, Sequence[Outcome]]], outer_steps: int) -> Any:
    """Outer losses over outer steps, a panel a case; Adam's rates are thin lines, light to dark."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    plot = Figure(figsize=(5.5 * len(found), 4.5), layout="constrained")
    for axes, (name, own) in zip(plot.subplots(1, len(found), squeeze=False).flat, found.items()):
        classic = [outer for outer in own if not outer.learned]
        greys = dict(zip(classic, np.linspace(0.3, 0.95, len(classic))))
        colors = itertools.cycle(figures.colors(4))
        for outer, outcomes in own.items():
            mean = np.array(_mean(outcomes))
            look = {"lw": 2, "color": next(colors)} if outer.learned else {"color": colormaps["Greys"](greys[outer])}
            at = moments(outer_steps, len(mean))
            axes.plot(at, np.where(np.isfinite(mean), mean, np.nan), label=outer.name, **look)
        logarithmic = all(x > 0 for outcomes in own.values() for o in outcomes for x in o.losses)
        axes.set(xlabel="outer step", ylabel=CASES[name].loss, title=name, yscale="log" if logarithmic else "linear")
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=7)
    return plot


def _mean(outcomes: Sequence[Outcome]) -> list[float]:
    with np.errstate(invalid="ignore"):
        return [float(x) for x in np.mean([outcome.losses for outcome in outcomes], 0)]


def _number(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "diverged"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
