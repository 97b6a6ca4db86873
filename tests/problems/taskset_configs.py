"""Small configurations of TaskSet's families, on synthetic data."""

from typing import Any

IMAGES: dict[str, Any] = {
    "kind": "images",
    "dataset": "synthetic",
    "size": 8,
    "grey": True,
    "classes": None,
    "batch_size": 8,
    "num_train": 100,
    "just_train": False,
    "augmentation": None,
}
_HE = {"name": "he_normal"}

MLP: dict[str, Any] = {
    "family": "mlp",
    "hidden": [5],
    "activation": "tanh",
    "initializer": _HE,
    "center": True,
    "data": IMAGES,
}
CONV_POOLING: dict[str, Any] = {
    "family": "conv_pooling",
    "convolutions": {
        "strides": "two",
        "channels": [3],
        "padding": ["SAME"],
        "bias": True,
        "activation": "sigmoid",
    },
    "pool": "squared_mean",
    "initializer": _HE,
    "center": False,
    "data": IMAGES,
}
QUADRATIC: dict[str, Any] = {
    "family": "quadratic",
    "dims": 4,
    "matrix": {"kind": "linear_eigenvalues", "low": 1.0, "high": 3.0},
    "matrix_seed": 5,
    "start": {"kind": "normal", "mean": 1.0, "stddev": 0.5},
    "noise": {"kind": "normal", "mean": 0.02, "stddev": 0.03},
    "scale": 0.5,
    "output": "identity",
}
