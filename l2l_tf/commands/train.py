"""Trains an optimizer on a problem: flags in, a folder with the optimizer out."""

import dataclasses
import os

from absl import flags

from l2l_tf import presets, pretrained
from l2l_tf.commands import command_line
from l2l_tf.deployment import export_folder
from l2l_tf.evaluation import report
from l2l_tf.networks import catalogue
from l2l_tf.saving import files, hub, locks, saved_optimizer
from l2l_tf.saving.provenance import provenance
from l2l_tf.training import checkpoint, status, tasks_presets, unroll_schedule
from l2l_tf.training import config as training_config
from l2l_tf.training.config import TrainingConfig
from l2l_tf.training.tasks_config import TasksConfig
from l2l_tf.unrolling import trajectory_weights
from problems import catalogue as problems_catalogue
from problems import distribution, option_values

DESCRIPTION = """Trains an optimizer on a problem and saves the best by validation to --save_path.
Settings that are not given come from the --preset for the problem (l2l_tf/presets.py; some networks have their own on
mnist), then from the defaults of l2l_tf/training/config.py. Ctrl-C saves; --resume goes on."""

FLAGS = flags.FlagValues()
command_line.define_common(FLAGS)


def _define(kind, name, help_text, default=None, **limits):
    kind(name=name, default=default, help=help_text, flag_values=FLAGS, **limits)


