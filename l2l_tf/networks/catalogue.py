"""The networks by name: where each is, which options it takes, and what these may be. Needs no TensorFlow.

Commands check names and options against this table before they import anything heavy, and the constructors check the
values of their options against it and nothing else, but for options that do not go together. A test holds the names to
the constructors' signatures.
"""

import warnings
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from problems import option_values
from problems.option_values import (
    Value,
    above,
    decay,
    dictionary,
    finite,
    flag,
    list_of,
    number,
    one_of,
    or_none,
    seed,
    share,
    whole,
)


class Entry(NamedTuple):
    """A network.

    Attributes:
      module: of the class.
      options: the keyword arguments it takes.
      required: those it cannot do without.
      values: what they may be, where that is not what `VALUES` says.
    """

    module: str
    options: tuple[str, ...]
    required: tuple[str, ...] = ()
    values: Mapping[str, Value] = {}


_LSTM = ("layers", "preprocess_name", "preprocess_options", "scale", "initializer", "seed", "dtype")
_AVERAGING = ("global_cells", "function_axis", *_LSTM)
_MEMORY = ("read_heads", "write_heads", "heads", "output", "initial_scale", "learned_scale", *_AVERAGING)
_MLP = (
    "layers",
    "decays",
    "scale",
    "magnitude_scale",
    "trained_steps",
    "function_axis",
    "initializer",
    "seed",
    "dtype",
)
_ADAM = ("learning_rate", "beta_1", "beta_2", "epsilon")

# Preprocessors by their options. e^k is a factor of float32's gradients.
PREPROCESSORS: dict[str, dict[str, Value]] = {
    "identity": {"gain": finite()},
    "Clamp": {"min_value": or_none(finite()), "max_value": or_none(finite())},
    "LogAndSign": {"k": above(0, largest=40)},
}
# By the names of TensorFlow's functions, which the original code looked up: of those that act entry by entry, the ones
# that are finite with finite gradients everywhere.
FUNCTIONS = ("abs", "asinh", "atan", "sigmoid", "sign", "square", "tanh")

# An option means the same wherever it is taken.
VALUES: dict[str, Value] = {
    "beta_1": decay(),
    "beta_2": decay(),
    "cells": whole(1),
    "decays": list_of(decay(), fewest=1),
    "constant": share(),
    "control_layers": list_of(whole(2), fewest=1),
    "dtype": one_of("float32", "float64"),
    "epsilon": number(0),
    "exponential_decay": number(0),
    "final": number(0),
    "function_axis": Value("0, or null", lambda value: value is None or (value == 0 and not isinstance(value, bool))),
    "global_cells": whole(0),
    "heads": one_of("bfgs", "secant", "linear"),
    "history": whole(1),
    "initial_scale": above(0),
    "initializer": Value("what `WeightInitializers` takes", lambda value: True, kept=True),
    "kernel_shape": list_of(whole(1), fewest=1),
    "l1": number(0),
    "l2": number(0),
    "layers": list_of(whole(1)),
    "learned_scale": flag(),
    "learning_rate": number(0),
    "linear_decay": number(0),
    "losses": list_of(one_of("training", "validation")),
    "magnitude": flag(),
    "magnitude_scale": finite(),
    "memory": or_none(above(0)),
    "messages": whole(1),
    "momentum": decay(),
    "nesterov": flag(),
    "output": one_of("read", "controller", "both"),
    "output_size": whole(1),
    "preprocess_name": one_of(*PREPROCESSORS, *FUNCTIONS),
    "preprocess_options": or_none(dictionary("of the preprocessor's options")),
    "read_heads": whole(1),
    "rho": decay(),
    "scale": finite(),
    "second_moment_decay": decay(),
    "seed": seed(),
    "told": flag(),
    "total_steps": whole(1),
    "trained_steps": or_none(whole(1)),
    "warmup": share(),
    "weight_decay": number(0),
    "write_heads": whole(1),
}
_AT_LEAST_ONE_LAYER = {"layers": list_of(whole(1), fewest=1)}
_HIDDEN_LAYERS = {"layers": list_of(whole(2), fewest=1)}

