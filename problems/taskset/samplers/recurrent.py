"""Configurations of the recurrent families."""

import numpy as np

from problems.taskset.samplers import parts
from problems.taskset.samplers.distributions import choice, coin, log_integer
from problems.taskset.samplers.parts import Config

SEQUENCE_TASKS = ("copy", "associative_recall")
_MOST_LOGITS = 2**26  # 256 MiB, of which a gradient needs several.


def _recurrent(generator: np.random.Generator) -> Config:
    return {
        "embedding": log_integer(generator, 8, 128),
        "core": parts.core(generator),
        "trainable_initial_state": coin(generator),
    }


def char_language_model(generator: np.random.Generator, source: str) -> Config:
    """A language model over bytes."""
    vocabulary = 256 if coin(generator, 0.8) else log_integer(generator, 100, 256)
    return {"vocabulary": vocabulary, **_recurrent(generator), "data": parts.language(generator, source, "bytes")}


def word_language_model(generator: np.random.Generator, source: str) -> Config:
    """A language model over words."""
    vocabulary = log_integer(generator, 1000, 30_000)
    return {"vocabulary": vocabulary, **_recurrent(generator), "data": parts.language(generator, source, "words")}


def text_classification(generator: np.random.Generator, source: str) -> Config:
    """A classifier of texts."""
    return {
        "vocabulary": log_integer(generator, 100, 10_000),
        **_recurrent(generator),
        "readout": choice(generator, ("last", "mean", "max")),
        "data": parts.text_classification(generator, source),
    }


def sequence_fault(config: Config) -> str | None:
    """Why a task of copying or recalling cannot be built, or None."""
    if config["task"] not in SEQUENCE_TASKS:
        return f"its task is none of {list(SEQUENCE_TASKS)}"
    if config["task"] == "associative_recall" and config["length"] > config["tokens"]:
        return f"it has {config['length']} keys and only {config['tokens']} tokens"
    return None


def fault(config: Config) -> str | None:
    """Why this language model cannot be built, or None."""
    data = config["data"]
    logits = data["batch_size"] * (data["patch"] - 1) * config["vocabulary"]
    if logits > _MOST_LOGITS:
        return f"its minibatches have {logits} logits, more than {_MOST_LOGITS}"
    return None
