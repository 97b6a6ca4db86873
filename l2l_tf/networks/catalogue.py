"""The networks by name: where each is and which options it takes. Needs no TensorFlow.

Commands check names and options against this table before they import anything heavy. A test holds it to the
constructors' signatures.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Entry(NamedTuple):
    """A network: the module of the class, the keyword arguments it takes, and those it cannot do without."""

    module: str
    options: tuple[str, ...]
    required: tuple[str, ...] = ()


_LSTM = ("layers", "preprocess_name", "preprocess_options", "scale", "initializer", "seed", "dtype")
_AVERAGING = ("global_cells", "function_axis", *_LSTM)
_MEMORY = ("read_heads", "write_heads", "heads", "output", "initial_scale", "learned_scale", *_AVERAGING)
_MLP = ("layers", "decays", "scale", "magnitude_scale", "function_axis", "initializer", "seed", "dtype")

CATALOGUE: dict[str, Entry] = {
    "StandardDeepLSTM": Entry("l2l_tf.networks.lstm", ("output_size", *_LSTM), ("output_size",)),
    "CoordinateWiseDeepLSTM": Entry("l2l_tf.networks.lstm", _LSTM),
    "KernelDeepLSTM": Entry("l2l_tf.networks.lstm", ("kernel_shape", *_LSTM), ("kernel_shape",)),
    "GlobalAveragingLSTM": Entry("l2l_tf.networks.global_averaging", _AVERAGING),
    "NtmBfgs": Entry("l2l_tf.networks.ntm_bfgs", _MEMORY),
    "NtmLBfgs": Entry("l2l_tf.networks.ntm_l_bfgs", ("history", *_MEMORY)),
    "LearnedMomentum": Entry(
        "l2l_tf.networks.learned_momentum",
        ("layers", "learning_rate", "beta_1", "beta_2", "epsilon", "initializer", "seed", "dtype"),
    ),
    "RNNProp": Entry(
        "l2l_tf.networks.rnnprop",
        ("layers", "beta_1", "beta_2", "epsilon", "scale", "magnitude", "initializer", "seed", "dtype"),
    ),
    "PerParameterMLP": Entry("l2l_tf.networks.per_parameter_mlp", _MLP),
    "AdafactorMLP": Entry("l2l_tf.networks.adafactor_mlp", ("second_moment_decay", *_MLP)),
    "HierarchicalLSTM": Entry("l2l_tf.networks.hierarchical_lstm", ("cells", "messages", "losses", *_MLP)),
    "Sgd": Entry("l2l_tf.networks.classic", ("learning_rate",)),
    "Momentum": Entry("l2l_tf.networks.classic", ("learning_rate", "momentum")),
    "Nesterov": Entry("l2l_tf.networks.classic", ("learning_rate", "momentum")),
    "RMSProp": Entry("l2l_tf.networks.classic", ("learning_rate", "rho", "epsilon")),
    "Adam": Entry("l2l_tf.networks.classic", ("learning_rate", "beta_1", "beta_2", "epsilon")),
}

ALIASES = {"NAG": "Nesterov"}


def names() -> list[str]:
    """The class names that `find` knows."""
    return sorted(CATALOGUE)


def find(name: str) -> str:
    """The class name that `name` means; case, underscores and hyphens do not count.

    Raises:
      ValueError: an unknown name.
    """
    known = {_plain(alias): meant for alias, meant in ALIASES.items()} | {_plain(own): own for own in CATALOGUE}
    if _plain(name) not in known:
        raise ValueError(f"Networks are {names()}. Received: {name!r}.")
    return known[_plain(name)]


def takes(name: str, option: str) -> bool:
    """Whether the network of that name takes the option."""
    return option in CATALOGUE[find(name)].options


def check_options(name: str, options: Mapping[str, Any]) -> None:
    """Checks the names of a network's options, not their values.

    Raises:
      ValueError: an unknown network, an option it does not take, or one missing that it needs.
    """
    name = find(name)
    taken, required = {*CATALOGUE[name].options, "name"}, CATALOGUE[name].required
    unknown = [option for option in options if option not in taken]
    missing = [option for option in required if option not in options]
    if unknown:
        why = f"it takes {list(CATALOGUE[name].options)}, not {', '.join(map(repr, unknown))}"
    elif missing:
        why = f"it needs {', '.join(map(repr, missing))}"
    else:
        return
    raise ValueError(f"{name} does not take these options: {why}. Received: {dict(options)}.")


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")
