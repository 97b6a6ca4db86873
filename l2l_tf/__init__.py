"""Learned optimizers for TensorFlow 2, Sonnet 2 and Keras 3.

`import l2l_tf` loads nothing; TensorFlow is imported with the first name that needs it.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "MetaOptimizer": "l2l_tf.meta",
    "load": "l2l_tf.meta",
}

__all__ = ["MetaOptimizer", "__version__", "load"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'l2l_tf' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
