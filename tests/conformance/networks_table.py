"""The networks under conformance: a new network joins by adding a row."""

from typing import Any, NamedTuple

from l2l_tf import networks
from l2l_tf.networks import Network


class NetworkCase(NamedTuple):
    """One network in one configuration.

    Attributes:
      name: what `networks.get` knows it by.
      options: its keyword arguments; small, so that a test takes a fraction of a second.
      parameters: name to shape of parameters it takes, more than one.
      empty: a shape without entries that it takes.
      takes_scalar: whether it takes a parameter of shape ().
      xla: whether it is compiled too. One row for each kind of computation is enough.
    """

    name: str
    options: dict[str, Any]
    parameters: dict[str, tuple[int, ...]]
    empty: tuple[int, ...] = (0,)
    takes_scalar: bool = True
    xla: bool = False

    def build(self, **changes: Any) -> Network:
        return networks.get(self.name, **{**self.options, **changes})


ANY_SHAPES = {"scalar": (), "vector": (3,), "matrix": (2, 2)}
LOG_AND_SIGN = {"preprocess_name": "LogAndSign", "preprocess_options": {"k": 5}}

CASES = {
    "StandardDeepLSTM": NetworkCase(
        "StandardDeepLSTM",
        {"output_size": 3, "layers": [4]},
        {"vector": (3,), "matrix": (2, 3)},
        empty=(0, 3),
        takes_scalar=False,
    ),
    "CoordinateWiseDeepLSTM": NetworkCase(
        "CoordinateWiseDeepLSTM", {"layers": [4, 3], "scale": 0.1, **LOG_AND_SIGN}, ANY_SHAPES, xla=True
    ),
    "CoordinateWiseDeepLSTM-linear": NetworkCase("CoordinateWiseDeepLSTM", {"layers": []}, ANY_SHAPES),
    "KernelDeepLSTM": NetworkCase(
        "KernelDeepLSTM",
        {"kernel_shape": [2, 3], "layers": [4]},
        {"one": (2, 3, 1, 2), "two": (2, 3, 2, 2)},
        empty=(2, 3, 0, 2),
        takes_scalar=False,
        xla=True,
    ),
    "GlobalAveragingLSTM": NetworkCase(
        "GlobalAveragingLSTM", {"layers": [4, 3], "global_cells": 2, "scale": 0.1}, ANY_SHAPES, xla=True
    ),
    "LearnedMomentum": NetworkCase(
        "LearnedMomentum", {"layers": [4], "initializer": {"linear": None}}, ANY_SHAPES, xla=True
    ),
    "LearnedAdam": NetworkCase("LearnedAdam", {"layers": [4], "initializer": {"linear": None}}, ANY_SHAPES, xla=True),
    "NtmBfgs": NetworkCase("NtmBfgs", {"layers": [4], "global_cells": 2, "scale": 0.1}, ANY_SHAPES, xla=True),
    "NtmBfgs-linear": NetworkCase(
        "NtmBfgs",
        {"layers": [4], "global_cells": 1, "heads": "linear", "read_heads": 2, "output": "controller"},
        ANY_SHAPES,
    ),
    "NtmLBfgs": NetworkCase(
        "NtmLBfgs", {"layers": [4], "global_cells": 2, "history": 2, "scale": 0.1, **LOG_AND_SIGN}, ANY_SHAPES, xla=True
    ),
    "RNNProp": NetworkCase("RNNProp", {"layers": [4, 3], "beta_1": 0.5}, ANY_SHAPES, xla=True),
    "PerParameterMLP": NetworkCase("PerParameterMLP", {"layers": [5], "decays": [0.5, 0.9]}, ANY_SHAPES, xla=True),
    "AdafactorMLP": NetworkCase("AdafactorMLP", {"layers": [3, 4], "decays": [0.5, 0.9]}, ANY_SHAPES, xla=True),
    "ControlledMLP": NetworkCase(
        "ControlledMLP", {"layers": [3], "control_layers": [4], "decays": [0.5, 0.9]}, ANY_SHAPES, xla=True
    ),
    "HierarchicalLSTM": NetworkCase(
        "HierarchicalLSTM",
        {"layers": [5], "cells": 4, "messages": 2, "decays": [0.5, 0.9], "losses": ["training", "validation"]},
        ANY_SHAPES,
        xla=True,
    ),
    "Sgd": NetworkCase("Sgd", {"learning_rate": 0.125}, ANY_SHAPES),
    "Momentum": NetworkCase("Momentum", {"learning_rate": 0.125, "momentum": 0.5}, ANY_SHAPES),
    "Nesterov": NetworkCase("Nesterov", {"learning_rate": 0.125, "momentum": 0.5}, ANY_SHAPES),
    "RMSProp": NetworkCase("RMSProp", {"learning_rate": 0.125, "rho": 0.5}, ANY_SHAPES),
    "Adam": NetworkCase("Adam", {"learning_rate": 0.125, "beta_1": 0.5}, ANY_SHAPES, xla=True),
    "Adam8p": NetworkCase("Adam8p", {"learning_rate": 0.125, "l1": 0.125, "total_steps": 100}, ANY_SHAPES),
    "NAdamW": NetworkCase(
        "NAdamW",
        {"learning_rate": 0.125, "nesterov": True, "weight_decay": 0.5, "total_steps": 100},
        ANY_SHAPES,
        xla=True,
    ),
    "MomentumCosine": NetworkCase("MomentumCosine", {"learning_rate": 0.125, "total_steps": 100}, ANY_SHAPES),
}
