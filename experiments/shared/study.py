"""What the experiments share: train what is not trained, tune the baselines, compare on fresh draws, write it down."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from absl import flags

from experiments.shared import contenders, runs, tables
from experiments.shared.runs import Training
from l2l_tf.commands import command_line
from l2l_tf.evaluation import baselines, figures, report, report_page
from l2l_tf.evaluation.tuning_cache import TuningCache
from l2l_tf.saving import files
from l2l_tf.saving.provenance import provenance
from problems import option_values

BASELINES = ("SGD", "RMSprop", "Adam", "NAG")
# Of the draws that optimizers are compared on; meta-trainings and searches have small ones.
EVALUATION_SEED = 1_000_000
TUNING_SEED = 0
TUNING = "tuning.json"
_QUICK_STEPS = 4

FLAGS = flags.FlagValues()


def _define(kind, name, help_text, default=None, **limits):
    kind(name=name, default=default, help=help_text, flag_values=FLAGS, **limits)


_define(flags.DEFINE_string, "folder", "Of the meta-trainings; the seed k is trained in NAME-k.", "runs")
_define(flags.DEFINE_list, "seed", "Seeds of the meta-trainings; by default the experiment's own.")
_define(flags.DEFINE_bool, "train_only", "Train, and leave it at that.", False)
_define(flags.DEFINE_list, "trainings", "Those of --train_only; by default all that the parts need.")
_define(
    flags.DEFINE_list,
    "optimizer",
    "Folders of saved optimizers, or names of pretrained ones, to compare instead of those that are trained here; a "
    "folder that has the name of a training and its seed, as in results/optimizers, stands for that.",
)
_define(flags.DEFINE_list, "parts", "Parts of the experiment; by default all.")
_define(flags.DEFINE_string, "output", "Folder of the results, one subfolder a part.", "results")
_define(
    flags.DEFINE_integer,
    "num_draws",
    "Fresh draws to compare on; by default the experiment's own.",
    lower_bound=1,
    upper_bound=option_values.LARGEST_COUNT,
)
_define(flags.DEFINE_bool, "quick", "In miniature, to see it run: in runs/quick unless folders are given.", False)
_define(
    flags.DEFINE_string, "data_dir", "Folder of the TensorFlow Datasets data; by default L2L_DATA_DIR, then TFDS's."
)
_define(
    flags.DEFINE_bool,
    "accept_changes",
    "Resume trainings although other packages, settings or hardware would compute the rest.",
    False,
)
_define(flags.DEFINE_bool, "download", "Fetch data that is missing.", False)
_define(flags.DEFINE_enum, "threads", "Of TensorFlow, as train.py has them.", "auto", enum_values=["auto", "default"])
_define(flags.DEFINE_bool, "debug", "Show the traceback of every error.", False)


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


def main(name: str, study: Study) -> None:
    """Runs the experiment as the flags say."""
    request = request_from_flags(name, study)
    for training, seed in request.todo:
        runs.train(training, request.parent, seed, request.data, FLAGS.accept_changes)
    if not FLAGS.train_only:
        for part in request.study.parts:
            run_part(request, part)
        if request.study.finish:
            request.study.finish(request.output)


def request_from_flags(name: str, study: Study) -> Request:
    """Checks all that can be checked without TensorFlow, then imports it.

    Raises:
      ValueError, OSError, DatasetNotPreparedError: what is wrong, and what to do.
    """
    study = shortened(study) if FLAGS.quick else study
    parts = {part.name: part for part in study.parts}
    if unknown := [part for part in FLAGS.parts or () if part not in parts]:
        raise ValueError(f"The parts of {name} are {list(parts)}. Received: {unknown}.")
    if FLAGS.optimizer and FLAGS.train_only:
        raise ValueError("Give --optimizer or --train_only, not both: optimizers that are given are not trained.")
    if FLAGS.trainings and not FLAGS.train_only:
        raise ValueError("--trainings go with --train_only: comparisons need all that their parts name.")
    known = [training.name for training in study.trainings]
    if unknown := [training for training in FLAGS.trainings or () if training not in known]:
        raise ValueError(f"The trainings of {name} are {known}. Received: {unknown}.")
    study = study._replace(
        parts=tuple(parts[part] for part in FLAGS.parts or parts),
        seeds=_seeds(study.seeds),
        num_draws=FLAGS.num_draws or study.num_draws,
    )
    given = contenders.optimizers(FLAGS.optimizer or ())
    data: dict[str, Any] = {}
    for part in study.parts:
        _, data = command_line.check_problem(part.problem, part.options, FLAGS.data_dir, FLAGS.download)
    names = FLAGS.trainings or [training for part in study.parts for training in part.learned.values()]
    trainings = runs.needed(study.trainings, dict.fromkeys(names))
    parent = Path("runs/quick" if FLAGS.quick and not FLAGS["folder"].present else FLAGS.folder)
    output = Path("runs/quick/results" if FLAGS.quick and not FLAGS["output"].present else FLAGS.output)
    todo = [] if given else runs.unfinished(trainings, parent, study.seeds)
    for training, seed in todo:
        files.check_folder(training.folder(parent, seed))
    if not FLAGS.train_only:
        for part in study.parts:
            check_results(output / part.name)
    tf = command_line.import_tensorflow(
        command_line.threads_for(FLAGS.threads, study.parts[0].problem, study.parts[0].options)
    )
    # Every contender has functions of its own to compile, which TensorFlow takes for needless retracing.
    tf.get_logger().setLevel("ERROR")
    return Request(study, parent, output, given, todo, data)


def check_results(folder: Path) -> None:
    """Checks that a comparison can be written to `folder`, and reads the searches that are there.

    Raises:
      OSError, ValueError: it cannot, or they are damaged.
    """
    for file in (*report.FILES, "figure.png", report_page.FILE, TUNING):
        files.check(folder / file)
    TuningCache(folder / TUNING)


def run_part(request: Request, part: Part) -> list[report.Result]:
    """One comparison: prints its table and writes its folder."""
    import problems
    from experiments.shared.unfinished import FOLDER, Unfinished
    from l2l_tf.evaluation import comparison
    from l2l_tf.evaluation.tuning import Grid

    study = request.study
    began, origin = time.perf_counter(), provenance(EVALUATION_SEED)
    print(f"\n{part.title}", flush=True)
    problem = problems.get(part.problem, **part.options, **request.data)
    splits = list(dict.fromkeys([*filter(None, [part.split]), *part.splits]))
    folder = request.output / part.name
    if request.given:
        entered = [*contenders.given(part.learned, request.given, problem)]
    else:
        entered = [*contenders.trained(part.learned, request.parent, study.seeds, problem)]
    cache = TuningCache(folder / TUNING)
    for name in study.baselines:
        network = baselines.NETWORKS[name]
        if name in part.rates:
            entered += [comparison.classic(f"{name}, {rate:g}", network, rate) for rate in part.rates[name]]
            continue
        grid = Grid(*study.grids[name]) if name in study.grids else None
        entered.append(
            comparison.tuned(name, network, problem, part.num_steps, study.tuning_draws, TUNING_SEED, cache, grid=grid)
        )
        remarks = " ".join(report.tuning_caveats(name, entered[-1].details))
        print(f"{name}: learning rate {entered[-1].learning_rate:g}", remarks, flush=True)
    results = []
    runs_of_all = (part.num_steps, study.num_draws, EVALUATION_SEED, splits)
    what = {"problem": part.problem, "options": part.options, "runs": runs_of_all, "measured_at": part.measured_at}
    unfinished = Unfinished(folder / FOLDER, what)
    for contender in entered:
        curves = unfinished.find(contender)
        if curves is None:
            curves = comparison.run(problem, contender, *runs_of_all, held_out_steps=part.measured_at).curves
            unfinished.add(contender, curves)
        result = report.Result(contender.name, curves, contender.learned, contender.learning_rate, contender.details)
        print(f"{result.name}: {report.plus_minus(report.interval(result.curves.final(part.split)))}", flush=True)
        results.append(result)
    about = {
        **origin,
        "title": part.title,
        "split": part.split,
        "problem": part.problem,
        "problem_options": part.options,
        "num_steps": part.num_steps,
        "num_draws": study.num_draws,
        "seconds": round(time.perf_counter() - began, 1),
    }
    table = tables.table(results, part.split, part.last)
    report.write(results, about, folder, f"{part.title}\n\n{table}\n\n{_how(request, part, about)}\n")
    rows = tables.rows(results, part.split, part.last)
    report_page.write(folder / report_page.FILE, tables.compared(results), about, part.title, rows, part.split)
    for file in ("figure.png", *(["figure-by-time.png"] if part.by_time else [])):
        plot = tables.figure(results, part.title, part.split, by_time="time" in file)
        figures.write(plot, folder / file)
    unfinished.finish()
    print(f"\n{table}\nWritten: {folder}", flush=True)
    return results


def _how(request: Request, part: Part, about: dict[str, Any]) -> str:
    loss = f"{part.split} loss" if part.split else "loss"
    rates = (
        f"Learning rates were searched for that step ({TUNING}; draws for each rate: {request.study.tuning_draws})."
        if not part.rates
        else "Learning rates were given, not searched for that step."
    )
    return (
        f"Means over {request.study.num_draws} fresh draws, the same for all, with 95 % intervals: the {loss} after "
        f"{part.num_steps} steps. {rates} `{about['command']}`; commit, date, machine and time are in results.json."
    )


def _seeds(by_default: tuple[int, ...]) -> tuple[int, ...]:
    try:
        seeds = tuple(map(int, FLAGS.seed)) if FLAGS.seed else by_default
    except ValueError:
        raise ValueError(f"--seed is whole numbers, e.g. 0,1,2. Received: {','.join(FLAGS.seed)!r}.") from None
    if min(seeds) < 0 or len(set(seeds)) < len(seeds):
        raise ValueError(f"--seed is different whole numbers of at least 0. Received: {','.join(FLAGS.seed)!r}.")
    return seeds


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
