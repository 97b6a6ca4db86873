"""Flags that hold JSON, as text or as `@` and the name of a file."""

import json
import math
from collections.abc import Iterator
from typing import Any

from absl import flags

from l2l_tf.commands import texts


def define(
    name: str, default: Any, help_text: str, flag_values: flags.FlagValues, kind: type = dict
) -> flags.FlagHolder:
    """A flag that holds JSON, an object or (`kind=list`) an array.

    `--name=@file.json` reads the file. Numbers are finite, an object has each name once, and texts can be written down.
    """
    default = None if default is None else json.dumps(default)
    return flags.DEFINE(_Parser(kind), name, default, help_text, flag_values, serializer=_Serializer())


class _Parser(flags.ArgumentParser):
    def __init__(self, kind: type):
        super().__init__()
        self._kind = kind
        self.syntactic_help = ""

    def parse(self, argument):
        if not isinstance(argument, str):
            return argument
        kind = 'object, e.g. {"key": 1},' if self._kind is dict else "array, e.g. [1, 2],"
        what = f"Must be a JSON {kind} or @ and the name of a file that holds one."
        text = argument
        if argument.startswith("@"):
            try:
                with open(argument[1:], encoding="utf-8") as file:
                    text = file.read()
            except (OSError, ValueError) as error:
                raise ValueError(f"{what} The file cannot be read: {getattr(error, 'strerror', error)}.") from error
        try:
            value = json.loads(text, parse_constant=_no_number, parse_float=_finite, object_pairs_hook=_each_once)
            for inside in _texts(value):
                texts.check_text(inside)
        except RecursionError as error:
            raise ValueError(f"{what} It lies too deep in itself.") from error
        except ValueError as error:
            raise ValueError(f"{what} {error}.") from error
        if not isinstance(value, self._kind):
            raise ValueError(what)
        return value

    def flag_type(self):
        return "json"


class _Serializer(flags.ArgumentSerializer):
    def serialize(self, value):
        return json.dumps(value)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for inside in value.values():
            yield from _texts(inside)
    elif isinstance(value, list):
        for inside in value:
            yield from _texts(inside)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"Names are there once, and {twice} are not")
    return found


def _finite(text: str) -> float:
    return value if math.isfinite(value := float(text)) else _no_number(text)


def _no_number(text: str) -> float:
    raise ValueError(f"Numbers are finite, and {text} is not")
