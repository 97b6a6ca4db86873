"""Small classifiers of losg, on data of their own making."""

import numpy as np
import tensorflow as tf

from problems.problem import Parameters, split_seed
from problems.taskset.families.losg_function import Function, Minibatches
from problems.taskset.families.recurrent import embedded
from problems.taskset.parts.activations import ACTIVATIONS
from problems.taskset.parts.dense import dense, dense_weights

_PENALTY = 1e-3
_BITS, _FLIPPED = 5, 0.25
_TEACHER_LAYERS, _TEACHER_WIDTH = 6, 20
_START = 1.2


class _Network(Function):
    random = True
    shapes: dict[str, tuple[int, ...]]
    _minibatches: Minibatches

    def draw(self, seed):
        return self._minibatches.draw(seed)

    def value(self, parameters, drawn):
        """Mean sigmoid cross entropy of the first logit, and 1e-3 times the mean over tensors of |p|^2."""
        inputs, labels = drawn
        logits = self._logits(parameters, inputs)[:, 0]
        errors = tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)
        squares = tf.add_n([tf.reduce_sum(tf.square(p)) for p in parameters.values()]) / len(parameters)
        return tf.reduce_mean(errors) + _PENALTY * squares

    def initial_parameters(self, seed) -> Parameters:
        seeds = split_seed(seed, len(self.shapes))
        return {
            name: self._scale(shape) * tf.random.stateless_normal(shape, s)
            for (name, shape), s in zip(self.shapes.items(), seeds, strict=True)
        }

    def _scale(self, shape: tuple[int, ...]) -> float:
        return 1.0

    def _logits(self, parameters: Parameters, inputs: tf.Tensor) -> tf.Tensor:
        """`[B, classes]`."""
        raise NotImplementedError


class SparseSoftmaxRegression(_Network):
    """A linear layer on the sum of five bits' embeddings; the label is their parity, one in four the wrong way round.

    Parameters `embedding` `[10, E]`, a row for each value of each bit, `linear/w` `[E, 2]`, `linear/b` `[2]`; N(0, 1).
    """

    def __init__(self, parameters, generator):
        width = parameters["embedding"]
        self.shapes = {"embedding": (2 * _BITS, width), "linear/w": (width, 2), "linear/b": (2,)}
        bits = generator.integers(0, 2, [parameters["samples"], _BITS])
        flipped = generator.uniform(size=parameters["samples"]) < _FLIPPED
        labels = ((bits.sum(1) + flipped) % 2).astype(np.float32)
        rows = (bits + 2 * np.arange(_BITS)).astype(np.int32)
        self._minibatches = Minibatches((rows, labels), parameters["batch_size"])

    def _logits(self, parameters, inputs):
        summed = tf.reduce_sum(embedded(parameters["embedding"], inputs), 1)
        return summed @ parameters["linear/w"] + parameters["linear/b"]


class FullyConnected(_Network):
    """A perceptron that learns the sign of a random one's first output: six layers of 20 with ReLU, all N(0, 1).

    Parameters `mlp/linear_0/w`, `mlp/linear_0/b`, ...; N(0, 1.44 / fan-in), the fan-in of a bias its length.
    """

    def __init__(self, parameters, generator):
        features = parameters["features"]
        self._count = len(parameters["hidden"]) + 1
        layers = dense_weights("mlp", [features, *parameters["hidden"], 2], {"name": "zeros"})
        self.shapes = {name: weight.shape for name, weight in layers.items()}
        self._activation = ACTIVATIONS[parameters["activation"]]
        inputs = generator.standard_normal([parameters["samples"], features])
        labels = (_teacher(inputs, generator) > 0).astype(np.float32)
        self._minibatches = Minibatches((inputs.astype(np.float32), labels), parameters["batch_size"])

    def _scale(self, shape):
        return _START * shape[0] ** -0.5

    def _logits(self, parameters, inputs):
        return dense("mlp", self._count, parameters, inputs, self._activation)


def _teacher(x: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    for _ in range(_TEACHER_LAYERS):
        w = generator.standard_normal([x.shape[1], _TEACHER_WIDTH])
        x = np.maximum(x @ w + generator.standard_normal(_TEACHER_WIDTH), 0)
    return x @ generator.standard_normal(_TEACHER_WIDTH)
