"""Tasks that are not sampled: TaskSet's own list, as far as the data sets at hand carry it. Needs no TensorFlow."""

from typing import Any

from problems.taskset.samplers.parts import CORES, Config

_BATCH = 128
_HIDDEN = ((32,), (64,), (128,), (32, 32), (64, 64), (128, 128), (128, 128, 128))
_CHANNELS = ((16, 32), (32, 64), (16, 32, 64), (32, 64, 64))
_HE = {"name": "he_normal"}
_GLOROT = {"name": "glorot_uniform"}


def images(dataset: str, **changes: Any) -> Config:
    """Image data, in the set's own size and colours where `changes` say nothing else."""
    return {
        "kind": "images",
        "dataset": dataset,
        "size": None,
        "grey": False,
        "classes": None,
        "batch_size": _BATCH,
        "num_train": None,
        "just_train": False,
        "augmentation": None,
        **changes,
    }


def texts(kind: str, tokens: str, patch: int, batch_size: int = _BATCH) -> Config:
    """Data of IMDB's reviews."""
    return {
        "kind": kind,
        "dataset": "imdb_reviews",
        "label": None,
        "tokens": tokens,
        "patch": patch,
        "batch_size": batch_size,
        "num_train": None,
        "just_train": False,
    }


def core(kind: str, width: int) -> Config:
    """A recurrent core."""
    said = {"kind": kind, "width": width, "initializers": dict.fromkeys(CORES[kind], _GLOROT)}
    return {**said, "activation": "tanh"} if kind == "vanilla" else said


def _function(kind: str, **parameters: Any) -> Config:
    return {"family": "losg", "kind": kind, "seed": 0, "parameters": {**parameters, "gradient_noise": None}}


def _in_two_dimensions() -> dict[str, Config]:
    tasks = {f"bowl_{c}": _function("bowl", condition=float(c), angle=0.0) for c in (1, 10, 100, 1000)}
    for name in ("rosenbrock", "ackley", "beale", "styblinski_tang"):
        tasks[name] = _function("optimization_test", function=name)
    return tasks


def _perceptrons() -> dict[str, Config]:
    return {
        f"mlp_{dataset}_{'_'.join(map(str, hidden))}": {
            "family": "mlp",
            "hidden": list(hidden),
            "activation": "relu",
            "initializer": _HE,
            "center": False,
            "data": images(dataset),
        }
        for dataset in ("mnist", "cifar10")
        for hidden in _HIDDEN
    }


def _autoencoders() -> dict[str, Config]:
    tasks: dict[str, Config] = {}
    for dataset in ("mnist", "cifar10"):
        tasks[f"mlp_ae_{dataset}_128_32_128"] = {
            "family": "mlp_ae",
            "hidden": [128, 32, 128],
            "activation": "relu",
            "initializer": _HE,
            "output": "sigmoid",
            "loss": "l2",
            "over_pixels": "mean",
            "data": images(dataset),
        }
        tasks[f"mlp_vae_{dataset}_128_32_128"] = {
            "family": "mlp_vae",
            "encoder": [128, 32],
            "decoder": [128],
            "activation": "relu",
            "initializer": _GLOROT,
            "data": images(dataset),
        }
    return tasks


def _stack(channels: tuple[int, ...]) -> Config:
    return {
        "strides": "two_one",  # The first of 2, the others by turns.
        "channels": list(channels),
        "padding": ["SAME"] * len(channels),
        "bias": True,
        "activation": "relu",
    }


def _convolutions() -> dict[str, Config]:
    tasks: dict[str, Config] = {}
    for channels in _CHANNELS:
        shared = {"convolutions": _stack(channels), "initializer": _HE, "center": False, "data": images("cifar10")}
        name = "_".join(map(str, channels))
        tasks[f"conv_pooling_cifar10_{name}"] = {"family": "conv_pooling", "pool": "mean", **shared}
        tasks[f"conv_fc_cifar10_{name}"] = {"family": "conv_fc", "hidden": [64], **shared}
    return tasks


