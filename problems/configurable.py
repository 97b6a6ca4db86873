"""Options said once: in the signature of the constructor that takes them."""

import copy
import functools
import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from problems import option_values

_OPTION = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Configurable:
    """An object made from options, which are the arguments of its constructor.

    A class writes an option into the signature of its constructor and nowhere else: `options` are the arguments of the
    outermost constructor that was called, with the defaults of all others, as JSON says them. With `**options` in the
    signature, a constructor takes those of its base as well and passes them on:

        class Line(Base):                                # Base(features, /, scale=1.0, seed=0)
            def __init__(self, slope=2.0, **options):    # takes slope, scale and seed
                super().__init__(Slopes(slope), **options)

    What is positional-only is no option, but what a subclass gives its base; nor is `name`. What JSON cannot say, in a
    class of a user's own, is left out.

    `_renamed` and `_entered` say what becomes of arguments before the constructor sees them, `_made_by` how it is
    called, and `_plain` and `_told` how its options are told.
    """

    # Options by the default at which `options` leaves them out: they are newer than files in which equal options are to
    # be found again.
    _newer: Mapping[str, Any] = MappingProxyType({})

    def __init_subclass__(cls, **arguments: Any):
        super().__init_subclass__(**arguments)
        if "__init__" in vars(cls):
            cls.__init__ = _recording(cls.__init__)  # type: ignore[method-assign]
            cls.__signature__ = inspect.Signature(_shown(cls))  # type: ignore[attr-defined]

    @property
    def options(self) -> dict[str, Any]:
        """The JSON-able keyword arguments that make another of its kind."""
        return self._told(copy.deepcopy(vars(self).get("_options", {})))

    @options.setter
    def options(self, options: dict[str, Any]) -> None:
        vars(self)["_options"] = copy.deepcopy(options)

    def _told(self, options: dict[str, Any]) -> dict[str, Any]:
        """`options` for others: changed where the object was, without newer ones that are not used."""
        return {name: value for name, value in options.items() if name not in self._newer or value != self._newer[name]}

    @classmethod
    def _renamed(cls, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Keyword arguments by the names that they have now."""
        return arguments

    @classmethod
    def _entered(cls, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """The options as the constructor gets them.

        Raises:
          ValueError: one has a value that it cannot have.
        """
        return options

    @classmethod
    def _of_package(cls, package: str) -> type:
        """The first of the class and its bases that is of `package`: of a user's own class, what we know of."""
        return next(base for base in cls.__mro__ if base.__module__.startswith(package))

    @staticmethod
    def _made_by(construct: Callable[[], None]) -> None:
        """Calls the constructor."""
        construct()

    @classmethod
    def _plain(cls, option: str, value: Any) -> Any:
        """An option as JSON says it.

        Raises:
          TypeError: JSON cannot say it.
        """
        return option_values.json_able(value)


@functools.cache
def parameters(cls: type) -> dict[str, inspect.Parameter]:
    """The options that the constructor of `cls` takes, those of the bases that it passes `**options` on to included."""
    return {name: parameter for name, parameter in _keywords(cls).items() if name != "name"}


def _keywords(cls: type) -> dict[str, inspect.Parameter]:
    found: dict[str, inspect.Parameter] = {}
    for owner in cls.__mro__:
        if "__init__" not in vars(owner):
            continue
        own = list(inspect.signature(vars(owner)["__init__"]).parameters.values())[1:]
        found |= {p.name: p for p in own if p.kind in _OPTION and p.name not in found}
        if not any(p.kind is p.VAR_KEYWORD for p in own):
            break
    return found


def _shown(cls: type) -> list[inspect.Parameter]:
    """The parameters of the constructor, `**options` spelled out."""
    own = list(inspect.signature(vars(cls)["__init__"]).parameters.values())[1:]
    named = {p.name for p in own}
    passed = [p for p in _keywords(cls).values() if p.name not in named]
    if not any(p.kind is p.VAR_KEYWORD for p in own):
        return own
    before = [p for p in own if p.kind is not p.VAR_KEYWORD]
    return [*before, *(p.replace(kind=p.KEYWORD_ONLY) for p in passed)]


def _recording(init: Callable[..., None]) -> Callable[..., None]:
    """The constructor `init`, which keeps its arguments where it is the outermost one."""
    signature = inspect.signature(init)

    @functools.wraps(init)
    def construct(self, *args, **kwargs):
        attributes = vars(self)
        if attributes.get("_is_being_made"):
            return init(self, *args, **kwargs)
        cls = type(self)
        kwargs = cls._renamed(kwargs)
        try:
            bound = signature.bind(self, *args, **kwargs)
        except TypeError:
            return init(self, *args, **kwargs)  # Python says what is wrong.
        rest = [p.name for p in signature.parameters.values() if p.kind is p.VAR_KEYWORD]
        groups = [bound.arguments, *(bound.arguments.get(name, {}) for name in rest)]
        known = parameters(cls)  # type: ignore[arg-type]
        given = {name: value for group in groups for name, value in group.items() if name in known}
        given = cls._entered(given)
        for group in groups:
            group.update({name: given[name] for name in group if name in given})
        # Not by attribute: tf.Module would wrap the dictionaries within in its own, which are not JSON-able.
        attributes["_options"] = _record(cls, known, given)
        attributes["_is_being_made"] = True
        try:
            cls._made_by(lambda: init(*bound.args, **bound.kwargs))
        finally:
            del attributes["_is_being_made"]

    construct.__signature__ = signature  # type: ignore[attr-defined]
    return construct


def _record(
    cls: type[Configurable], known: Mapping[str, inspect.Parameter], given: Mapping[str, Any]
) -> dict[str, Any]:
    """`given` and the defaults of all others, as JSON says them."""
    record = {}
    for name, parameter in known.items():
        value = given.get(name, parameter.default)
        if value is not parameter.empty:
            try:
                record[name] = cls._plain(name, value)
            except TypeError:
                continue
    return record
