"""Optimizers on TaskSet's published tasks: learned ones without tuning, hand-designed ones by what their tuning may
cost.

  python -m experiments taskset --optimizer=mnist_adafactor --split=choose --budget=adam_lr:14,opt_list:10

Each task is run from 2 draws for 1,000 steps under every configuration, side by side. Losses are normalised: 1 is the
start, 0 the best that Adam found at 14 rates. "Per task" is the best of so many configurations on each task, by its
"outer_validation" losses; "global" is the one configuration with the lowest mean over all tasks, of which a user would
have had to know. Trials are kept in --output, a file a task: the command goes on where it was, and a larger budget adds
to a smaller one. "held_out" is for what is published: nothing may be chosen by it.
"""

import json
import logging
import time
from pathlib import Path

from absl import flags

from experiments.shared import contenders
from experiments.talk import taskset_tables
from experiments.talk.taskset_progress import Progress
from l2l_tf.commands import command_line
from l2l_tf.evaluation import figures
from l2l_tf.networks import search_spaces
from l2l_tf.saving import files
from l2l_tf.saving.provenance import provenance
from problems.taskset import published

DESCRIPTION = __doc__ or ""
FLAGS = flags.FlagValues()
flags.DEFINE_list("optimizer", [], "Folders of saved optimizers, or names of pretrained ones.", flag_values=FLAGS)
flags.DEFINE_enum("split", "choose", published.SPLITS, "Of the published tasks.", flag_values=FLAGS)
flags.DEFINE_list(
    "budget",
    ["adam_lr:14", "opt_list:10", "nadamw:10", "adam8p:10"],
    f"Search spaces, of {', '.join(search_spaces.SPACES)}, and the number of their configurations, as opt_list:10.",
    flag_values=FLAGS,
)
flags.DEFINE_list("tasks", None, "Names of tasks, in place of a split's.", flag_values=FLAGS)
flags.DEFINE_integer("num_steps", 1_000, "Of each run.", 1, 1_000_000, flag_values=FLAGS)
flags.DEFINE_string("output", "results/taskset", "Folder of the results, one subfolder a split.", flag_values=FLAGS)
flags.DEFINE_string("runs", "runs/taskset", "Folder of the trials.", flag_values=FLAGS)
flags.DEFINE_string(
    "data_dir",
    None,
    "Folder of the TensorFlow Datasets data; by default the environment variable L2L_DATA_DIR, then TFDS's own.",
    flag_values=FLAGS,
)
flags.DEFINE_bool("download", False, "Fetch data that is missing.", flag_values=FLAGS)
flags.DEFINE_bool("debug", False, "Show the traceback of every error.", flag_values=FLAGS)

EVALUATION_SEED = 0


def main() -> None:
    """The command."""
    budgets = budgets_from(FLAGS.budget)
    learned = contenders.optimizers(FLAGS.optimizer)
    names = FLAGS.tasks or list(published.tasks(FLAGS.split))
    tasks = {name: published.task(name) for name in names}
    for task in tasks.values():
        command_line.check_problem("taskset", {"config": task.config}, FLAGS.data_dir, FLAGS.download)
    output = Path(FLAGS.output) / ("tasks" if FLAGS.tasks else FLAGS.split)
    files.check_folder(output)
    files.check_folder(FLAGS.runs)
    tf = command_line.import_tensorflow(1)
    # Of every task TensorFlow warns that it is a function of its own, and of some that they cannot be vectorised.
    tf.get_logger().setLevel("FATAL")
    logging.getLogger("l2l_tf.fast.vectorization").setLevel("ERROR")
    from experiments.talk import taskset_trials
    from problems import taskset

    kept = taskset_trials.Kept(Path(FLAGS.runs), FLAGS.num_steps)
    progress = Progress(len(tasks))
    progress.expect(task.milliseconds for task in tasks.values())
    for name, task in tasks.items():
        began, problem, broken = time.perf_counter(), None, 0
        for contender, count in [*budgets.items(), *dict.fromkeys(learned, 1).items()]:
            trials = kept.read(name, contender)
            if len(trials) < count:
                problem = problem or taskset.build(task.config, FLAGS.data_dir, FLAGS.download)
                if contender in learned:
                    trials = taskset_trials.of_learned(problem, learned[contender], FLAGS.num_steps)
                else:
                    first = len(trials)
                    trials += taskset_trials.of_space(problem, contender, first, count, FLAGS.num_steps)
                kept.write(name, contender, trials)
            broken += sum(not trial.outer < float("inf") for trial in trials[:count])
        told = f"{broken} of {sum(budgets.values()) + len(learned)} trials not finite"
        progress.done(name, told, time.perf_counter() - began, task.milliseconds)
    write(kept, tasks, budgets, list(learned), output)


