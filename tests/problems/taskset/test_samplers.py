"""The samplers, against the distributions of TaskSet."""

import itertools
import json
import math
import subprocess
import sys

import numpy as np
import pytest

from problems import taskset
from problems.taskset import options, registry
from problems.taskset.samplers import losg, parts
from tests.problems.taskset.distributions import (
    assert_coin,
    assert_integers,
    assert_log_integers,
    assert_log_uniform,
    assert_normal,
    assert_shares,
    assert_uniform,
)

_DRAWS = 2_000
_INITIALIZERS = {
    "he_normal": 2,
    "he_uniform": 2,
    "glorot_normal": 2,
    "glorot_uniform": 2,
    "orthogonal": 1,
    "uniform": 1,
    "normal": 1,
    "truncated_normal": 1,
    "variance_scaling": 1,
}
_ACTIVATIONS = {
    "relu": 6,
    "tanh": 3,
    "cos": 1,
    "elu": 1,
    "sigmoid": 1,
    "swish": 1,
    "leaky_relu_0.4": 1,
    "leaky_relu_0.2": 1,
    "leaky_relu_0.1": 1,
}
_MATRICES = {"normal": 1, "uniform": 1, "linear_eigenvalues": 1, "geometric_eigenvalues": 1}


def _draws(family):
    generator = np.random.default_rng(7)
    return [registry.draw(family, generator) for _ in range(_DRAWS)]


def _numbers(low, high):
    return dict.fromkeys(range(low, high + 1), 1)


def _assert_initializers(initializers):
    assert_shares([each["name"] for each in initializers], _INITIALIZERS)
    scaled = [each for each in initializers if "scale" in each]
    assert {each["name"] for each in scaled} == {
        "orthogonal",
        "uniform",
        "normal",
        "truncated_normal",
        "variance_scaling",
    }
    assert_log_uniform([each["scale"] for each in scaled], 0.1, 10)


def _assert_widths(layers, fewest, most, low, high):
    assert_shares([len(layer) for layer in layers], _numbers(fewest, most))
    assert_log_integers(list(itertools.chain.from_iterable(layers)), low, high)


def _assert_images(data):
    kinds = {
        "mnist-like": [d for d in data if d["dataset"] in ("mnist", "fashion_mnist") and d["size"] is None],
        "cifar-like": [
            d
            for d in data
            if d["dataset"] == "cifar10" and d["size"] is None and not d["grey"] and d["classes"] in (None, 5)
        ],
    }
    whole = [d for d in data if not any(d in kind for kind in kinds.values())]
    sets = [(d["dataset"], d["size"], d["grey"], d["classes"]) for d in data]
    assert_shares(
        sets,
        {
            ("mnist", None, False, None): 1,
            ("fashion_mnist", None, False, None): 1,
            ("cifar10", None, False, None): 1,
            ("cifar10", None, False, 5): 1,
            ("cifar10", None, False, 2): 1,
            ("fashion_mnist", 8, False, None): 1,
            ("cifar10", None, True, None): 1,
            ("mnist", 16, False, None): 1,
            ("cifar10", 16, False, None): 1,
            ("cifar10", 8, False, None): 1,
        },
    )
    assert_log_integers([d["batch_size"] for d in kinds["mnist-like"]], 8, 512)
    assert_integers([d["num_train"] for d in kinds["mnist-like"]], 1000, 55_000)
    assert_coin([d["just_train"] for d in kinds["mnist-like"]], 0.1)
    assert_integers([d["num_train"] for d in kinds["cifar-like"]], 1000, 50_000)
    assert {d["num_train"] for d in whole} == {None}
    for some in (kinds["cifar-like"], whole):
        assert_log_integers([d["batch_size"] for d in some], 8, 256)
        assert_coin([d["just_train"] for d in some], 0.2)
    assert_coin([d["augmentation"] is not None for d in data], 0.3)
    augmented = [d for d in data if d["augmentation"] is not None]
    assert_shares([d["augmentation"]["crop"] for d in augmented], {0: 3, 1: 1, 2: 1})
    assert_coin([d["augmentation"]["flip_left_right"] for d in augmented], 0.5)
    assert_coin([d["augmentation"]["flip_up_down"] for d in augmented], 0.5)
    in_color = [d["dataset"] == "cifar10" and not d["grey"] for d in augmented]
    assert_coin([d["augmentation"]["color"] is not None for d in itertools.compress(augmented, in_color)], 0.5)
    colors = [d["augmentation"]["color"] for d in augmented if d["augmentation"]["color"]]
    assert len(colors) <= sum(in_color)
    for name, low, high in (
        ("brightness", 0.001, 64 / 255),
        ("saturation", 0.01, 1),
        ("hue", 0.01, 0.5),
        ("contrast", 0.01, 1),
    ):
        assert_log_uniform([color[name] for color in colors], low, high)


