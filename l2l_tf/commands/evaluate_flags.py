"""The flags of evaluate.py."""

from absl import flags

from l2l_tf.commands import command_line
from l2l_tf.evaluation import baselines, figures, report, report_page
from l2l_tf.networks import search_spaces
from problems import option_values

FLAGS = flags.FlagValues()

LEARNED = "L2L"
CLASSICS = baselines.NETWORKS
TUNING = "tuning.json"
# Draws are counted in int32, and the losses of all steps kept.
_MOST_DRAWS, _MOST_STEPS = 2**31 - 2, 10**9


def _define(kind, name, help_text, default=None, **limits):
    kind(name=name, default=default, help=help_text, flag_values=FLAGS, **limits)


_define(
    flags.DEFINE_list,
    "optimizer",
    f"What is compared: {LEARNED} (whatever --path names), {', '.join(CLASSICS)}, or the name of a --path.",
    [LEARNED],
)
_define(
    flags.DEFINE_list,
    "path",
    "Folder of a saved optimizer, hf://user/name, or the name of a pretrained one; name=folder,name=folder,... "
    f"compares several. Without it {LEARNED} is the untrained network.",
)
_define(flags.DEFINE_integer, "num_epochs", "Draws of the problem.", 100, lower_bound=1, upper_bound=_MOST_DRAWS)
_define(flags.DEFINE_integer, "num_steps", "Steps of each run.", 100, lower_bound=1, upper_bound=_MOST_STEPS)
_define(flags.DEFINE_string, "problem", "A problem's name, or package.module:attribute.", "simple")
command_line.define_json("problem_options", None, "Options of the problem, added to those it was trained on.", FLAGS)
_define(
    flags.DEFINE_boolean,
    "trust",
    "Import the problem that a folder of --path names where it is code, package.module:attribute: see docs/safety.md.",
    False,
)
_define(flags.DEFINE_float, "learning_rate", "Of the hand-designed optimizers, without --tune.", 0.001, lower_bound=0)
_define(flags.DEFINE_boolean, "tune", "Search each hand-designed optimizer's learning rate for this problem.", False)
_define(
    flags.DEFINE_integer,
    "tuning_epochs",
    "Draws for each learning rate of the search.",
    10,
    lower_bound=1,
    upper_bound=_MOST_DRAWS // 10,
)
_define(
    flags.DEFINE_string,
    "tuning_cache",
    f"JSON file that searches are written to and looked up in; by default {TUNING} in --output, or beside --plot or "
    "--report.",
)
_define(
    flags.DEFINE_list,
    "search_space",
    f"With --tune: spaces ({', '.join(search_spaces.SPACES)}) whose best configuration for this problem competes too.",
)
_define(
    flags.DEFINE_integer,
    "trials",
    "Configurations that are tried, from the first of each --search_space; by default 100, or all where there are "
    "fewer.",
    lower_bound=1,
    upper_bound=option_values.LARGEST_COUNT,
)
_define(flags.DEFINE_boolean, "held_out", "Measure the loss on the problem's held-out data too.", False)
_define(flags.DEFINE_string, "plot", f"File for the learning curves ({', '.join(figures.SUFFIXES)}).")
_define(
    flags.DEFINE_string,
    "report",
    f"File for a page of all of it (*{report_page.SUFFIX}), which needs no network: the table, curves that answer to "
    "the mouse, the learning rates that were searched, the command.",
)
_define(flags.DEFINE_string, "output", f"Folder for {', '.join(report.FILES)}.")
command_line.define_common(FLAGS)
