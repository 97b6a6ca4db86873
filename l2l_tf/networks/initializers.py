"""Initial weights of the learned networks: by name, from an array, or a dictionary per layer and per weight."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

Initializer = Callable[[Any, tf.DType], tf.Tensor]


class WeightInitializers:
    """Finds the initializer of each weight of each layer.

    Args:
      spec: None (truncated normal of standard deviation 1/sqrt(fan-in) for matrices, 0 for biases), the name of
        a Keras initializer ("zeros", "truncated_normal"), a number or array, or a dictionary from layer to any of
        these or to a dictionary from weight to any of these.
      seed: of the random initializers; equal seeds give equal weights, and every weight draws its own.
      layers: layer name to its weight names, to check `spec` against.

    Raises:
      ValueError: an unknown initializer, layer or weight, or an array of the wrong shape.
    """

    def __init__(self, spec: Any, seed: int, layers: Mapping[str, tuple[str, ...]]):
        self._spec = spec
        self._seeds = np.random.SeedSequence(seed)
        self._check_keys("layers", spec, layers)
        if isinstance(spec, Mapping):
            for layer, weights in spec.items():
                self._check_keys(f"weights of {layer!r}", weights, layers[layer])

    def get(self, layer: str, weight: str, fan_in: int) -> Initializer:
        """The initializer of `layer`'s `weight`, which reads `fan_in` inputs."""
        spec = self._spec
        for key in (layer, weight):
            if isinstance(spec, Mapping):
                spec = spec.get(key)
        seed = int(self._seeds.spawn(1)[0].generate_state(1)[0] >> 1)
        if spec is None:
            if weight.startswith("b"):
                return _from_keras("zeros", seed)
            return keras.initializers.TruncatedNormal(stddev=1 / math.sqrt(fan_in), seed=seed)
        if isinstance(spec, str):
            return _from_keras(spec, seed)
        return _from_array(spec, f"{layer}/{weight}")

    @staticmethod
    def _check_keys(what: str, spec: Any, known) -> None:
        if isinstance(spec, Mapping) and (unknown := sorted(set(spec) - set(known))):
            raise ValueError(f"An initializer's dictionary names {what} among {list(known)}. Received: {unknown}.")


def json_able(spec: Any) -> Any:
    """`spec` without its arrays: what a saved optimizer keeps of it, as its weights are saved beside it."""
    if isinstance(spec, Mapping):
        return {key: json_able(value) for key, value in spec.items()}
    return spec if isinstance(spec, (str, int, float, type(None))) else "zeros"


def _from_keras(name: str, seed: int) -> Initializer:
    try:
        initializer = keras.initializers.get(name)
    except ValueError as error:
        raise ValueError(
            "An initializer is None, the name of a Keras initializer, an array, or a dictionary of these per layer "
            f"and per weight. Received: {name!r}."
        ) from error
    config = initializer.get_config()
    return type(initializer).from_config({**config, "seed": seed} if "seed" in config else config)


def _from_array(array: Any, where: str) -> Initializer:
    def initializer(shape, dtype):
        value = np.asarray(array)
        if value.shape not in ((), tuple(shape)):
            raise ValueError(f"The weight {where} has the shape {tuple(shape)}. Received: an array {value.shape}.")
        return tf.cast(tf.broadcast_to(value, shape), dtype)

    return initializer
