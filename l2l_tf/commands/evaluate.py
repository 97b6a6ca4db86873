"""Compares optimizers on fresh draws of a problem: flags in, learning curves out."""

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import tqdm

from l2l_tf import pretrained
from l2l_tf.commands import command_line, competing
from l2l_tf.commands.evaluate_flags import CLASSICS, FLAGS, LEARNED, TUNING
from l2l_tf.evaluation import figures, report, report_page
from l2l_tf.evaluation.tuning_cache import TuningCache
from l2l_tf.networks import search_spaces
from l2l_tf.saving import files, saved_optimizer
from l2l_tf.saving.provenance import provenance
from l2l_tf.unrolling import assignments
from problems import catalogue, option_values, trust

DESCRIPTION = """Compares optimizers on fresh draws of a problem. Every optimizer minimises the same draws from the
same initial parameters, with its state fresh in every epoch (one epoch is one optimization run).

  python evaluate.py --path=runs/quadratic --optimizer=L2L,Adam,RMSprop,SGD,NAG --tune --plot=curves.png

Without --problem, the problem and its options are those that the optimizer was trained on."""

_TRIALS = 100


class Request(NamedTuple):
    """What the flags ask for.

    Attributes:
      problem, options: the problem and the options that say what it is.
      data: its options that say where its data is.
      contenders: what is compared, in order: name to folder, to class name of a hand-designed optimizer, or None for
        the untrained network.
      spaces: search spaces whose best configurations compete too, to the number of their trials.
      cache: of searches.
    """

    problem: str
    options: dict[str, Any]
    data: dict[str, Any]
    contenders: dict[str, Path | str | None]
    spaces: dict[str, int]
    cache: TuningCache | None


def request_from_flags() -> Request:
    """Checks all that can be checked without TensorFlow.

    Raises:
      ValueError, OSError, DatasetNotPreparedError: what is wrong, and what to do.
    """
    folders = _folders()
    contenders = _contenders(folders)
    trained_on = {name: _trained_on(folder) for name, folder in folders.items()}
    if FLAGS.tune and FLAGS["learning_rate"].present:
        raise ValueError("Give --tune or --learning_rate, not both: --tune searches the learning rates.")
    if not FLAGS.learning_rate <= option_values.LARGEST:
        raise ValueError(
            f"--learning_rate is a number of 0 to {option_values.LARGEST:g}. Received: {FLAGS.learning_rate}."
        )
    for flag in ("tuning_epochs", "tuning_cache", "search_space", "trials"):
        if FLAGS[flag].present and not FLAGS.tune:
            raise ValueError(f"--{flag} goes with --tune.")
    problem, options = _problem(trained_on, folders)
    options, data = command_line.check_problem(problem, options, FLAGS.data_dir, FLAGS.download)
    if FLAGS.held_out:
        command_line.check_held_out("held_out", problem, options, data)
    return Request(problem, options, data, contenders, _spaces(), _cache())


def _folders() -> dict[str, Path]:
    entries = [entry for entry in FLAGS.path or [] if entry]
    folders: dict[str, Path] = {}
    for entry in entries:
        name, equals, folder = entry.partition("=")
        # A single folder may have an = in its own name.
        if len(entries) == 1 and (not equals or "/" in name or Path(entry).is_dir()):
            return {LEARNED: pretrained.folder(entry)}
        taken = {LEARNED, *CLASSICS, *CLASSICS.values(), *folders}
        if not name or not folder or name.lower() in map(str.lower, taken):
            raise ValueError(
                "--path is a folder, or name=folder,name=folder,... with names of their own for several. "
                f"Received: {','.join(entries)!r}."
            )
        folders[name] = pretrained.folder(folder)
    return folders


def _trained_on(folder: Path) -> dict[str, Any]:
    """What the optimizer saved in `folder` says of its training."""
    config, _ = saved_optimizer.read(folder)
    networks = {name: {key: net[key] for key in ("net", "net_options")} for name, net in config["networks"].items()}
    try:
        assignments.check_networks(networks)
    except ValueError as error:
        raise saved_optimizer.SavedOptimizerError(
            f"The optimizer saved at {str(folder)!r} does not load: {error}"
        ) from error
    return config.get("metadata", {})


def _contenders(folders: dict[str, Path]) -> dict[str, Path | str | None]:
    by_name: dict[str, dict[str, Path | str | None]] = {name.lower(): {name: path} for name, path in folders.items()}
    by_name |= {name.lower(): {name: network} for name, network in CLASSICS.items()}
    by_name |= {network.lower(): by_name[name.lower()] for name, network in CLASSICS.items()}
    by_name[LEARNED.lower()] = dict(folders) or {LEARNED: None}
    contenders: dict[str, Path | str | None] = {}
    for name in FLAGS.optimizer:
        if name.strip().lower() not in by_name:
            known = [LEARNED, *(name for name in folders if name != LEARNED), *CLASSICS]
            raise ValueError(f"Optimizers are {', '.join(known)}. Received: {name!r}.")
        contenders |= by_name[name.strip().lower()]
    return contenders