CATALOGUE: dict[str, Entry] = {
    "StandardDeepLSTM": Entry("l2l_tf.networks.lstm", ("output_size", *_LSTM), ("output_size",)),
    "CoordinateWiseDeepLSTM": Entry("l2l_tf.networks.lstm", _LSTM),
    "KernelDeepLSTM": Entry("l2l_tf.networks.lstm", ("kernel_shape", *_LSTM), ("kernel_shape",)),
    "GlobalAveragingLSTM": Entry("l2l_tf.networks.global_averaging", _AVERAGING, values=_AT_LEAST_ONE_LAYER),
    "NtmBfgs": Entry("l2l_tf.networks.ntm_bfgs", _MEMORY, values=_AT_LEAST_ONE_LAYER),
    "NtmLBfgs": Entry("l2l_tf.networks.ntm_l_bfgs", ("history", *_MEMORY), values=_AT_LEAST_ONE_LAYER),
    "LearnedMomentum": Entry(
        "l2l_tf.networks.learned_momentum",
        ("layers", "learning_rate", "beta_1", "beta_2", "epsilon", "initializer", "seed", "dtype"),
        values={**_AT_LEAST_ONE_LAYER, "learning_rate": above(0), "epsilon": above(0)},
    ),
    "LearnedAdam": Entry(
        "l2l_tf.networks.learned_adam",
        ("layers", "learning_rate", "beta_1", "beta_2", "epsilon", "trained_steps", "initializer", "seed", "dtype"),
        values={**_AT_LEAST_ONE_LAYER, "learning_rate": above(0), "epsilon": above(0)},
    ),
    "RNNProp": Entry(
        "l2l_tf.networks.rnnprop",
        ("layers", "beta_1", "beta_2", "epsilon", "scale", "magnitude", "initializer", "seed", "dtype"),
        values={**_AT_LEAST_ONE_LAYER, "epsilon": above(0)},
    ),
    "PerParameterMLP": Entry("l2l_tf.networks.per_parameter_mlp", _MLP, values=_HIDDEN_LAYERS),
    "AdafactorMLP": Entry("l2l_tf.networks.adafactor_mlp", ("second_moment_decay", *_MLP), values=_HIDDEN_LAYERS),
    "ControlledMLP": Entry(
        "l2l_tf.networks.controlled_mlp",
        ("control_layers", "second_moment_decay", "told", "memory", *_MLP),
        values=_HIDDEN_LAYERS,
    ),
    "HierarchicalLSTM": Entry(
        "l2l_tf.networks.hierarchical_lstm", ("cells", "messages", "losses", *_MLP), values=_HIDDEN_LAYERS
    ),
    "Sgd": Entry("l2l_tf.networks.classic", ("learning_rate",)),
    "Momentum": Entry("l2l_tf.networks.classic", ("learning_rate", "momentum")),
    "Nesterov": Entry("l2l_tf.networks.classic", ("learning_rate", "momentum")),
    "RMSProp": Entry("l2l_tf.networks.classic", ("learning_rate", "rho", "epsilon")),
    "Adam": Entry("l2l_tf.networks.classic", _ADAM),
    "Adam8p": Entry(
        "l2l_tf.networks.scheduled", (*_ADAM, "l1", "l2", "linear_decay", "exponential_decay", "total_steps")
    ),
    "NAdamW": Entry(
        "l2l_tf.networks.scheduled",
        (*_ADAM, "nesterov", "weight_decay", "l2", "warmup", "constant", "final", "total_steps"),
    ),
    "MomentumCosine": Entry(
        "l2l_tf.networks.scheduled", ("learning_rate", "momentum", "nesterov", "final", "total_steps")
    ),
}
_HAND_DESIGNED = ("l2l_tf.networks.classic", "l2l_tf.networks.scheduled")
# Options by the names that they had in the original code.
_RENAMED = {"Adam": {"beta1": "beta_1", "beta2": "beta_2"}}

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
    if not isinstance(name, str) or _plain(name) not in known:
        raise ValueError(f"Networks are {names()}. Received: {name!r}.")
    return known[_plain(name)]