_define(flags.DEFINE_string, "save_path", "Folder for the optimizer and the run's checkpoint (required).")
_define(
    flags.DEFINE_string,
    "problem",
    "A problem's name, or package.module:attribute. A distribution of tasks: taskset with families, mixture with "
    "problems, or, with --tasks_per_step, package.module:function of a seed.",
    "simple",
)
command_line.define_json("problem_options", None, "Options of the problem, added to the preset's.", FLAGS)
_define(
    flags.DEFINE_enum,
    "preset",
    "Where other settings come from.",
    "recommended",
    enum_values=list(tasks_presets.FOR_TASKS),
)
_define(flags.DEFINE_string, "network", "One network for all parameters, in place of the preset's.")
command_line.define_json(
    "network_options", None, "Options of --network, or, without it, changes to the preset's.", FLAGS
)
command_line.define_json("networks", None, 'Several networks: {"name": {"net": ..., "net_options": {...}}}.', FLAGS)
command_line.define_json("net_assignments", None, '[["network", ["parameter or pattern", ...]], ...].', FLAGS, list)
_define(
    flags.DEFINE_string,
    "start_from",
    "Folder or pretrained name of an optimizer to train further; its networks too, unless others are given.",
)
_define(flags.DEFINE_integer, "num_epochs", "Optimization runs to learn from.")
_define(flags.DEFINE_integer, "num_steps", "Steps of a run.")
_define(
    flags.DEFINE_list,
    "num_steps_curriculum",
    "Steps of the runs to learn from, one after the other in equal shares of the epochs, e.g. 20,100,200; empty for "
    "none, where a preset has them.",
)
_define(flags.DEFINE_integer, "unroll_length", "Steps between two updates of the optimizer's weights.")
_define(
    flags.DEFINE_enum,
    "unroll_schedule",
    "Whether unrolls are all of unroll_length, grow up to it from an eighth, or are drawn from that range.",
    enum_values=list(unroll_schedule.SCHEDULES),
)
_define(
    flags.DEFINE_enum,
    "estimator",
    "Of the outer gradient: truncated back-propagation, (persistent) evolution strategies, the gradient averaged "
    "over perturbed weights, or the inverse-variance mix of that with es. Full where unroll_length is num_steps.",
    enum_values=list(training_config.ESTIMATORS),
)
_define(flags.DEFINE_float, "perturbation_std", "Standard deviation of an estimator's perturbations of the weights.")
_define(flags.DEFINE_integer, "perturbations", "Perturbations for each outer gradient; each is used with both signs.")
_define(flags.DEFINE_integer, "optimizees_per_step", "Runs side by side whose outer gradients are averaged.")
_define(flags.DEFINE_float, "learning_rate", "Of Adam on the optimizer's weights.")
_define(flags.DEFINE_float, "learning_rate_decay", "Final over initial learning rate; cosine in between.")
_define(
    flags.DEFINE_integer,
    "learning_rate_trials",
    "Short runs to choose the learning rate by.",
    0,
    lower_bound=0,
    upper_bound=10_000,
)
_define(
    flags.DEFINE_integer,
    "learning_rate_trial_epochs",
    "Epochs of each; by default a tenth of num_epochs.",
    lower_bound=1,
    upper_bound=option_values.LARGEST_COUNT,
)
_define(
    flags.DEFINE_boolean,
    "second_derivatives",
    "Whether outer gradients use the optimizee's second derivatives.",
)
_define(
    flags.DEFINE_enum,
    "objective",
    "Which losses the outer objective is of.",
    enum_values=list(training_config.OBJECTIVES),
)
_define(
    flags.DEFINE_string,
    "loss_weights",
    'Weights of the losses of an unroll: "all", "mean", "final", "best" (the lowest counts), "last:N" (the '
    "mean of the last N) or w_0,w_1,...",
)
_define(flags.DEFINE_enum, "loss_transform", "Applied to each loss.", enum_values=["identity", "log"])
_define(flags.DEFINE_float, "clip_norm", "Largest norm of the outer gradient; 0 does not clip.")
_define(flags.DEFINE_float, "clip_value", "Largest entry of the outer gradient; 0 does not clip.")
_define(flags.DEFINE_float, "average_decay", "Of the moving average of the weights; 0 keeps none.")
_define(flags.DEFINE_float, "imitation_share", "Share of the runs in which Adam's updates are learned.")
_define(flags.DEFINE_float, "imitation_learning_rate", "Of the Adam that is imitated.")
_define(
    flags.DEFINE_float,
    "random_scaling",
    "r of the factors exp(U[-r, r]) that scale the coordinates of what is learned from; 0 does not scale.",
)
_define(
    flags.DEFINE_string,
    "reparameterize",
    "Scales of the parameters of what is learned from, as how:low:high, e.g. whole:0.001:1000: one for a run "
    "(whole), a tensor or a parameter; 0 does not scale.",
)
_define(flags.DEFINE_integer, "outer_steps", "Updates of the optimizer's weights, on a distribution of tasks.")
_define(flags.DEFINE_integer, "tasks_per_step", "Tasks whose outer gradients are averaged in each; each has its own.")
_define(flags.DEFINE_integer, "task_lifetime", "Outer steps before a task makes room for another.")
_define(
    flags.DEFINE_integer,
    "shortest_run",
    "Steps of the shortest run of a task; lengths are log-uniform from it to num_steps.",
)
_define(
    flags.DEFINE_string,
    "outer_optimizer",
    "Of the optimizer's weights: adam, or a learned one: a pretrained name, or a folder. --learning_rate then "
    "multiplies its updates; 1 is what it was trained for.",
)
_define(flags.DEFINE_float, "clip_task_norm", "Largest norm of a task's gradient; 0 does not clip.")
_define(
    flags.DEFINE_boolean,
    "own_draws",
    "Whether each pair of pes has a function and a start of its own, on a distribution of tasks.",
)
_define(flags.DEFINE_float, "weight_decay", "Of AdamW on the optimizer's weights, on a distribution of tasks.")
_define(flags.DEFINE_integer, "validation_tasks", "Held-out tasks that a validation of a distribution averages.")
_define(
    flags.DEFINE_integer,
    "workers",
    "Processes that compute the gradients of a distribution's tasks, by Ray; 0 computes them in this one.",
    0,
    lower_bound=0,
    upper_bound=100_000,
)
_define(flags.DEFINE_string, "cluster", "Ray cluster for the workers: auto or an address; by default this machine.")
_define(
    flags.DEFINE_float,
    "worker_seconds",
    "That a worker may take for a task, its compilation included.",
    600.0,
    lower_bound=1.0,
)
_define(
    flags.DEFINE_integer,
    "staleness",
    "Updates of the weights that a gradient may be old, where workers do not wait for each other; such a training "
    "cannot be repeated bit for bit. By default they wait.",
    lower_bound=0,
)
_define(flags.DEFINE_string, "status", "Prints where the run in this folder stands, and does nothing else.")
_define(
    flags.DEFINE_integer,
    "log_period",
    "Epochs, or outer steps, between log lines.",
    100,
    lower_bound=1,
    upper_bound=option_values.LARGEST_COUNT,
)
_define(flags.DEFINE_integer, "evaluation_period", "Epochs between validations.")
_define(flags.DEFINE_integer, "evaluation_epochs", "Fresh runs that a validation averages.")
_define(flags.DEFINE_integer, "patience", "Validations without improvement before stopping; 0 never stops.")
_define(
    flags.DEFINE_float, "rewind", "Go on from the best weights where a validation is worse than this times; 0 never."
)
_define(flags.DEFINE_boolean, "in_blocks", "Whether the fast path may be taken.")
_define(
    flags.DEFINE_boolean,
    "resume",
    "Go on with the run in --save_path; from its beginning if nothing is saved.",
    False,
)
_define(
    flags.DEFINE_boolean,
    "accept_changes",
    "Resume although other packages, settings or hardware, or a changed problem, compute the rest to other weights.",
    False,
)
_define(flags.DEFINE_boolean, "overwrite", "Replace the run in --save_path.", False)
_define(flags.DEFINE_string, "summary_dir", "Folder for TensorBoard.")
_define(flags.DEFINE_string, "export", "Folder for a SavedModel of the best optimizer.")