def budgets_from(words: list[str]) -> dict[str, int]:
    """Search space to number of configurations.

    Raises:
      ValueError: a word is not of the form `opt_list:10`, or there is no such space, or it has not so many.
    """
    found = {}
    for word in words:
        space, _, count = word.partition(":")
        if not count.isdecimal():
            raise ValueError(f"--budget is search spaces with a number of trials, as opt_list:10. Received: {word!r}.")
        search_spaces.check_trials(space, int(count))
        found[space] = int(count)
    return found


def write(kept, tasks, budgets: dict[str, int], learned: list[str], output: Path) -> None:
    """Prints the table and writes the folder."""
    normalisers = {name: found for name in tasks if (found := published.normaliser(name))}
    without = [name for name in tasks if name not in normalisers]
    if not normalisers:
        raise ValueError(f"None of these tasks has a normaliser, so that there is no table. Received: {without}.")

    def losses(contender):
        return taskset_tables.normalised({name: kept.read(name, contender) for name in normalisers}, normalisers)

    rows = [taskset_tables.learned(name, losses(name)) for name in learned]
    for space, count in budgets.items():
        found = losses(space)
        rows.append(taskset_tables.best_for_all(space, found, count))
        # Ten rates of a grid are no budget: it has no order.
        counts = {count} if space == "adam_lr" else {min(10, count), count}
        rows += [taskset_tables.best_for_each(space, found, some) for some in sorted(counts)]
    origin = provenance(EVALUATION_SEED)
    about = {
        **origin,
        "split": None if FLAGS.tasks else FLAGS.split,
        "num_steps": FLAGS.num_steps,
        "tasks": list(tasks),
        "without": without,
        "rows": taskset_tables.as_json(rows, learned),
    }
    text = taskset_tables.table(rows)
    left_out = f" Without a normaliser, and left out: {', '.join(without)}." if without else ""
    which = "given by name" if FLAGS.tasks else f"of the split {FLAGS.split!r}"
    how = (
        f"Normalised losses after {FLAGS.num_steps:,} steps; tasks: {len(normalisers)} {which}, "
        f"two draws each; what is not finite counts as 2.{left_out} `{origin['command']}`, {origin['date']}; commit "
        "and machine are in results.json."
    )
    files.write(output / "table.md", f"# TaskSet\n\n{text}\n\n{how}\n")
    files.write(output / "tasks.csv", taskset_tables.by_task(list(normalisers), rows))
    files.write(output / "results.json", json.dumps(about, indent=1) + "\n")
    figures.write(taskset_tables.curves(rows, FLAGS.num_steps), output / "curves.png")
    for name, row in zip(learned, rows):
        plot = taskset_tables.histogram(row, [other for other in rows if other is not row])
        figures.write(plot, output / f"histogram-{name}.png")
    listed = published.tasks().values()
    plot = taskset_tables.pictures_of_tasks([t.parameters for t in listed], [t.milliseconds for t in listed])
    figures.write(plot, output / "tasks.png")
    print(f"\n{text}\n{how}\nWritten: {output}", flush=True)
