"""Learned optimizers for TensorFlow 2, Sonnet 2 and Keras 3.

`import l2l_tf` loads nothing; TensorFlow is imported with the first name that needs it.
"""

import importlib
from typing import Any

from l2l_tf.version import __version__

# Name to the module that has it; a module stands for itself.
_HOMES = {
    "FitLength": "l2l_tf.deployment.annealing",
    "LearnedOptimizer": "l2l_tf.deployment.keras_optimizer",
    "MetaOptimizer": "l2l_tf.training.meta",
    "estimators": "l2l_tf.estimators",
    "evaluate": "l2l_tf.evaluation.comparison",
    "export_saved_model": "l2l_tf.deployment.saved_model",
    "load": "l2l_tf.training.meta",
    "networks": "l2l_tf.networks",
    "opt_list": "l2l_tf.deployment.opt_list",
    "pretrained": "l2l_tf.pretrained",
}

__all__ = [
    "FitLength",
    "LearnedOptimizer",
    "MetaOptimizer",
    "__version__",
    "estimators",
    "evaluate",
    "export_saved_model",
    "load",
    "networks",
    "opt_list",
    "pretrained",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'l2l_tf' has no attribute {name!r}")
    module = importlib.import_module(_HOMES[name])
    return module if _HOMES[name] == f"l2l_tf.{name}" else getattr(module, name)


def __dir__() -> list[str]:
    return __all__
