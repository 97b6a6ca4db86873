"""The problems under conformance: a new problem joins by adding a row."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

import problems
from problems import Problem
from tests.problems import art_files
from tests.problems.taskset import configs as taskset_configs


class ProblemCase(NamedTuple):
    """One problem in one configuration.

    Attributes:
      build: from a folder of tiny data sets to the problem; small, so that a test takes a fraction of a second.
      parameters: the names, in the order of creation.
      random: whether another seed gives another loss at the same parameters.
      zero_gradients: the parameters that the loss does not depend on: what batch normalisation takes away.
      xla: whether it compiles, the draws of theta_0 and of the function apart.
      hessian: whether its second derivatives are right.
      named: whether `problems.get` rebuilds it from its name and options.
    """

    build: Callable[[str], Problem]
    parameters: list[str]
    random: bool = True
    zero_gradients: tuple[str, ...] = ()
    xla: bool = True
    hessian: bool = True
    named: bool = True


def _named(name: str, **options: Any) -> Callable[[str], Problem]:
    return lambda folder: problems.get(name, **options)


def _image(name: str, **options: Any) -> Callable[[str], Problem]:
    return lambda folder: problems.get(name, data_dir=folder, batch_size=8, validation_size=20, **options)


def _taskset(family: str) -> Callable[[str], Problem]:
    return _named("taskset", config=taskset_configs.get(family))


def _neural_art(**options: Any) -> Callable[[str], Problem]:
    def build(folder):
        files = art_files.write(Path(folder) / "neural_art")
        return problems.get("neural_art", **files, size=16, **options)

    return build


def _function(folder: str) -> Problem:
    return problems.from_function(
        lambda parameters, instance, seed: (
            tf.reduce_sum(tf.square(parameters["x"] - instance)) + tf.random.stateless_normal([], seed)
        ),
        lambda seed: {"x": tf.random.stateless_normal([3], seed)},
        sample=lambda seed: tf.random.stateless_uniform([3], seed),
    )


def _keras(*middle: str) -> Callable[[str], Problem]:
    def build(folder):
        import keras

        hidden = keras.layers.Dense(5, activation="tanh", kernel_regularizer="l2", name="hidden")
        between = [getattr(keras.layers, layer)(name=layer.lower()) for layer in middle]
        layers = [hidden, *between, keras.layers.Dropout(0.5), keras.layers.Dense(3, name="logits")]
        model = keras.Sequential([keras.layers.Input([4]), *layers], name="model")
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        return problems.from_keras(model, points(), loss, validation_dataset=points(), batch_size=8)

    return build


def _sonnet(folder: str) -> Problem:
    import sonnet as snt

    return problems.from_sonnet(
        lambda: snt.nets.MLP([5, 3], activation=tf.tanh),
        points(),
        lambda y, logits: tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits),
        validation_dataset=points(),
        batch_size=8,
    )


def points() -> tuple[np.ndarray, np.ndarray]:
    """Twenty points of dimension 4 with labels 0 to 2."""
    x = np.random.RandomState(0).randn(20, 4).astype(np.float32)
    return x, np.arange(20, dtype=np.int32) % 3


_LINEAR = ["mlp/linear_0/w", "mlp/linear_0/b", "mlp/linear_1/w", "mlp/linear_1/b"]
_CIFAR = [
    "conv_net_2d/conv_2d_0/w",
    "conv_net_2d/conv_2d_0/b",
    "conv_net_2d/batch_norm_0/beta",
    "conv_net_2d/conv_2d_1/w",
    "conv_net_2d/conv_2d_1/b",
    "conv_net_2d/batch_norm_1/beta",
    "mlp/linear_0/w",
    "mlp/linear_0/b",
    "mlp/batch_norm/beta",
    "mlp/linear_1/w",
    "mlp/linear_1/b",
]
# A constant added before batch normalisation is taken away with the mean.
_CIFAR_BIASES = ("conv_net_2d/conv_2d_0/b", "conv_net_2d/conv_2d_1/b", "mlp/linear_0/b")
_SMALL_CIFAR = {"conv_channels": [2, 3], "linear_layers": [4], "stddev": 0.5}

CASES = {
    "simple": ProblemCase(_named("simple"), ["x"], random=False),
    "simple-float64": ProblemCase(_named("simple", dtype="float64"), ["x"], random=False),
    "simple-multi": ProblemCase(_named("simple-multi", num_dims=3), ["x_0", "x_1", "x_2"], random=False),
    "quadratic": ProblemCase(_named("quadratic", batch_size=2, num_dims=3), ["x"]),
    "quadratic-gaussian": ProblemCase(_named("quadratic", batch_size=2, draw="gaussian", dtype="float64"), ["x"]),
    "quadratic-ill-conditioned": ProblemCase(_named("quadratic", batch_size=2, draw="ill_conditioned"), ["x"]),
    "ensemble": ProblemCase(
        _named(
            "ensemble",
            problems=[{"name": "quadratic", "options": {"batch_size": 2}}, {"name": "simple"}],
            weights=[0.5, 2.0],
        ),
        ["problem_0/x", "problem_1/x"],
    ),
    "scaled": ProblemCase(
        _named("scaled", problem={"name": "quadratic", "options": {"batch_size": 2, "num_dims": 3}}, log_range=0.5),
        ["x"],
    ),
    "reparameterized": ProblemCase(
        _named("reparameterized", problem={"name": "quadratic", "options": {"batch_size": 2, "num_dims": 3}}, low=0.5),
        ["x"],
    ),
    "mnist": ProblemCase(_image("mnist", layers=[5], stddev=0.1), _LINEAR),
    "mnist-noise": ProblemCase(_image("mnist", layers=[5], stddev=0.1, input_noise=0.3), _LINEAR),
    "mnist-relu-test": ProblemCase(
        _image("mnist", layers=[5], activation="relu", stddev=0.1, mode="test", dtype="float64"), _LINEAR
    ),
    "cifar": ProblemCase(_image("cifar", **_SMALL_CIFAR), _CIFAR, zero_gradients=_CIFAR_BIASES),
    "cifar-multi": ProblemCase(
        _image("cifar-multi", labels=[7, 3], dtype="float64", **_SMALL_CIFAR),
        _CIFAR,
        zero_gradients=_CIFAR_BIASES,
    ),
    "cifar-plain": ProblemCase(
        _image("cifar", batch_norm=False, **_SMALL_CIFAR), [n for n in _CIFAR if not n.endswith("beta")]
    ),
    "taskset": ProblemCase(_taskset("mlp"), _LINEAR),
    "taskset-conv_pooling": ProblemCase(
        _taskset("conv_pooling"), ["conv_2d_0/w", "conv_2d_0/b", "linear/w", "linear/b"]
    ),
    "taskset-char_rnn_language_model": ProblemCase(
        _taskset("char_rnn_language_model"),
        [
            "embedding",
            "core/w_z",
            "core/u_z",
            "core/w_r",
            "core/u_r",
            "core/w_h",
            "core/u_h",
            "core/b_z",
            "core/b_r",
            "core/b_h",
            "initial_state/h",
            "linear/w",
            "linear/b",
        ],
    ),
    "taskset-losg": ProblemCase(_taskset("losg"), ["x"]),
    "neural_art": ProblemCase(_neural_art(), ["image"]),
    "neural_art-from-content": ProblemCase(_neural_art(start="content", stddev=1.0), ["image"]),
    "from_function": ProblemCase(_function, ["x"], named=False),
    # Keras draws dropout's floats inside the loss, and XLA draws others.
    "from_keras": ProblemCase(
        _keras(),
        ["model/hidden/kernel", "model/hidden/bias", "model/logits/kernel", "model/logits/bias"],
        xla=False,
        named=False,
    ),
    # Its batch normalisation is by tf.nn.moments, of which TensorFlow 2.21 gets second derivatives wrong.
    "from_keras-batch-norm": ProblemCase(
        _keras("BatchNormalization"),
        [
            "model/hidden/kernel",
            "model/hidden/bias",
            "model/batchnormalization/gamma",
            "model/batchnormalization/beta",
            "model/logits/kernel",
            "model/logits/bias",
        ],
        xla=False,
        hessian=False,
        named=False,
    ),
    "from_sonnet": ProblemCase(
        _sonnet,
        ["mlp/linear_0/w", "mlp/linear_0/b", "mlp/linear_1/w", "mlp/linear_1/b"],
        named=False,
    ),
}
