"""The problems by name: where each is, which options it takes, what data it needs. Needs no TensorFlow.

Commands check names and options against this table before they import anything heavy. A test holds it to the
constructors' signatures, and to what they refuse.
"""

import importlib
import importlib.util
import os
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

from problems import option_values
from problems.option_values import Value, flag, list_of, number, one_of, or_none, whole


class Entry(NamedTuple):
    """A problem.

    Attributes:
      home: `module:attribute` of its constructor.
      options: the keyword arguments it takes.
      required: those it cannot do without.
      dataset: the name in TFDS of the data it needs; such a problem takes `data_dir` and `download`.
      convolutional: whether its time goes into convolutions.
      check: `module:function` that looks, without TensorFlow, whether the files that its options name are there.
      inner: the option with the problems it is made of: one `{"name": ..., "options": {...}}`, or a list of them.
      apart: values of options that do not go together, and why.
    """

    home: str
    options: tuple[str, ...]
    required: tuple[str, ...] = ()
    dataset: str | None = None
    convolutional: bool = False
    check: str | None = None
    inner: str | None = None
    apart: tuple[Mapping[str, str], str] | None = None


_IMAGES = ("batch_size", "mode", "stddev", "validation_size", "input_noise", "data_dir", "download", "dtype")
_CIFAR = ("conv_channels", "linear_layers", "batch_norm", "labels", *_IMAGES)

CATALOGUE: dict[str, Entry] = {
    "simple": Entry("problems.simple:Simple", ("dtype",)),
    "simple-multi": Entry("problems.simple:SimpleMulti", ("num_dims", "dtype")),
    "quadratic": Entry(
        "problems.quadratic:Quadratic",
        ("batch_size", "num_dims", "stddev", "draw", "dtype", "condition_number"),
        apart=(
            {"draw": "ill_conditioned", "dtype": "bfloat16"},
            "ill-conditioned matrices need QR decompositions, which TensorFlow has for the other types only",
        ),
    ),
    "mnist": Entry("problems.image:Mnist", ("layers", "activation", *_IMAGES), dataset="mnist"),
    "cifar": Entry("problems.image:Cifar10", _CIFAR, dataset="cifar10", convolutional=True),
    "cifar-multi": Entry("problems.image:CifarMulti", _CIFAR, dataset="cifar10", convolutional=True),
    "neural_art": Entry(
        "problems.neural_art:NeuralArt",
        (
            "content",
            "style",
            "vgg_weights",
            "size",
            "split",
            "content_weight",
            "style_weight",
            "variation_weight",
            "start",
            "stddev",
            "dtype",
        ),
        required=("content", "style"),
        convolutional=True,
        check="problems.pictures:check",
    ),
    "ensemble": Entry(
        "problems.ensemble:from_names",
        ("problems", "weights", "data_dir", "download"),
        required=("problems",),
        inner="problems",
    ),
    "scaled": Entry(
        "problems.scaling:from_name",
        ("problem", "log_range", "data_dir", "download"),
        required=("problem",),
        inner="problem",
    ),
}


# An option means the same wherever it is taken.
VALUES: dict[str, Value] = {
    "activation": one_of("elu", "relu", "sigmoid", "softplus", "tanh"),
    "batch_norm": flag(),
    "batch_size": whole(1),
    "condition_number": number(1),
    "content_weight": number(0),
    "conv_channels": list_of(whole(1), fewest=1),
    "dtype": one_of("bfloat16", "float16", "float32", "float64"),
    "draw": one_of("uniform", "gaussian", "ill_conditioned"),
    "input_noise": number(0),
    "labels": or_none(list_of(whole(0), fewest=1)),
    "layers": list_of(whole(1)),
    "linear_layers": list_of(whole(1)),
    "log_range": Value("a number from 0 to 40", lambda value: number(0).fits(value) and value <= 40),
    "mode": one_of("train", "test"),
    "num_dims": whole(1),
    "start": one_of("noise", "content"),
    "stddev": number(0),
    "style_weight": number(0),
    "validation_size": whole(1),
    "variation_weight": number(0),
}