def _spaces() -> dict[str, int]:
    if FLAGS.trials and not FLAGS.search_space:
        raise ValueError("--trials goes with --search_space.")
    spaces = {}
    for name in FLAGS.search_space or ():
        size = search_spaces.SPACES[name].size if name in search_spaces.SPACES else _TRIALS
        spaces[name] = FLAGS.trials or min(_TRIALS, size)
        search_spaces.check_trials(name, spaces[name])
    return spaces


def _problem(trained_on: dict[str, dict[str, Any]], folders: dict[str, Path]) -> tuple[str, dict[str, Any]]:
    given = FLAGS.problem_options or {}
    if FLAGS["problem"].present:
        return catalogue.find(FLAGS.problem, warn=True), given
    trained = [
        trust.from_file(metadata["problem"], metadata.get("problem_options", {}), str(folders[name]), FLAGS.trust)
        for name, metadata in trained_on.items()
        if "problem" in metadata
    ]
    if not trained:
        return catalogue.find(FLAGS.problem, warn=True), given
    if any(other != trained[0] for other in trained):
        raise ValueError(
            f"The optimizers of --path were trained on different problems, {[problem for problem, _ in trained]}, or "
            "with different options: name one with --problem."
        )
    problem, options = trained[0]
    return problem, {**options, **given}


def _cache() -> TuningCache | None:
    """The cache of the searches, after a look at all places that are written to."""
    beside = FLAGS.plot or FLAGS.report
    folder = FLAGS.output or (beside and (os.path.dirname(beside) or "."))
    path = FLAGS.tune and (FLAGS.tuning_cache or (folder and os.path.join(folder, TUNING)))
    if FLAGS.plot:
        figures.check_path(FLAGS.plot)
    if FLAGS.report:
        report_page.check_path(FLAGS.report)
    written = [os.path.join(FLAGS.output, name) for name in report.FILES] if FLAGS.output else []
    written += filter(None, (FLAGS.plot, FLAGS.report, path))
    folders = [FLAGS.output, *(os.path.dirname(file) for file in (FLAGS.plot, FLAGS.report) if file)]
    for place in filter(None, folders):
        files.check_folder(place)
    for file in written:
        files.check(file)
    if len({os.path.realpath(file) for file in written}) < len(written):
        raise ValueError(
            f"--output, --plot, --report and --tuning_cache write files of their own. Received: {written}."
        )
    return TuningCache(path) if path else None


def main():
    request = request_from_flags()
    command_line.import_tensorflow(command_line.threads_for(FLAGS.threads, request.problem, request.options))
    compare(request)


def compare(request: Request) -> None:
    """Runs the comparison, prints it, and writes what the flags ask for."""
    import problems
    from l2l_tf.evaluation import comparison

    problem = problems.get(request.problem, **request.options, **request.data)
    if FLAGS.held_out and not problem.held_out_splits:
        raise ValueError(f"--held_out: the problem {request.problem} has no held-out data.")
    splits = problem.held_out_splits if FLAGS.held_out else ()
    print(f"Problem: {request.problem} {json.dumps(request.options) if request.options else ''}".rstrip())
    results = []
    for contender in competing.contenders(request, problem, FLAGS):
        name = contender.name
        with tqdm.tqdm(total=FLAGS.num_epochs, desc=name, unit="epoch", leave=False, disable=None) as bar:
            results.append(
                comparison.run(
                    problem, contender, FLAGS.num_steps, FLAGS.num_epochs, FLAGS.seed, splits, lambda _: bar.update()
                )
            )
        curves = results[-1].curves
        print(f"{name}, epoch {FLAGS.num_epochs}")
        print(report.log10_line(curves.final()[curves.counted].mean(), 2))
        print(f"Mean epoch time: {curves.mean_epoch_time:.2f} s", flush=True)
    print(f"\n{report.table(results)}")
    _write(request, problem, results)


def _write(request, problem, results):
    about = {
        **provenance(FLAGS.seed),
        "problem": request.problem,
        "problem_options": problem.options,
        "num_steps": FLAGS.num_steps,
        "num_draws": FLAGS.num_epochs,
    }
    if FLAGS.output:
        report.write(results, about, FLAGS.output)
        print(f"Written: {', '.join(report.FILES)} in {FLAGS.output}")
    title = f"{request.problem}, {FLAGS.num_epochs} fresh draws"
    if FLAGS.report:
        report_page.write(FLAGS.report, results, about, title)
        print(f"Report: {FLAGS.report}")
    if FLAGS.plot:
        figures.write(figures.learning_curves(results, title), FLAGS.plot)
        print(f"Learning curves: {FLAGS.plot}")


def run() -> None:
    """The command as a process: parses the flags, works, and exits."""
    command_line.run(main, FLAGS, DESCRIPTION)


if __name__ == "__main__":
    run()