def _assert_network(configs):
    assert_shares([c["activation"] for c in configs], _ACTIVATIONS)
    _assert_initializers([c["initializer"] for c in configs])
    _assert_images([c["data"] for c in configs])


def test_mlp():
    configs = _draws("mlp")
    _assert_network(configs)
    _assert_widths([c["hidden"] for c in configs], 1, 6, 16, 128)
    assert_coin([c["center"] for c in configs], 0.5)


def test_mlp_ae():
    configs = _draws("mlp_ae")
    _assert_network(configs)
    _assert_widths([c["hidden"] for c in configs], 1, 6, 32, 128)
    assert_shares([c["output"] for c in configs], {"tanh": 2, "sigmoid": 2, "linear_center": 1, "linear": 1})
    assert_shares([c["loss"] for c in configs], {"l2": 2, "l1": 1})
    assert_shares([c["over_pixels"] for c in configs], {"mean": 1, "sum": 1})


def test_mlp_vae():
    configs = _draws("mlp_vae")
    _assert_network(configs)
    _assert_widths([c["encoder"] for c in configs], 1, 4, 32, 128)
    _assert_widths([c["decoder"] for c in configs], 1, 3, 32, 128)


@pytest.mark.parametrize("family", ["nvp", "maf"])
def test_flows(family):
    configs = _draws(family)
    _assert_network(configs)
    _assert_widths([c["hidden"] for c in configs], 1, 2, 16, 128)
    assert_shares([c["bijectors"] for c in configs], _numbers(1, 4))


@pytest.mark.parametrize("family", ["conv_fc", "conv_pooling"])
def test_convolutions(family):
    configs = _draws(family)
    _assert_initializers([c["initializer"] for c in configs])
    _assert_images([c["data"] for c in configs])
    assert_coin([c["center"] for c in configs], 0.5)
    convolutions = [c["convolutions"] for c in configs]
    _assert_widths([c["channels"] for c in convolutions], 1, 5, 8, 64)
    assert_shares([c["strides"] for c in convolutions], {"two": 1, "one_two": 1, "two_one": 1})
    assert_shares(itertools.chain.from_iterable(c["padding"] for c in convolutions), {"SAME": 1, "VALID": 1})
    assert all(len(c["padding"]) == len(c["channels"]) for c in convolutions)
    assert_coin([c["bias"] for c in convolutions], 0.5)
    assert_shares([c["activation"] for c in convolutions], _ACTIVATIONS)
    if family == "conv_fc":
        _assert_widths([c["hidden"] for c in configs], 0, 3, 32, 128)
    else:
        assert_shares([c["pool"] for c in configs], {"mean": 1, "max": 1, "squared_mean": 1})


def _assert_recurrent(configs):
    assert_log_integers([c["embedding"] for c in configs], 8, 128)
    assert_coin([c["trainable_initial_state"] for c in configs], 0.5)
    cores = [c["core"] for c in configs]
    assert_shares([core["kind"] for core in cores], {"vanilla": 1, "gru": 1, "lstm": 1})
    assert_log_integers([core["width"] for core in cores], 32, 128)
    assert_shares([core["activation"] for core in cores if core["kind"] == "vanilla"], _ACTIVATIONS)
    for core in cores:
        assert len(core["initializers"]) == {"vanilla": 2, "gru": 6, "lstm": 1}[core["kind"]]
    _assert_initializers([next(iter(core["initializers"].values())) for core in cores])
    # One initializer of six matrices is seldom six times the same by chance.
    gru = [list(core["initializers"].values()) for core in cores if core["kind"] == "gru"]
    assert_coin([all(each == each_of[0] for each in each_of) for each_of in gru], 0.8)


@pytest.mark.parametrize(("family", "longest"), [("char_rnn_language_model", 160), ("word_rnn_language_model", 256)])
def test_language_models(family, longest):
    configs = _draws(family)
    _assert_recurrent(configs)
    data = [c["data"] for c in configs]
    assert_log_integers([d["patch"] for d in data], 10, longest)
    _assert_texts(data)
    assert_shares([d["label"] for d in data], {None: 1, 0: 1, 1: 1})
    vocabularies = [c["vocabulary"] for c in configs]
    if family.startswith("word"):
        assert_log_integers(vocabularies, 1000, 30_000)
    else:
        # 256 comes of rounding too: half a step of the logarithmic ones.
        rounded = 0.2 * math.log(256 / 255.5) / math.log(256 / 100)
        assert_coin([size == 256 for size in vocabularies], 0.8 + rounded)
        others = [size for size in vocabularies if size != 256]
        assert min(others) >= 100 and max(others) < 256


