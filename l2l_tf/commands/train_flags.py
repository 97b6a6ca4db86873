"""The flags of train.py."""

from absl import flags

from l2l_tf.commands import command_line
from l2l_tf.training import config as training_config
from l2l_tf.training import tasks_presets, unroll_schedule
from problems import option_values

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
_define(flags.DEFINE_integer, "shortest_run", "Steps of the shortest run of a task.")
_define(
    flags.DEFINE_float,
    "length_power",
    "Lengths of a task's runs, from the shortest to num_steps, have the density length^-this: 1 is log-uniform, 2 "
    "gives every octave of a run's time as many outer steps.",
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
    "Whether each pair of pes or nres has a function and a start of its own, on a distribution of tasks.",
)
_define(
    flags.DEFINE_float,
    "told_share",
    "Share of a distribution's runs in which a network that can be told knows how long they are.",
)
_define(
    flags.DEFINE_float,
    "told_power",
    "Losses of those at the share p of the run count (1 + this) p^this times: the end counts most.",
)
_define(
    flags.DEFINE_list,
    "trained_weights",
    "Names or patterns of the weights that are learned, e.g. general/control_*; the others stay as they start.",
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
