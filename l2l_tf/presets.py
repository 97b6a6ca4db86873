"""Settings for each problem: the original code's constants, and what we found to work. Needs no TensorFlow.

"original" are the networks and constants of the 2016 code. "recommended" differ where those fail: on MNIST the
original's preprocessing (k = 5) hides nearly all gradients, without second derivatives the outer gradient credits large
updates too much, and unrolls shorter than the run leave out what the last steps need. docs/train/not_learning.md tells
the story.
"""

from typing import Any

_CONV_NET = "conv_net_2d"


def _lstm(**options: Any) -> dict[str, Any]:
    return {"net": "CoordinateWiseDeepLSTM", "net_options": {"layers": [20, 20], **options}}


def _log_and_sign(k: float, scale: float) -> dict[str, Any]:
    return _lstm(preprocess_name="LogAndSign", preprocess_options={"k": k}, scale=scale)


def _linear() -> dict[str, Any]:
    return {"net": "CoordinateWiseDeepLSTM", "net_options": {"layers": [], "initializer": "zeros"}}


_ADAM = {"net": "Adam", "net_options": {"learning_rate": 0.1}}
_CONV_AND_REST = [
    ["conv", [f"{_CONV_NET}/conv_2d_*/w"]],
    ["fc", [f"{_CONV_NET}/conv_2d_*/b", f"{_CONV_NET}/batch_norm_*/beta", "mlp/*"]],
]
_SIMPLE = {"networks": {"cw": _linear()}}
_SIMPLE_MULTI = {
    "networks": {"cw": _linear(), "adam": _ADAM},
    "net_assignments": [["cw", ["x_0"]], ["adam", ["x_[!0]*"]]],
}

_STABLE = {"second_derivatives": True, "average_decay": 0.98, "clip_norm": 10.0, "learning_rate_decay": 0.05}
_OURS = {"cw": _log_and_sign(k=10, scale=0.1)}

PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "original": {
        "simple": _SIMPLE,
        "simple-multi": _SIMPLE_MULTI,
        "quadratic": {"networks": {"cw": _lstm()}},
        "mnist": {"networks": {"cw": _log_and_sign(k=5, scale=0.01)}},
        "cifar": {"networks": {"cw": _log_and_sign(k=5, scale=0.01)}},
        "cifar-multi": {
            "networks": {"conv": _log_and_sign(k=5, scale=0.01), "fc": _log_and_sign(k=5, scale=0.01)},
            "net_assignments": _CONV_AND_REST,
        },
    },
    "recommended": {
        "simple": {**_SIMPLE, "learning_rate": 0.01, "num_epochs": 100, "evaluation_period": 20},
        "simple-multi": {**_SIMPLE_MULTI, "learning_rate": 0.01, "num_epochs": 100, "evaluation_period": 20},
        "quadratic": {
            **_STABLE,
            "networks": {"cw": _lstm(preprocess_options={"gain": 10.0}, scale=0.1)},
            "learning_rate": 0.002,
            "num_epochs": 400,
            "evaluation_period": 50,
        },
        # What makes the last steps better costs the first ones, and only long unrolls see both. Those of 100 steps
        # lead where whole runs lead (cosine 0.99), and agree from run to run (0.9, whole runs 0.5), as the rule starts
        # as momentum and not at random. Where gradients explode none the less, training goes back.
        "mnist": {
            "second_derivatives": True,
            "problem_options": {"stddev": 0.1},
            "networks": {
                "network": {"net": "LearnedMomentum", "net_options": {"layers": [20], "learning_rate": 0.5}},
            },
            "loss_transform": "log",
            "loss_weights": "mean",
            "num_epochs": 400,
            "num_steps": 200,
            "unroll_length": 100,
            "learning_rate": 0.005,
            "learning_rate_decay": 0.03,
            "clip_norm": 0.3,
            "average_decay": 0.95,
            "evaluation_period": 10,
            "evaluation_epochs": 8,
            "rewind": 1.04,
        },
        "cifar": {
            **_STABLE,
            "problem_options": {"stddev": 0.1},
            "networks": _OURS,
            "loss_transform": "log",
            "clip_norm": 1.0,
            "num_epochs": 60,
            "evaluation_period": 10,
            "evaluation_epochs": 5,
        },
        "cifar-multi": {
            **_STABLE,
            "problem_options": {"stddev": 0.1},
            "networks": {"conv": _log_and_sign(k=10, scale=0.1), "fc": _log_and_sign(k=10, scale=0.1)},
            "net_assignments": _CONV_AND_REST,
            "loss_transform": "log",
            "clip_norm": 1.0,
            "num_epochs": 60,
            "evaluation_period": 10,
            "evaluation_epochs": 5,
        },
        "neural_art": {
            **_STABLE,
            "networks": {"network": {"net": "RNNProp", "net_options": {"layers": [20, 20], "scale": 0.1}}},
            "loss_transform": "log",
            "clip_norm": 1.0,
            "average_decay": 0.95,
            "learning_rate": 0.005,
            "learning_rate_decay": 0.1,
            "num_epochs": 60,
            "num_steps": 128,
            "unroll_length": 32,
            "evaluation_period": 10,
            "evaluation_epochs": 3,
        },
    },
}

# What other rules need on MNIST than LearnedMomentum, which alone starts as momentum. RNNProp has 0.30 after 200 steps
# on validation images, HierarchicalLSTM 0.26, PerParameterMLP 0.26 and 0.23 (two seeds); in unrolls of 100 one layer of
# RNNProp had 0.38 (100 epochs), and PerParameterMLP stood still at 0.31.
_SHORT_UNROLLS = {
    "num_epochs": 120,
    "unroll_length": 20,
    "loss_weights": "all",
    "learning_rate": 0.001,
    "learning_rate_decay": 0.05,
    "clip_norm": 1.0,
    "average_decay": 0.98,
    "evaluation_period": 20,
    "evaluation_epochs": 6,
    "rewind": None,
}
# What a network changes about the recommended settings of a problem.
NETWORKS: dict[str, dict[str, dict[str, Any]]] = {
    "mnist": {
        "AdafactorMLP": {"num_epochs": 150, "learning_rate": 0.001, "clip_norm": 0.1},
        "HierarchicalLSTM": _SHORT_UNROLLS,
        "PerParameterMLP": _SHORT_UNROLLS,
        "RNNProp": _SHORT_UNROLLS,
    },
}

# For a problem of the user's own.
_ANY_PROBLEM = {
    "original": PRESETS["original"]["mnist"],
    "recommended": {
        **_STABLE,
        "networks": _OURS,
        "num_epochs": 500,
        "evaluation_period": 50,
    },
}


def get(preset: str, problem: str, network: str | None = None) -> dict[str, Any]:
    """The fields of `TrainingConfig` that `preset` sets for `problem`, its own networks among them.

    Args:
      preset: "original" or "recommended".
      problem: its name.
      network: name, as in the catalogue, of the one that is trained in place of the preset's.

    Raises:
      ValueError: an unknown preset.
    """
    if preset not in PRESETS:
        raise ValueError(f"Presets are {sorted(PRESETS)}. Received: {preset!r}.")
    settings = PRESETS[preset].get(problem, _ANY_PROBLEM[preset])
    return settings if preset == "original" else {**settings, **NETWORKS.get(problem, {}).get(network or "", {})}