def _flows() -> dict[str, Config]:
    return {
        f"{family}_{dataset}_{bijectors}": {
            "family": family,
            "hidden": [128],
            "bijectors": bijectors,
            "permutation_seed": 0,
            "activation": "relu",
            "initializer": {"name": "normal", "scale": 0.01},
            "data": images(dataset),
        }
        for family in ("nvp", "maf")
        for dataset in ("mnist", "cifar10")
        for bijectors in (2, 4)
    }


def _recurrent() -> dict[str, Config]:
    tasks: dict[str, Config] = {}
    for kind in ("gru", "lstm"):
        for width in (64, 128):
            shared = {"embedding": 64, "core": core(kind, width), "trainable_initial_state": True}
            tasks[f"char_rnn_language_model_imdb_{kind}_{width}"] = {
                "family": "char_rnn_language_model",
                "vocabulary": 256,
                **shared,
                "data": texts("language", "bytes", 64),
            }
            tasks[f"word_rnn_language_model_imdb_{kind}_{width}"] = {
                "family": "word_rnn_language_model",
                "vocabulary": 4_000,
                **shared,
                "data": texts("language", "words", 32),
            }
    for kind in CORES:
        tasks[f"rnn_text_classification_imdb_{kind}_64"] = {
            "family": "rnn_text_classification",
            "vocabulary": 8_000,
            "embedding": 64,
            "core": core(kind, 64),
            "trainable_initial_state": True,
            "readout": "last",
            "data": texts("text_classification", "words", 64),
        }
    return tasks


def _regularised() -> dict[str, Config]:
    tasks: dict[str, Config] = {}

    def add(name: str, dataset: str, hidden: tuple[int, ...], **changes: Any) -> None:
        tasks[f"mlp_{dataset}_{'_'.join(map(str, hidden))}_{name}"] = {
            "family": "mlp_regularised",
            "hidden": list(hidden),
            "activation": "relu",
            "initializer": _HE,
            "center": False,
            "loss": "cross_entropy",
            "normalisation": None,
            "dropout": None,
            **changes,
            "data": images(dataset),
        }

    for dataset in ("mnist", "cifar10"):
        for hidden in _HIDDEN:
            add("bounded_mse", dataset, hidden, loss="bounded_mse")
        for rate in (0.2, 0.5, 0.8):
            add(f"dropout_{rate}", dataset, (128, 128), dropout=rate)
        for kind in ("layer", "batch"):
            add(f"{kind}_norm", dataset, (128, 128), normalisation=kind)
    return tasks


def _conv_autoencoders() -> dict[str, Config]:
    tasks: dict[str, Config] = {}
    for channels in _CHANNELS:
        shared = {"convolutions": _stack(channels), "initializer": _GLOROT, "data": images("cifar10")}
        name = "_".join(map(str, channels))
        tasks[f"conv_ae_cifar10_{name}"] = {"family": "conv_ae", **shared}
        tasks[f"conv_vae_cifar10_{name}"] = {"family": "conv_vae", "latent": 32, **shared}
    return tasks


def _sequences() -> dict[str, Config]:
    return {
        f"{task}_{kind}_{width}": {
            "family": "sequence",
            "task": task,
            "tokens": 8,
            "length": length,
            "core": core(kind, width),
            "trainable_initial_state": True,
            "batch_size": _BATCH,
        }
        for task, length in (("copy", 10), ("associative_recall", 6))
        for kind in CORES
        for width in (128, 256)
    }


FIXED: dict[str, Config] = {
    **_in_two_dimensions(),
    **_perceptrons(),
    **_autoencoders(),
    **_convolutions(),
    **_flows(),
    **_recurrent(),
    **_regularised(),
    **_conv_autoencoders(),
    **_sequences(),
}
