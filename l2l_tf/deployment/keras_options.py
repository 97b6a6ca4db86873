"""The options that LearnedOptimizer hands on to Keras, as Python numbers that mean something.

Keras takes NaN, infinity and text here, and the training that follows leaves every step out or fails far away; NumPy's
numbers cannot be written to its configurations.
"""

import math
import numbers
import operator
from typing import Any

_NOT_NEGATIVE = ("weight_decay", "clipnorm", "clipvalue", "global_clipnorm")
_COUNTS = ("gradient_accumulation_steps", "ema_overwrite_frequency")


def checked(options: dict[str, Any]) -> dict[str, Any]:
    """`options` with Python's numbers. Keras checks what is not said here: names, and ranges beyond these.

    Raises:
      ValueError: `weight_decay`, a clipping norm or value, that is negative, NaN, infinite or no number; a
        `loss_scale_factor` that is not positive and finite; `ema_momentum` outside of [0, 1]; counts that are no whole
        numbers; `use_ema` that is no boolean.
    """
    options = dict(options)
    for name in _NOT_NEGATIVE:
        _take(options, name, lambda value: 0 <= value < math.inf, "is None or a finite number of at least 0")
    _take(options, "loss_scale_factor", lambda value: 0 < value < math.inf, "is None or a finite number above 0")
    _take(options, "ema_momentum", lambda value: 0 <= value <= 1, "lies in [0, 1]")
    for name in _COUNTS:
        if (value := options.get(name)) is not None:
            try:
                options[name] = operator.index(value)
            except TypeError:
                raise ValueError(f"{name} is None or a whole number. Received: {value!r}.") from None
    if not isinstance(options.get("use_ema", False), bool):
        raise ValueError(f"use_ema is True or False. Received: {options['use_ema']!r}.")
    return options


def _take(options: dict[str, Any], name: str, in_range: Any, what: str) -> None:
    value = options.get(name)
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not in_range(float(value)):
        raise ValueError(f"{name} {what}. Received: {value!r}.")
    options[name] = float(value)
