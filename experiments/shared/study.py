"""What an experiment is: what is trained, on which seeds, and the parts in which optimizers are compared."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from experiments.shared import runs
from experiments.shared.runs import Training

BASELINES = ("SGD", "RMSprop", "Adam", "NAG")
# Of the draws that optimizers are compared on; meta-trainings and searches have small ones.
EVALUATION_SEED = 1_000_000
TUNING_SEED = 0
TUNING = "tuning.json"
_QUICK_STEPS = 4


class Part(NamedTuple):
    """A comparison: one folder of results.

    Attributes:
      name: of the folder.
      title: of the figure.
      problem, options: what is minimised.
      num_steps: of each run; the baselines' rates are tuned for the loss after the last.
      learned: name in the table to name of the training whose optimizers compete.
      split: held-out data that the loss is measured on; None takes it as the optimizee sees it.
      measured_at: steps to measure it at on the way.
      splits: other held-out splits, measured for the table.
      last: of a long run, shows the mean loss over that many last steps in the table.
      by_time: whether there is a figure over seconds, too.
      rates: where a search would take too long, baseline to the learning rates that it competes with; else it is tuned.
    """

    name: str
    title: str
    problem: str
    options: dict[str, Any]
    num_steps: int
    learned: dict[str, str]
    split: str | None = None
    measured_at: tuple[int, ...] = ()
    splits: tuple[str, ...] = ()
    last: int = 0
    by_time: bool = False
    rates: dict[str, tuple[float, ...]] = {}  # noqa: RUF012 (never changed)


class Study(NamedTuple):
    """An experiment.

    Attributes:
      trainings: what is trained.
      parts: what is compared.
      seeds: of the meta-trainings.
      num_draws: fresh draws that every optimizer is compared on.
      tuning_draws: draws for each learning rate of the baselines' search.
      baselines: hand-designed optimizers to compare with.
      grids: baseline to first and last i of the rates 10^(i/4) that its search begins with, in place of tuning's own.
      finish: called with the results' folder after the parts, to write what is made of all of them.
      quick_options: of the problems, for --quick.
    """

    trainings: tuple[Training, ...]
    parts: tuple[Part, ...]
    seeds: tuple[int, ...] = (0, 1, 2)
    num_draws: int = 100
    tuning_draws: int = 10
    baselines: tuple[str, ...] = BASELINES
    grids: dict[str, tuple[int, int]] = {}  # noqa: RUF012 (never changed)
    finish: Callable[[Path], None] | None = None
    quick_options: dict[str, Any] = {}  # noqa: RUF012 (never changed)


class Request(NamedTuple):
    """A study as the flags change it.

    Attributes:
      study: it.
      parent: folder of the trainings.
      output: folder of the results.
      given: name to folder of the optimizers of `--optimizer`.
      todo: trainings and seeds that are not finished.
      data: the problems' options that say where their data is.
    """

    study: Study
    parent: Path
    output: Path
    given: dict[str, Path]
    todo: list[tuple[Training, int]]
    data: dict[str, Any]


def shortened(study: Study) -> Study:
    """The study in miniature, to see it run: its first and last part."""
    return study._replace(
        trainings=tuple(runs.shortened(training, study.quick_options) for training in study.trainings),
        parts=tuple(
            part._replace(
                title=f"{part.title} (in miniature)",
                options={**part.options, **study.quick_options},
                num_steps=_QUICK_STEPS,
                measured_at=(2,) if part.measured_at else (),
                last=min(part.last, 2),
            )
            for part in (*study.parts[:1], *study.parts[1:][-1:])
        ),
        seeds=study.seeds[:1],
        num_draws=2,
        tuning_draws=1,
        baselines=("Adam",),
    )
