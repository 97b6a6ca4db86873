"""Trains an optimizer on a problem: flags in, a folder with the optimizer out."""

import dataclasses
import os

from l2l_tf import presets, pretrained
from l2l_tf.commands import command_line
from l2l_tf.commands.train_flags import FLAGS
from l2l_tf.deployment import export_folder
from l2l_tf.evaluation import report
from l2l_tf.networks import catalogue
from l2l_tf.saving import files, hub, locks, saved_optimizer
from l2l_tf.saving.provenance import provenance
from l2l_tf.training import checkpoint, status, tasks_presets
from l2l_tf.training.config import TrainingConfig
from l2l_tf.training.tasks_config import TasksConfig
from l2l_tf.unrolling import trajectory_weights
from problems import catalogue as problems_catalogue
from problems import distribution

DESCRIPTION = """Trains an optimizer on a problem and saves the best by validation to --save_path.
Settings that are not given come from the --preset for the problem (l2l_tf/presets.py; some networks have their own on
mnist), then from the defaults of l2l_tf/training/config.py. Ctrl-C saves; --resume goes on."""

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
    kind = TasksConfig if several else TrainingConfig
    return kind(**settings | _networks(settings, kind))


def _networks(settings, kind):
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
        longest_run = kind(**settings).longest_run
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
