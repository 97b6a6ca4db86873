"""The families: where each is sampled and built, and what of it cannot be built. Needs no TensorFlow."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from problems.taskset.samplers import image_models, losg, quadratics, recurrent
from problems.taskset.samplers.parts import SOURCES, Config

_MOST_DRAWS = 1_000


class Family(NamedTuple):
    """A family of tasks.

    Attributes:
      constant: seeds its sampler, together with the task's number. Never to be changed.
      draw: from a generator and where the data is from to a configuration without its `family`.
      home: `module:attribute` of its optimizee, under `problems.taskset.families`.
      fault: from a configuration to why it cannot be built, or None.
      convolutional: whether its time goes into convolutions.
    """

    constant: int
    draw: Callable[[np.random.Generator, str], Config]
    home: str
    fault: Callable[[Config], str | None] = lambda config: None
    convolutional: bool = False


FAMILIES: dict[str, Family] = {
    "mlp": Family(1, image_models.mlp, "mlp:Mlp"),
    "conv_pooling": Family(2, image_models.conv_pooling, "conv_pooling:ConvPooling", image_models.fault, True),
    "quadratic": Family(3, quadratics.quadratic, "quadratic:Quadratic"),
    "mlp_ae": Family(4, image_models.mlp_ae, "mlp_ae:MlpAe"),
    "mlp_vae": Family(5, image_models.mlp_vae, "mlp_vae:MlpVae"),
    "conv_fc": Family(6, image_models.conv_fc, "conv_fc:ConvFc", image_models.fault, True),
    "nvp": Family(7, image_models.flow, "nvp:Nvp"),
    "maf": Family(8, image_models.flow, "maf:Maf"),
    "char_rnn_language_model": Family(
        9, recurrent.char_language_model, "char_rnn_language_model:CharRnnLanguageModel", recurrent.fault
    ),
    "word_rnn_language_model": Family(
        10, recurrent.word_language_model, "word_rnn_language_model:WordRnnLanguageModel", recurrent.fault
    ),
    "rnn_text_classification": Family(
        11, recurrent.text_classification, "rnn_text_classification:RnnTextClassification"
    ),
    "losg": Family(12, losg.losg, "losg:Losg"),
}


class FixedFamily(NamedTuple):
    """A family whose tasks are not sampled: those of `FIXED`, and what is written after their pattern.

    Attributes:
      home, fault, convolutional: as of a `Family`.
    """

    home: str
    fault: Callable[[Config], str | None] = lambda config: None
    convolutional: bool = False


FIXED_FAMILIES: dict[str, FixedFamily] = {
    "mlp_regularised": FixedFamily("mlp_regularised:MlpRegularised"),
    "conv_ae": FixedFamily("conv_autoencoders:ConvAe", image_models.fault, True),
    "conv_vae": FixedFamily("conv_autoencoders:ConvVae", image_models.fault, True),
    "sequence": FixedFamily("sequence:Sequence", recurrent.sequence_fault),
}


def sample(family: str, seed: int, data: str = "prepared") -> dict[str, Any]:
    """A task's configuration: a nested plain dictionary, as JSON has them.

    What cannot be built is drawn again.

    Args:
      family: one of `FAMILIES`.
      seed: the task's number in its family, at least 0.
      data: "prepared" for data sets of TFDS, "synthetic" for our own of the same shapes.

    Raises:
      ValueError: an unknown family or source of data, or a negative seed.
    """
    if family not in FAMILIES:
        raise ValueError(f"taskset has the families {sorted(FAMILIES)}. Received: family={family!r}.")
    if data not in SOURCES:
        raise ValueError(f"taskset: data is one of {list(SOURCES)}. Received: data={data!r}.")
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or seed < 0:
        raise ValueError(f"taskset: seed is a whole number of at least 0. Received: seed={seed!r}.")
    generator = np.random.default_rng([FAMILIES[family].constant, int(seed)])
    for _ in range(_MOST_DRAWS):
        config = draw(family, generator, data)
        if FAMILIES[family].fault(config) is None:
            return config
    raise AssertionError(f"{_MOST_DRAWS} draws of {family} and none that can be built.")


def draw(family: str, generator: np.random.Generator, data: str = "prepared") -> dict[str, Any]:
    """One draw, whether it can be built or not."""
    return {"family": family, **FAMILIES[family].draw(generator, data)}
