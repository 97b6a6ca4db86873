"""The problems by name, as a table: where each is, which options it takes, and what these may be. Needs no TensorFlow.

`catalogue` checks names and options against it. A test holds the names to the constructors' signatures.
"""

import importlib
from collections.abc import Mapping
from types import ModuleType
from typing import Any, NamedTuple

from problems import option_values
from problems.option_values import (
    Value,
    above,
    dictionary,
    either,
    finite,
    flag,
    list_of,
    number,
    one_of,
    or_none,
    seed,
    text,
    whole,
)


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
      described_by: the module that tells what only the options tell, in place of `dataset` and `convolutional`:
        `resolve(options)`, the options that are kept of these; `needed_datasets(options)`; `is_convolutional(options)`.
    """

    home: str
    options: tuple[str, ...]
    required: tuple[str, ...] = ()
    dataset: str | None = None
    convolutional: bool = False
    check: str | None = None
    inner: str | None = None
    apart: tuple[Mapping[str, str], str] | None = None
    described_by: str | None = None

    @property
    def described(self) -> ModuleType | None:
        """The module `described_by`."""
        return importlib.import_module(self.described_by) if self.described_by else None


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
    "mnist": Entry("problems.image:Mnist", ("layers", "activation", "labels", *_IMAGES), dataset="mnist"),
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
    "reparameterized": Entry(
        "problems.scaling:reparameterized_from_name",
        ("problem", "how", "low", "high", "data_dir", "download"),
        required=("problem",),
        inner="problem",
    ),
    "taskset": Entry(
        "problems.taskset.task:from_options",
        ("family", "seed", "data", "config", "data_dir", "download"),
        described_by="problems.taskset.options",
    ),
}


# Their names in the original code, whose ensembles call functions by name.
ALIASES = {"simple_multi_optimizer": "simple-multi", "cifar10": "cifar"}


def is_description(value: Any) -> bool:
    """Whether it is a problem as data, `{"name": ..., "options": {...}}`; without options is one too."""
    return (
        isinstance(value, Mapping)
        and {"name"} <= set(value) <= {"name", "options"}
        and isinstance(value["name"], str)
        and isinstance(value.get("options", {}), Mapping)
        and all(isinstance(option, str) for option in value.get("options", {}))
    )


def _is_size(value: Any) -> bool:
    sides = value if isinstance(value, list | tuple) and len(value) == 2 else [value]
    # Two poolings halve both sides twice.
    return all(option_values.is_whole(side) and side >= 16 and side % 4 == 0 for side in sides)


def _is_problem(value: Any) -> bool:
    return is_description(value) or hasattr(value, "initial_parameters")


_FILES = either(text(), list_of(text(), fewest=1))
_PROBLEM = Value('a problem, as {"name": ..., "options": {...}}', _is_problem, kept=True)

# An option means the same wherever it is taken.
VALUES: dict[str, Value] = {
    "activation": one_of("elu", "relu", "sigmoid", "softplus", "tanh"),
    "batch_norm": flag(),
    "batch_size": whole(1),
    "condition_number": number(1),
    "config": or_none(dictionary("of a task")),
    "content": _FILES,
    "content_weight": number(0),
    "conv_channels": list_of(whole(1), fewest=1),
    "data": one_of("prepared", "synthetic"),
    "data_dir": or_none(text()),
    "download": flag(),
    "dtype": one_of("bfloat16", "float16", "float32", "float64"),
    "draw": one_of("uniform", "gaussian", "ill_conditioned"),
    "family": or_none(text()),
    "high": above(0),
    "how": one_of("whole", "tensor", "parameter"),
    "input_noise": number(0),
    "labels": or_none(list_of(whole(0, largest=9), fewest=1)),
    "layers": list_of(whole(1)),
    "linear_layers": list_of(whole(1)),
    "log_range": number(0, largest=40),  # Of an exponent.
    "low": above(0),
    "mode": one_of("train", "test"),
    "num_dims": whole(1),
    "problem": _PROBLEM,
    "problems": list_of(_PROBLEM, fewest=1),
    "seed": or_none(seed()),
    "size": Value("a multiple of 4 of at least 16, or [height, width] of such", _is_size, largest=16_384),
    "split": one_of("train", "validation", "test", "all"),
    "start": one_of("noise", "content"),
    "stddev": number(0),
    "style": _FILES,
    "style_weight": number(0),
    "validation_size": whole(1),
    "variation_weight": number(0),
    "vgg_weights": text(),
    "weights": or_none(list_of(finite())),
}