_FIELDS = [field.name for field in dataclasses.fields(TrainingConfig)]
_ZERO_IS_NONE = ("clip_norm", "clip_task_norm", "clip_value", "average_decay", "patience", "random_scaling", "rewind")
_OF_TASKS = [field.name for field in dataclasses.fields(TasksConfig) if field.name not in _FIELDS]


_LONGEST = 1e9  # seconds
_DISTRIBUTIONS = "taskset with families, mixture, or any problem with --tasks_per_step"


def config_from_flags() -> TrainingConfig:
    """The preset for the problem, changed by the flags that were given."""
    for one, other in (("network", "networks"), ("network_options", "networks"), ("resume", "overwrite")):
        if FLAGS[one].value not in (None, False) and FLAGS[other].value not in (None, False):
            raise ValueError(f"Give --{one} or --{other}, not both.")
    if FLAGS.learning_rate_trial_epochs and not FLAGS.learning_rate_trials:
        raise ValueError("--learning_rate_trial_epochs goes with --learning_rate_trials.")
    if FLAGS.outer_optimizer not in (None, "adam"):
        saved_optimizer.read(pretrained.folder(FLAGS.outer_optimizer))
    network = catalogue.find(FLAGS.network) if FLAGS.network else None
    problem = problems_catalogue.find(FLAGS.problem, warn=True)
    several = FLAGS.tasks_per_step is not None or distribution.is_one(problem, FLAGS.problem_options or {})
    settings = (
        tasks_presets.for_tasks(FLAGS.preset, problem) if several else presets.get(FLAGS.preset, problem, network)
    )
    given = {name: FLAGS[name].value for name in _FIELDS if name in FLAGS and FLAGS[name].value is not None}
    if given.get("reparameterize") == "0":
        given["reparameterize"] = None
    of_tasks = {name: FLAGS[name].value for name in _OF_TASKS if FLAGS[name].value is not None}
    if of_tasks and not several:
        raise ValueError(f"--{next(iter(of_tasks))} is of the training on a distribution of tasks: {_DISTRIBUTIONS}.")
    given |= of_tasks
    given |= {name: None for name in _ZERO_IS_NONE if given.get(name) == 0}
    if several and FLAGS.learning_rate_trials:
        raise ValueError("--learning_rate_trials are of the training on one problem.")
    if "loss_weights" in given:
        given["loss_weights"] = _loss_weights(given["loss_weights"])
    if "num_steps_curriculum" in given:
        given["num_steps_curriculum"] = _curriculum(given["num_steps_curriculum"])
    problem_options = {**settings.get("problem_options", {}), **(given.pop("problem_options", None) or {})}
    settings = settings | given | {"problem": problem, "problem_options": problem_options}
    settings |= _networks(settings)
    return TasksConfig(**settings) if several else TrainingConfig(**settings)