def test_text_classification():
    configs = _draws("rnn_text_classification")
    _assert_recurrent(configs)
    assert_log_integers([c["vocabulary"] for c in configs], 100, 10_000)
    assert_shares([c["readout"] for c in configs], {"last": 1, "mean": 1, "max": 1})
    assert_log_integers([c["data"]["patch"] for c in configs], 8, 128)
    _assert_texts([c["data"] for c in configs])


def _assert_texts(data):
    assert_log_integers([d["batch_size"] for d in data], 8, 512)
    assert_coin([d["num_train"] is not None for d in data], 0.2)
    assert_integers([d["num_train"] for d in data if d["num_train"] is not None], 1000, 50_000)
    assert_coin([d["just_train"] for d in data], 0.2)


def test_quadratic():
    configs = _draws("quadratic")
    assert_log_integers([c["dims"] for c in configs], 2, 3000)
    assert_log_uniform([c["scale"] for c in configs], 1e-5, 1e3)
    assert_shares([c["output"] for c in configs], {"identity": 1, "log": 1})
    matrices = [c["matrix"] for c in configs]
    assert_shares([m["kind"] for m in matrices], _MATRICES)
    _assert_matrices(matrices, 1, 2, (-3, 1), (0, 5), (0.01, 50), (0, 100), (1, 1000))
    starts = [c["start"] for c in configs]
    assert_shares([s["kind"] for s in starts], {"normal": 1, "uniform": 1})
    _assert_normals([s for s in starts if s["kind"] == "normal"], 1, 2)
    _assert_intervals([s for s in starts if s["kind"] == "uniform"], (-5, 2.5), (0, 5))
    assert_coin([c["noise"] is not None for c in configs], 0.5)
    noises = [c["noise"] for c in configs if c["noise"]]
    assert_shares([n["kind"] for n in noises], _MATRICES)
    _assert_matrices(noises, 0.05, 0.05, (-0.15, 0.05), (0, 0.25), (0.01, 2), (0, 10), (1, 10))


def _assert_matrices(matrices, mean, stddev, low, width, first, further, largest):
    kinds = {kind: [m for m in matrices if m["kind"] == kind] for kind in _MATRICES}
    _assert_normals(kinds["normal"], mean, stddev)
    _assert_intervals(kinds["uniform"], low, width)
    _assert_intervals(kinds["linear_eigenvalues"], first, further)
    assert {m["low"] for m in kinds["geometric_eigenvalues"]} == {1e-5}
    assert_uniform([m["high"] for m in kinds["geometric_eigenvalues"]], *largest)


def _assert_normals(distributions, mean, stddev):
    assert_normal([d["mean"] for d in distributions], mean)
    assert_uniform([d["stddev"] for d in distributions], 0, stddev)


def _assert_intervals(distributions, low, width):
    assert_uniform([d["low"] for d in distributions], *low)
    assert_uniform([min(max(d["high"] - d["low"], width[0]), width[1]) for d in distributions], *width)


