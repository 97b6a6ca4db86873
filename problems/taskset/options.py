"""A task's options before TensorFlow is imported: what they stand for, and what data they need."""

from collections.abc import Mapping
from typing import Any

from problems.taskset.data.tables import IMAGES, SYNTHETIC, TEXTS
from problems.taskset.fixed import FIXED
from problems.taskset.registry import FAMILIES, FIXED_FAMILIES, Family, FixedFamily, sample

ALL_FAMILIES: dict[str, Family | FixedFamily] = {**FAMILIES, **FIXED_FAMILIES}


def resolve(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with the configuration itself in place of family and number, so that it is what is kept.

    Raises:
      ValueError: both a configuration and a family or number, or neither; see also `sample` and `check_config`.
    """
    options = dict(options)
    config = options.get("config")
    drawn = {name: options.pop(name) for name in ("family", "seed", "data") if name in options}
    if config is not None:
        if drawn:
            raise ValueError(f"taskset takes config, or family and seed, not both. Received: config and {drawn}.")
        check_config(config)
        return options
    if not {"family", "seed"} <= set(drawn):
        raise ValueError(f"taskset needs family and seed, or config. Received: {drawn}.")
    return {**options, "config": sample(**drawn)}


def needed_datasets(options: Mapping[str, Any]) -> list[str]:
    """The names in TFDS of the data sets that these options need."""
    name = resolve(options)["config"].get("data", {}).get("dataset", SYNTHETIC)
    return [] if name == SYNTHETIC else [name]


def is_convolutional(options: Mapping[str, Any]) -> bool:
    """Whether its time goes into convolutions."""
    return ALL_FAMILIES[resolve(options)["config"]["family"]].convolutional


def check_config(config: Any) -> None:
    """Checks that a configuration has the fields of its family, and data of a set that there is.

    Raises:
      ValueError: it does not.
    """
    if not isinstance(config, Mapping) or config.get("family") not in ALL_FAMILIES:
        raise ValueError(
            f"A taskset config is a dictionary with a family of {sorted(ALL_FAMILIES)}, as taskset.sample or "
            "taskset.FIXED gives one. "
            f"Received: {config!r}."
        )
    family = config["family"]
    example = sample(family, 0) if family in FAMILIES else _pattern(family)
    _check_fields(f"A config of the taskset family {family}", config, example)
    if "data" in config:
        data, kind = config["data"], example["data"]["kind"]
        if not isinstance(data, Mapping) or data.get("kind") != kind:
            raise ValueError(f"The data of the taskset family {family} has the kind {kind!r}. Received: {data!r}.")
        _check_fields(f"The data of the taskset family {family}", data, example["data"])
        known = IMAGES if kind == "images" else TEXTS
        if data["dataset"] not in known:
            raise ValueError(f"taskset has {kind} of the data sets {sorted(known)}. Received: {data['dataset']!r}.")
    try:
        fault = ALL_FAMILIES[family].fault(dict(config))
    except (KeyError, TypeError) as error:
        raise unknown_field(config, error) from error
    if fault:
        raise ValueError(f"This taskset config cannot be built: {fault}. Received: {dict(config)}.")


def unknown_field(config: Mapping[str, Any], error: Exception) -> ValueError:
    """The error for a configuration with a field inside that is missing, or has a value that there is not."""
    return ValueError(
        f"A taskset config has a field or value that is unknown or missing: {error}. Take one of taskset.sample as a "
        f"pattern. Received: {dict(config)}."
    )


def _pattern(family: str) -> dict[str, Any]:
    """The first of the fixed tasks of a family that is not sampled."""
    return next(config for config in FIXED.values() if config["family"] == family)


def _check_fields(what: str, received: Mapping[str, Any], example: Mapping[str, Any]) -> None:
    if set(received) != set(example):
        raise ValueError(f"{what} has the fields {sorted(example)}. Received: {sorted(received)}.")
