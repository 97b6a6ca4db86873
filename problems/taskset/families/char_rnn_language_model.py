"""Language models over bytes."""

from problems.taskset.families.recurrent import LanguageModel


class CharRnnLanguageModel(LanguageModel):
    """A `LanguageModel` whose tokens are bytes, those above the vocabulary as its last."""
