"""Learned optimizers for TensorFlow 2, Sonnet 2 and Keras 3.

`import l2l_tf` loads nothing; TensorFlow is imported with the first name that needs it.
"""

import importlib
from typing import Any

from l2l_tf.version import __version__

_HOMES = {
    "LearnedOptimizer": "l2l_tf.deployment.keras_optimizer",
    "MetaOptimizer": "l2l_tf.training.meta",
    "export_saved_model": "l2l_tf.deployment.saved_model",
    "load": "l2l_tf.training.meta",
}

__all__ = ["LearnedOptimizer", "MetaOptimizer", "__version__", "export_saved_model", "load", "pretrained"]


def __getattr__(name: str) -> Any:
    if name == "pretrained":
        return importlib.import_module("l2l_tf.pretrained")
    if name not in _HOMES:
        raise AttributeError(f"module 'l2l_tf' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