def takes(name: str, option: str) -> bool:
    """Whether the network of that name takes the option."""
    return option in CATALOGUE[find(name)].options


def has_weights(name: str) -> bool:
    """Whether the network of that name has weights to learn."""
    return CATALOGUE[find(name)].module not in _HAND_DESIGNED


def renamed(name: str, options: Mapping[str, Any], warn: bool = False) -> dict[str, Any]:
    """The options by the names that they have here; those of the original code are taken too, with a warning.

    Args:
      name: of the network, as in the catalogue; others have no old names.
      options: by either names.
      warn: whether to.

    Raises:
      ValueError: an option by both of its names.
    """
    names_now = _RENAMED.get(name, {})
    old = {option: names_now[option] for option in options if option in names_now}
    if twice := [now for now in old.values() if now in options]:
        raise ValueError(f"{name} takes an option once, by its name here: {twice}. Received: {dict(options)}.")
    if old and warn:
        text = ", ".join(f"{now} was {before}" for before, now in old.items())
        warnings.warn(f"Options of {name} by their names in the original code: {text}.", FutureWarning, stacklevel=5)
    return {old.get(option, option): value for option, value in options.items()}


def check_options(name: str, options: Mapping[str, Any]) -> None:
    """Checks the names of a network's options, not their values.

    Raises:
      ValueError: an unknown network, an option it does not take, or one missing that it needs.
    """
    name = find(name)
    options = renamed(name, options)
    taken, required = CATALOGUE[name].options, CATALOGUE[name].required
    unknown = [option for option in options if option not in taken]
    missing = [option for option in required if option not in options]
    if unknown:
        why = f"it takes {list(CATALOGUE[name].options)}, not {', '.join(map(repr, unknown))}"
    elif missing:
        why = f"it needs {', '.join(map(repr, missing))}"
    else:
        return
    raise ValueError(f"{name} does not take these options: {why}. Received: {dict(options)}.")


def enter(name: str, options: Mapping[str, Any], taken: Iterable[str] | None = None) -> dict[str, Any]:
    """A network's options as Python's own values, checked.

    Args:
      name: of the network, as in the catalogue, or of a class that several share.
      options: as they are given.
      taken: those that it takes; by default what the catalogue says.

    Raises:
      ValueError: a value that an option cannot have.
    """
    own = dict(CATALOGUE[name].values) if name in CATALOGUE else {}
    known = CATALOGUE[name].options if taken is None else taken
    values = {option: VALUES[option] for option in known if option in VALUES}
    return option_values.enter(name, values | own, options)


def check_values(name: str, options: Mapping[str, Any]) -> None:
    """Checks the values of a network's options, so that commands need not import TensorFlow for it.

    Raises:
      ValueError: an unknown network, or a value that an option cannot have.
    """
    name = find(name)
    options = enter(name, renamed(name, options))
    if "preprocess_name" in CATALOGUE[name].options:
        check_preprocessor(options.get("preprocess_name", "identity"), options.get("preprocess_options") or {})


def check_preprocessor(name: str, options: Mapping[str, Any]) -> None:
    """Checks the options of a preprocessor.

    Raises:
      ValueError: an unknown preprocessor or option, a value that an option cannot have, or none where it needs one.
    """
    known = (*PREPROCESSORS, *FUNCTIONS)
    if name not in known:
        raise ValueError(f"Preprocessors are {list(known)}. Received: {name!r}.")
    values = PREPROCESSORS.get(name, {})
    if (name == "LogAndSign" and "k" not in options) or set(options) - set(values):
        raise ValueError(
            f"The preprocessor {name} does not take these options: it takes {list(values)}. Received: {dict(options)}."
        )
    option_values.enter(f"The preprocessor {name}", values, options)


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")
