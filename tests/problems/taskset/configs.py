"""Small configurations of TaskSet's families, on synthetic data."""

import copy
from typing import Any

IMAGES: dict[str, Any] = {
    "kind": "images",
    "dataset": "synthetic",
    "size": 4,
    "grey": True,
    "classes": None,
    "batch_size": 8,
    "num_train": 100,
    "just_train": False,
    "augmentation": None,
}
LANGUAGE: dict[str, Any] = {
    "kind": "language",
    "dataset": "synthetic",
    "label": None,
    "tokens": "bytes",
    "patch": 6,
    "batch_size": 4,
    "num_train": None,
    "just_train": False,
}
_HE = {"name": "he_normal"}
_GLOROT = {"name": "glorot_uniform"}
_IMAGE_MODEL = {"activation": "tanh", "initializer": _HE, "data": IMAGES}
_FLOW = {
    "hidden": [20, 18],
    "bijectors": 2,
    "permutation_seed": 3,
    "activation": "tanh",
    "initializer": {"name": "normal", "scale": 0.1},
    "data": IMAGES,
}
_CONVOLUTIONS = {
    "strides": "two",
    "channels": [3],
    "padding": ["SAME"],
    "bias": True,
    "activation": "sigmoid",
}


def core(kind: str, width: int = 5) -> dict[str, Any]:
    """A recurrent core."""
    matrices = {
        "vanilla": ("w_i", "w_h"),
        "gru": ("w_z", "u_z", "w_r", "u_r", "w_h", "u_h"),
        "lstm": ("w_gates",),
    }
    config = {"kind": kind, "width": width, "initializers": dict.fromkeys(matrices[kind], _GLOROT)}
    return {**config, "activation": "tanh"} if kind == "vanilla" else config


CONFIGS: dict[str, dict[str, Any]] = {
    "mlp": {"family": "mlp", "hidden": [5], "center": True, **_IMAGE_MODEL},
    "mlp_ae": {
        "family": "mlp_ae",
        "hidden": [5],
        "output": "sigmoid",
        "loss": "l2",
        "over_pixels": "sum",
        **_IMAGE_MODEL,
    },
    "mlp_vae": {"family": "mlp_vae", "encoder": [5, 3], "decoder": [4], **_IMAGE_MODEL},
    "conv_fc": {
        "family": "conv_fc",
        "convolutions": _CONVOLUTIONS,
        "hidden": [4],
        "initializer": _HE,
        "center": False,
        "data": IMAGES,
    },
    "conv_pooling": {
        "family": "conv_pooling",
        "convolutions": _CONVOLUTIONS,
        "pool": "squared_mean",
        "initializer": _HE,
        "center": False,
        "data": IMAGES,
    },
    "nvp": {"family": "nvp", **_FLOW},
    "maf": {"family": "maf", **_FLOW},
    "char_rnn_language_model": {
        "family": "char_rnn_language_model",
        "vocabulary": 128,
        "embedding": 3,
        "core": core("gru"),
        "trainable_initial_state": True,
        "data": LANGUAGE,
    },
    "word_rnn_language_model": {
        "family": "word_rnn_language_model",
        "vocabulary": 50,
        "embedding": 3,
        "core": core("lstm"),
        "trainable_initial_state": True,
        "data": {**LANGUAGE, "tokens": "words"},
    },
    "rnn_text_classification": {
        "family": "rnn_text_classification",
        "vocabulary": 50,
        "embedding": 3,
        "core": core("vanilla"),
        "trainable_initial_state": True,
        "readout": "max",
        "data": {**LANGUAGE, "kind": "text_classification", "tokens": "words"},
    },
    "quadratic": {
        "family": "quadratic",
        "dims": 4,
        "matrix": {"kind": "linear_eigenvalues", "low": 1.0, "high": 3.0},
        "matrix_seed": 5,
        "start": {"kind": "normal", "mean": 1.0, "stddev": 0.5},
        "noise": {"kind": "normal", "mean": 0.02, "stddev": 0.03},
        "scale": 0.5,
        "output": "identity",
    },
    "losg": {
        "family": "losg",
        "kind": "sum_of_quadratics",
        "seed": 4,
        "parameters": {"dims": 3, "batch_size": 4, "samples": 50},
    },
}


def get(family: str, **changes: Any) -> dict[str, Any]:
    """The family's configuration with other fields."""
    return {**copy.deepcopy(CONFIGS[family]), **changes}


def with_data(family: str, **changes: Any) -> dict[str, Any]:
    """The family's configuration with other fields of its data."""
    return get(family, data={**CONFIGS[family]["data"], **changes})