def test_losg():
    configs = _draws("losg")
    assert len(losg.KINDS) == 14
    assert_shares([c["kind"] for c in configs], dict.fromkeys(losg.KINDS, 1))
    noisy = {"quadratic", "bowl", "sparse_softmax_regression", "optimization_test", "min_max_well", "sparse_problems"}
    with_noise = [c["parameters"]["gradient_noise"] for c in configs if "gradient_noise" in c["parameters"]]
    assert {c["kind"] for c in configs if "gradient_noise" in c["parameters"]} == noisy
    assert_coin([noise is not None for noise in with_noise], 0.5)
    assert_log_uniform([noise for noise in with_noise if noise], 0.01, 10)
    assert_uniform([c["seed"] for c in configs], 0, 100_000)
    of = {kind: [c["parameters"] for c in configs if c["kind"] == kind] for kind in losg.KINDS}
    for kind, low, high in (("quadratic", 10, 1000), ("min_max_well", 10, 1000), ("norm", 3, 1000)):
        assert_log_integers([p["dims"] for p in of[kind]], low, high)
    for kind in ("dependency_chain", "outward_snake", "sum_of_quadratics", "projection_quadratic"):
        assert_log_integers([p["dims"] for p in of[kind]], 3, 100)
        if kind != "dependency_chain":
            assert_log_integers([p["batch_size"] for p in of[kind]], 1, 200)
            assert_log_integers([p["samples"] for p in of[kind]], 100, 20_000)
    assert_log_uniform([p["condition"] for p in of["bowl"]], 0.01, 100)
    assert_shares([p["angle"] for p in of["bowl"]], {0: 2, math.pi / 4: 1, math.pi / 3: 1})
    assert_uniform([p["power"] for p in of["norm"]], 0.1, 5)
    assert_shares([p["function"] for p in of["optimization_test"]], dict.fromkeys(losg.TEST_FUNCTIONS, 1))
    softmax = of["sparse_softmax_regression"]
    assert_log_integers([p["embedding"] for p in softmax], 2, 100)
    assert_log_integers([p["batch_size"] for p in softmax], 1, 50)
    assert_log_integers([p["samples"] for p in softmax], 1, 30)
    connected = of["fully_connected"]
    assert_shares([len(p["hidden"]) for p in connected], _numbers(2, 5))
    assert_log_integers([p["hidden"][0] for p in connected], 4, 32)
    alike = [len(set(p["hidden"])) == 1 for p in connected if len(p["hidden"]) > 3]
    assert 0.35 < np.mean(alike) < 0.65
    assert_log_integers([p["features"] for p in connected], 1, 16)
    assert_shares([p["activation"] for p in connected], _ACTIVATIONS)
    for kind, names in (
        ("sparse_problems", losg.BASES),
        ("rescale_problems", losg.BASES),
        ("log_objective", set(losg.BASES) - {"outward_snake", "sum_of_quadratics"}),
    ):
        assert_shares([p["base"]["kind"] for p in of[kind]], dict.fromkeys(names, 1))
        assert all("gradient_noise" not in p["base"]["parameters"] for p in of[kind])
    assert_uniform([p["zeros"] for p in of["sparse_problems"]], 0.9, 0.99)
    assert_log_uniform([p["scale"] for p in of["rescale_problems"]], 1e-3, 1e3)


@pytest.mark.parametrize("family", taskset.FAMILIES)
def test_configurations_are_plain_data_that_can_be_built(family):
    for seed in range(40):
        for data in parts.SOURCES:
            config = taskset.sample(family, seed, data)
            assert json.loads(json.dumps(config)) == config == taskset.sample(family, seed, data)
            options.check_config(config)
            if "data" in config:
                assert (config["data"]["dataset"] == "synthetic") == (data == "synthetic")
    assert taskset.sample(family, 0) != taskset.sample(family, 1)


@pytest.mark.parametrize(("family", "share"), [("conv_fc", 0.12), ("word_rnn_language_model", 0.24), ("mlp", 0.0)])
def test_what_cannot_be_built_is_drawn_again(family, share):
    faults = [registry.FAMILIES[family].fault(config) is not None for config in _draws(family)]
    assert abs(np.mean(faults) - share) < 0.04
    generator = np.random.default_rng([registry.FAMILIES[family].constant, 0])
    seed = next(seed for seed in range(1_000) if _first_draw_is_faulty(family, seed)) if share else 0
    generator = np.random.default_rng([registry.FAMILIES[family].constant, seed])
    while registry.FAMILIES[family].fault(config := registry.draw(family, generator)):
        pass
    assert taskset.sample(family, seed) == config


def _first_draw_is_faulty(family, seed):
    generator = np.random.default_rng([registry.FAMILIES[family].constant, seed])
    return registry.FAMILIES[family].fault(registry.draw(family, generator)) is not None


def test_a_known_configuration():
    # Numbers of tasks mean what they meant: a change here is another set of tasks.
    assert taskset.sample("mlp", 3) == {
        "family": "mlp",
        "hidden": [21, 41, 107],
        "activation": "leaky_relu_0.4",
        "initializer": {"name": "he_normal"},
        "center": False,
        "data": {
            "kind": "images",
            "dataset": "mnist",
            "size": None,
            "grey": False,
            "classes": None,
            "batch_size": 96,
            "num_train": 33348,
            "just_train": False,
            "augmentation": None,
        },
    }


def test_sampling_needs_no_tensorflow():
    code = "import sys; from problems import taskset; taskset.sample('maf', 0); assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nope", 0), r"taskset has the families \[.*'mlp'.*\]. Received: family='nope'."),
        (("mlp", -1), "seed is a whole number of at least 0. Received: seed=-1."),
        (("mlp", 1.5), "seed is a whole number of at least 0. Received: seed=1.5."),
        (("mlp", 0, "mine"), r"data is one of \['prepared', 'synthetic'\]. Received: data='mine'."),
    ],
)
def test_what_is_no_task(arguments, message):
    with pytest.raises(ValueError, match=message):
        taskset.sample(*arguments)