def _networks(settings):
    if FLAGS.networks:
        return {"networks": FLAGS.networks, "net_assignments": FLAGS.net_assignments}
    options = FLAGS.network_options or {}
    if FLAGS.network:
        networks = {"network": {"net": FLAGS.network, "net_options": options}}
        return {"networks": networks, "net_assignments": FLAGS.net_assignments}
    if FLAGS.start_from:
        if FLAGS.network_options:
            raise ValueError("--network_options go with a --network; those of --start_from are as they were saved.")
        config, _ = saved_optimizer.read(pretrained.folder(FLAGS.start_from))
        longest_run = TrainingConfig(**settings).longest_run
        networks = {name: _further(net, longest_run) for name, net in config["networks"].items()}
        return {"networks": networks, "net_assignments": FLAGS.net_assignments or config["net_assignments"]}
    networks = {
        name: {**net, "net_options": {**net.get("net_options", {}), **options}}
        for name, net in settings["networks"].items()
    }
    return {"networks": networks}


def _further(saved, longest_run):
    """The network of a saved optimizer. Its clock, where it stops, goes on to the end of longer runs."""
    options = dict(saved["net_options"])
    if options.get("trained_steps"):
        options["trained_steps"] = max(options["trained_steps"], longest_run)
    return {"net": saved["net"], "net_options": options}


def _loss_weights(text):
    if trajectory_weights.is_named(text):
        return text
    try:
        return [float(weight) for weight in text.split(",")]
    except ValueError:
        known = trajectory_weights.KNOWN
        raise ValueError(f"--loss_weights is {known} or numbers w_0,w_1,... Received: {text!r}.") from None


def _curriculum(words):
    try:
        return [int(word) for word in words] or None
    except ValueError:
        raise ValueError(
            f"--num_steps_curriculum is whole numbers, e.g. 20,100. Received: {','.join(words)}."
        ) from None


def main():
    if FLAGS.status:
        print(status.of(FLAGS.status))
        return
    if not FLAGS.save_path:
        raise ValueError("--save_path is needed: the folder for the optimizer. (train.py --help lists the flags.)")
    if hub.is_address(FLAGS.save_path):
        raise ValueError(
            "--save_path is a folder of this machine; l2l_tf.load(folder).push() puts what is trained on the Hub. "
            f"Received: {FLAGS.save_path!r}."
        )
    config = config_from_flags()
    if not any(catalogue.has_weights(network["net"]) for network in config.networks.values()):
        raise ValueError(f"None of the networks {list(config.networks)} has weights to learn.")
    several = isinstance(config, TasksConfig)
    if not FLAGS.worker_seconds <= _LONGEST:
        raise ValueError(f"--worker_seconds is a number from 1 to {_LONGEST:g}. Received: {FLAGS.worker_seconds}.")
    if FLAGS.workers and not several:
        raise ValueError(f"--workers are for a distribution of tasks: {_DISTRIBUTIONS}.")
    for flag in ("cluster", "staleness"):
        if FLAGS[flag].value is not None and not FLAGS.workers:
            raise ValueError(f"--{flag} goes with --workers.")
    check = command_line.check_distribution if several else command_line.check_problem
    options, data = check(config.problem, config.problem_options, FLAGS.data_dir, FLAGS.download)
    config = dataclasses.replace(config, problem_options=options)
    if not several and config.objective == "validation":
        command_line.check_held_out("objective=validation", config.problem, config.problem_options, data)
    resume = FLAGS.resume and not checkpoint.is_to_come(FLAGS.save_path)
    if resume:
        _, facts = checkpoint.read(FLAGS.save_path)
        if FLAGS.learning_rate_trials and isinstance(rate := facts["config"].get("learning_rate"), float):
            config = dataclasses.replace(config, learning_rate=rate)
        checkpoint.check_same_run(config, facts, FLAGS.save_path)
    elif not FLAGS.overwrite:
        checkpoint.check_free(FLAGS.save_path)
    if FLAGS.export:
        export_folder.check(FLAGS.export, FLAGS.save_path)
    folders = [*filter(None, (FLAGS.summary_dir, FLAGS.save_path))]
    for folder in folders:
        files.check_folder(folder)
    for file in (checkpoint.FILE, *saved_optimizer.file_names(config.networks)):
        files.check(os.path.join(FLAGS.save_path, file))
    for folder in folders:
        files.make_folder(folder)
    with locks.training_in(FLAGS.save_path):
        if several:
            command_line.import_tensorflow(1)
            train_on_tasks(config, data, resume)
        else:
            threads = command_line.threads_for(FLAGS.threads, config.problem, config.problem_options)
            command_line.import_tensorflow(threads)
            train(config, data, resume)


