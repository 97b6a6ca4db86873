"""The flags of neural_art, and the problem that they say."""

from typing import Any

from absl import flags

from problems import option_values, pictures

FLAGS = flags.FlagValues()
NAME = "neural_art"
SIZES = ["64", "128"]
_MOST = option_values.LARGEST_COUNT


def _define(kind, name, help_text, default=None, **limits):
    kind(name=name, default=default, help=help_text, flag_values=FLAGS, **limits)


_define(flags.DEFINE_string, "content", "A picture to style, or a folder of photographs (required).")
_define(flags.DEFINE_string, "style", "A painting (required).")
_define(flags.DEFINE_string, "held_out_style", "A painting that the optimizer was not trained on.")
_define(
    flags.DEFINE_string,
    "vgg_weights",
    "A file with VGG-19's weights, or imagenet: Keras fetches them.",
    pictures.IMAGENET,
)
_define(
    flags.DEFINE_list,
    "optimizer",
    "Folder of a saved optimizer, or several. By default the pretrained one, for a picture; in the experiment those "
    "that it trains itself.",
)
_define(flags.DEFINE_integer, "num_steps", "Steps of each run.", 128, lower_bound=1, upper_bound=_MOST)
_define(
    flags.DEFINE_string, "output", "The styled picture (styled.png), or the experiment's folder (results/neural_art)."
)
_define(
    flags.DEFINE_integer, "size", "Of a picture of your own: the longer side.", 256, lower_bound=16, upper_bound=16_384
)
_define(flags.DEFINE_bool, "show", "Open the styled picture in a viewer.", False)
_define(flags.DEFINE_string, "grid", "File for pictures side by side: content, style, ours, Adam's.")
_define(flags.DEFINE_float, "adam_learning_rate", "Adam's in the grid of a picture of your own.", 0.3, lower_bound=0)
_define(flags.DEFINE_string, "runs", "Folder of the experiment's trainings.", "runs")
_define(flags.DEFINE_integer, "seeds", "Trainings of the experiment.", 2, lower_bound=1, upper_bound=_MOST)
_define(flags.DEFINE_integer, "num_draws", "Test photographs drawn.", 20, lower_bound=1, upper_bound=_MOST)
_define(
    flags.DEFINE_integer,
    "tuning_draws",
    "Validation photographs drawn for each learning rate.",
    2,
    lower_bound=1,
    upper_bound=_MOST,
)
_define(flags.DEFINE_list, "sizes", "Parts of the experiment: 64 has the training's style, 128 the other.", SIZES)
_define(flags.DEFINE_bool, "quick", "The experiment in miniature, to see it run.", False)
_define(flags.DEFINE_integer, "seed", "Root of all random draws.", 1_000_000, lower_bound=0, upper_bound=2**62 - 1)
_define(flags.DEFINE_bool, "debug", "Show the traceback of every error.", False)


def problem_options(style: str, size: Any, split: str) -> dict[str, Any]:
    """The options of the problem, as the flags say, with one of the styles."""
    return {
        "content": FLAGS.content,
        "style": style,
        "vgg_weights": FLAGS.vgg_weights,
        "size": size,
        **({"split": split} if split != "train" else {}),
    }
