"""What the texts of flags may be, and errors as one line."""

import re
from collections.abc import Collection, Sequence

from absl import flags

# Of an error's line: an argument may be a file's worth of text.
_HEAD, _TAIL = 1500, 500
_LONGEST_NAME = 100
_SURROGATES = re.compile("[\ud800-\udfff]")


def check_arguments(argv: Sequence[str]) -> None:
    """Refuses what absl takes amiss: `--undefok`, by which it silences errors, and names that it looks for too long.

    Raises:
      flags.Error: it is there.
    """
    for argument in argv[1:]:
        name = argument.partition("=")[0].lstrip("-")
        if argument.startswith("-") and (name == "undefok" or len(name) > _LONGEST_NAME):
            raise flags.Error(f"Unknown command line flag {name!r}")


def check(flag_values: flags.FlagValues, may_be_empty: Collection[str] = ()) -> None:
    """Checks the texts and lists of texts that were given: an unset variable of a shell is no name of a file.

    Raises:
      ValueError: an empty one, or one that cannot be written down.
    """
    for name in flag_values:
        flag = flag_values[name]
        if not flag.present or not isinstance(flag.value, (str, list)) or flag.flag_type() == "json":
            continue
        texts = [flag.value] if isinstance(flag.value, str) else flag.value
        received = ",".join(texts)
        if not any(text.strip() for text in texts) and (received or name not in may_be_empty):
            raise ValueError(f"--{name} is empty: give it a value, or leave the flag out. Received: {received!r}.")
        try:
            check_text(received)
        except ValueError as error:
            raise ValueError(f"--{name}: {error}.") from None


def check_text(text: str) -> None:
    """Raises a ValueError, without a full stop, where no file can have that name and no result hold that text."""
    if "\0" in text or _SURROGATES.search(text):
        raise ValueError(f"Texts are UTF-8, without the character 0. Received: {text!r}")


def one_line(message: str) -> str:
    """The message in one line that can be shown; the middle of a very long one is left out."""
    line = re.sub(r"\s*[\r\n]+\s*", " ", message.strip())
    if len(line) > _HEAD + _TAIL:
        line = f"{line[:_HEAD]} [...] {line[-_TAIL:]}"
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in line
    )
