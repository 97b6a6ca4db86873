"""The functions of Wichrowska et al. 2017, "Learned optimizers that scale and generalize", as TaskSet has them."""

from typing import Any

import numpy as np
import tensorflow as tf

from problems.problem import split_seed
from problems.taskset.families import losg_networks, losg_test_functions, losg_vectors
from problems.taskset.families.losg_function import Function
from problems.taskset.families.optimizee import Optimizee

_LOG_OFFSET = 1e-6


class Losg(Optimizee):
    """One of the functions, with noise on its gradients where the configuration has some.

    Noise: f + sum_p <n, p - stop(p)>, n IID normal, has the value of f and the gradient of f plus n.
    """

    has_data = False

    def __init__(self, config: dict[str, Any]):
        parameters = config["parameters"]
        self._function = _function(config["kind"], parameters, np.random.default_rng(config["seed"]))
        self._gradient_noise = parameters.get("gradient_noise")
        self._zeros = parameters.get("zeros")
        self.random = self._function.random
        start = self._function.initial_parameters(tf.constant([0, 0]))
        self._shapes = {name: value.shape for name, value in start.items()}

    def initial_parameters(self, seed):
        return self._function.initial_parameters(seed)

    def noise(self, batch, seed):
        function_seed, noise_seed, mask_seed = split_seed(seed, 3)
        drawn: dict[str, Any] = {"function": self._function.draw(function_seed)}
        if self._gradient_noise is not None:
            drawn["gradients"] = {
                name: self._gradient_noise * tf.random.stateless_normal(shape, s)
                for (name, shape), s in self._seeded(noise_seed)
            }
        if self._zeros is not None:
            drawn["kept"] = {
                name: tf.cast(tf.random.stateless_uniform(shape, s) >= self._zeros, tf.float32)
                for (name, shape), s in self._seeded(mask_seed)
            }
        return drawn

    def loss(self, parameters, batch, noise):
        if "kept" in noise:
            # The same values; of the gradient, what is kept.
            parameters = {
                name: tf.where(noise["kept"][name] > 0, p, tf.stop_gradient(p)) for name, p in parameters.items()
            }
        value = self._function.value(parameters, noise["function"])
        for name, extra in noise.get("gradients", {}).items():
            value += tf.reduce_sum(extra * (parameters[name] - tf.stop_gradient(parameters[name])))
        return value

    def _seeded(self, seed):
        return zip(self._shapes.items(), split_seed(seed, len(self._shapes)), strict=True)


class Rescaled(Function):
    """f(theta / c), from c times where f starts."""

    def __init__(self, function: Function, scale: float):
        self._function, self._scale = function, scale
        self.random = function.random

    def initial_parameters(self, seed):
        return {name: self._scale * p for name, p in self._function.initial_parameters(seed).items()}

    def draw(self, seed):
        return self._function.draw(seed)

    def value(self, parameters, drawn):
        return self._function.value({name: p / self._scale for name, p in parameters.items()}, drawn)


class Logarithm(Function):
    """log(f + 1e-6) - log(1e-6)."""

    def __init__(self, function: Function):
        self._function = function
        self.random = function.random

    def initial_parameters(self, seed):
        return self._function.initial_parameters(seed)

    def draw(self, seed):
        return self._function.draw(seed)

    def value(self, parameters, drawn):
        # Rounding takes some functions below their minimum of 0.
        value = tf.maximum(self._function.value(parameters, drawn), 0)
        return tf.math.log(value + _LOG_OFFSET) - float(np.log(_LOG_OFFSET))


_FUNCTIONS: dict[str, Any] = {
    "quadratic": losg_vectors.LeastSquares,
    "bowl": losg_vectors.Bowl,
    "sparse_softmax_regression": losg_networks.SparseSoftmaxRegression,
    "optimization_test": losg_test_functions.OptimizationTest,
    "fully_connected": losg_networks.FullyConnected,
    "norm": losg_vectors.Norm,
    "dependency_chain": losg_vectors.DependencyChain,
    "outward_snake": losg_vectors.OutwardSnake,
    "min_max_well": losg_vectors.MinMaxWell,
    "sum_of_quadratics": losg_vectors.SumOfQuadratics,
    "projection_quadratic": losg_vectors.ProjectionQuadratic,
}


def _function(kind: str, parameters: dict[str, Any], generator: np.random.Generator) -> Function:
    if kind in _FUNCTIONS:
        return _FUNCTIONS[kind](parameters, generator)
    base = _function(parameters["base"]["kind"], parameters["base"]["parameters"], generator)
    if kind == "rescale_problems":
        return Rescaled(base, parameters["scale"])
    return Logarithm(base) if kind == "log_objective" else base
