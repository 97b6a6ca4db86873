"""A study as a command: flags in; trains what is not trained, then compares, part by part."""

from pathlib import Path
from typing import Any

from absl import flags

from experiments.shared import contenders, runs
from experiments.shared.comparing import check_results, run_part
from experiments.shared.study import Request, Study, shortened
from l2l_tf.commands import command_line
from l2l_tf.saving import files
from problems import option_values

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


def _seeds(by_default: tuple[int, ...]) -> tuple[int, ...]:
    try:
        seeds = tuple(map(int, FLAGS.seed)) if FLAGS.seed else by_default
    except ValueError:
        raise ValueError(f"--seed is whole numbers, e.g. 0,1,2. Received: {','.join(FLAGS.seed)!r}.") from None
    if min(seeds) < 0 or len(set(seeds)) < len(seeds):
        raise ValueError(f"--seed is different whole numbers of at least 0. Received: {','.join(FLAGS.seed)!r}.")
    return seeds