def names() -> list[str]:
    """The names of the problems."""
    return sorted(CATALOGUE)


def check(name: str, options: Mapping[str, Any]) -> None:
    """Checks a problem's name, the names of its options, and that they go together, not their values.

    Of a problem of the user's own, `package.module:attribute`, only that the module is there.

    Raises:
      ValueError: an unknown name, an option that the problem does not take or that does not go with another, or one
        missing that it needs.
    """
    if name in CATALOGUE:
        check_options(name, CATALOGUE[name].options, CATALOGUE[name].required, options)
        _check_together(name, options)
    elif ":" not in name:
        raise ValueError(
            f"A problem is one of {names()}, or package.module:attribute for one of your own. Received: {name!r}."
        )
    elif not _is_importable(name.partition(":")[0]):
        raise missing_module(name)


def check_values(name: str, options: Mapping[str, Any]) -> None:
    """Checks such values of a problem's options as `VALUES` knows, so that commands need not import TensorFlow for it.

    Raises:
      ValueError: one that the option cannot have.
    """
    if name in CATALOGUE:
        option_values.check(name, VALUES, options)


def parts(name: str, options: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Name and options of the problems that this one is made of, or its own. What is no description is left out."""
    entry = CATALOGUE.get(name)
    if entry is None or entry.inner is None:
        return [(name, options)]
    inner = options.get(entry.inner)
    descriptions = filter(is_description, inner if isinstance(inner, list | tuple) else [inner])
    return [part for each in descriptions for part in parts(each["name"], each.get("options", {}))]


def is_description(value: Any) -> bool:
    """Whether it is a problem as data, `{"name": ..., "options": {...}}`; without options is one too."""
    return isinstance(value, Mapping) and {"name"} <= set(value) <= {"name", "options"}


def check_options(name: str, taken: tuple[str, ...], required: tuple[str, ...], options: Mapping[str, Any]) -> None:
    """Checks `options` against those that are taken and those that are required.

    Raises:
      ValueError: one that is not taken, or one missing that is required.
    """
    if unknown := [option for option in options if option not in taken]:
        raise ValueError(f"The problem {name} takes the options {list(taken)}. Received: {unknown}.")
    if missing := [option for option in required if option not in options]:
        raise ValueError(f"The problem {name} needs the options {missing}. Received: {list(options)}.")


def _check_together(name: str, options: Mapping[str, Any]) -> None:
    if apart := CATALOGUE[name].apart:
        values, why = apart
        # A type may be given as TensorFlow's own.
        if all(getattr(options.get(option), "name", options.get(option)) == value for option, value in values.items()):
            together = " with ".join(f"{option}={value}" for option, value in values.items())
            raise ValueError(f"{name} does not take {together}: {why}. Received: {dict(options)}.")


def check_files(name: str, options: Mapping[str, Any]) -> None:
    """Looks whether the files that a problem's options name are there; damaged ones are found when they are read.

    Raises:
      ValueError: one is missing.
    """
    entry = CATALOGUE.get(name)
    if entry and entry.check:
        module, _, function = entry.check.partition(":")
        getattr(importlib.import_module(module), function)(**options)


def missing_module(name: str) -> ValueError:
    """The error for `package.module:attribute` where there is no such module."""
    return ValueError(f"There is no module {name.partition(':')[0]!r} to import. Received: {name!r}.")


def make_importable() -> None:
    """Lets modules in the current directory be imported, as `python -m` does."""
    if os.getcwd() not in sys.path:
        # Last, so that no file of the user's hides a module of ours.
        sys.path.append(os.getcwd())


def _is_importable(module: str) -> bool:
    make_importable()
    # Importing a package on the way to a module would run it: only the outermost name is looked up.
    outermost = module.partition(".")[0]
    try:
        return bool(outermost) and (outermost in sys.modules or importlib.util.find_spec(outermost) is not None)
    except (ImportError, ValueError):
        return False
