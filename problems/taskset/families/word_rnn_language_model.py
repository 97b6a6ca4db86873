"""Language models over words."""

from problems.taskset.families.recurrent import LanguageModel


class WordRnnLanguageModel(LanguageModel):
    """A `LanguageModel` whose tokens are words in the order of their counts, all rarer ones the vocabulary's last."""