def train(config, data, resume):
    from l2l_tf.training import learning_rate_search, progress
    from l2l_tf.training.loop import Training

    if FLAGS.resume and not resume:
        print(f"There is no {checkpoint.FILE} in {FLAGS.save_path} yet: training begins.")
    if FLAGS.learning_rate_trials and not resume:
        trial_epochs = FLAGS.learning_rate_trial_epochs or max(1, config.num_epochs // 10)
        config = learning_rate_search.search(
            config,
            FLAGS.save_path,
            FLAGS.learning_rate_trials,
            trial_epochs,
            data,
            FLAGS.overwrite,
            report=lambda trial: print(f"Learning rate {trial.learning_rate:g}: {trial.final_loss:.4g}"),
            accept_changes=FLAGS.accept_changes,
        )
        print(f"Chosen: learning rate {config.learning_rate:g}")
    metadata = {"provenance": provenance(config.seed)}
    training = Training(
        config, FLAGS.save_path, resume, FLAGS.overwrite, data, metadata, accept_changes=FLAGS.accept_changes
    )
    outcome = progress.follow(training, FLAGS.log_period, FLAGS.summary_dir)
    where = os.path.normpath(FLAGS.save_path)
    if outcome.reason == "interrupted":
        raise KeyboardInterrupt(f"Saved in {where}, epoch {outcome.epochs}. The same command with --resume goes on.")
    if outcome.best is None:
        raise ValueError(
            f"No validation was finite in {outcome.epochs} epochs, so {where} holds nothing better than the start. "
            "Lower --learning_rate or the network's scale, or set --clip_norm."
        )
    print(f"Training {outcome.reason} after {outcome.epochs} epochs; the best optimizer is in {where}.")
    curves = training.evaluate(config.evaluation_epochs)
    print(
        f"{report.log10_line(curves.final()[curves.counted].mean())} (fresh problems, evaluate.py --seed={config.seed})"
    )
    if FLAGS.export:
        from l2l_tf.deployment.saved_model import export_saved_model
        from l2l_tf.unrolling.fitting import shapes_of

        members = training.network.networks.values()
        shapes = shapes_of(training.problem) if any(member.sees_shapes for member in members) else None
        export_saved_model(FLAGS.save_path, FLAGS.export, shapes)
        print(f"SavedModel: {FLAGS.export}")


def train_on_tasks(config, data, resume):
    import tensorflow as tf

    from l2l_tf.training import tasks_progress
    from l2l_tf.training.tasks import TasksTraining
    from l2l_tf.training.workers import Workers

    tf.get_logger().setLevel("ERROR")  # Every task is functions of its own, and TensorFlow warns of many.
    if FLAGS.resume and not resume:
        print(f"There is no {checkpoint.FILE} in {FLAGS.save_path} yet: training begins.")
    metadata = {"provenance": provenance(config.seed)}
    workers = Workers(FLAGS.workers, FLAGS.cluster, FLAGS.worker_seconds, FLAGS.staleness) if FLAGS.workers else None
    training = TasksTraining(
        config, FLAGS.save_path, resume, FLAGS.overwrite, data, metadata, FLAGS.accept_changes, workers
    )
    try:
        outcome = tasks_progress.follow(training, FLAGS.log_period, FLAGS.summary_dir)
    finally:
        training.close()
    where = os.path.normpath(FLAGS.save_path)
    if outcome.reason == "interrupted":
        raise KeyboardInterrupt(
            f"Saved in {where}, outer step {outcome.epochs}. The same command with --resume goes on."
        )
    if outcome.best is None:
        raise ValueError(
            f"No validation was finite in {outcome.epochs} outer steps, so {where} holds nothing better than the start."
        )
    print(f"Training {outcome.reason} after {outcome.epochs} outer steps; the best optimizer is in {where}.")
    if FLAGS.export:
        from l2l_tf.deployment.saved_model import export_saved_model

        export_saved_model(FLAGS.save_path, FLAGS.export)
        print(f"SavedModel: {FLAGS.export}")


def run() -> None:
    """The command as a process: parses the flags, works, and exits."""
    command_line.run(main, FLAGS, DESCRIPTION, may_be_empty=["num_steps_curriculum"])


if __name__ == "__main__":
    run()
