"""Initial weights of the learned networks: by name, array or initializer, one for all or one a layer and weight."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

Initializer = Callable[[Any, tf.DType], tf.Tensor]
WHAT = (
    "An initializer is None, the name of a Keras initializer, an initializer, a number or array, or a dictionary or "
    "list of these per layer, or a dictionary per weight"
)


class WeightInitializers:
    """Finds the initializer of each weight of each layer.

    Args:
      spec: None (truncated normal of standard deviation 1/sqrt(fan-in) for matrices, 0 for biases), the name of
        a Keras initializer ("zeros", "truncated_normal"), an initializer of Keras, Sonnet or TensorFlow, or a number or
        array; or a dictionary from weight to any of these, in which names that a layer does not have are passed over;
        or, one a layer, a dictionary from layer to any of all these, or a list of them in the order of the layers. What
        is no layer in a dictionary is for the weights of the layers that are not named.
      seed: of the initializers by name; equal seeds give equal weights, and every weight draws its own.
      layers: layer name to its weight names, to check `spec` against.

    Raises:
      ValueError: an unknown initializer, layer or weight, or an array of the wrong shape.
    """

    def __init__(self, spec: Any, seed: int, layers: Mapping[str, tuple[str, ...]]):
        self._seeds = np.random.SeedSequence(seed)
        weights = {weight for of_layer in layers.values() for weight in of_layer}
        if _is_one_a_layer(spec):
            if len(spec) != len(layers):
                raise ValueError(f"{WHAT}. The layers are {list(layers)}. Received: a list of {len(spec)}.")
            spec = dict(zip(layers, spec))
        self._spec = spec
        _check(spec, weights, layers)

    def get(self, layer: str, weight: str, fan_in: int) -> Initializer:
        """The initializer of `layer`'s `weight`, which reads `fan_in` inputs."""
        spec = self._spec
        if isinstance(spec, Mapping) and layer in spec:
            spec = spec[layer]
        if isinstance(spec, Mapping):
            spec = spec.get(weight)
        seed = int(self._seeds.spawn(1)[0].generate_state(1)[0] >> 1)
        if spec is None:
            if weight.startswith("b"):
                return _from_keras("zeros", seed)
            return keras.initializers.TruncatedNormal(stddev=1 / math.sqrt(fan_in), seed=seed)
        if isinstance(spec, str):
            return _called(_from_keras(spec, seed), f"{layer}/{weight}", spec)
        if callable(spec):
            return _called(spec, f"{layer}/{weight}")
        return _from_array(spec, f"{layer}/{weight}")


def where_unsaid(spec: Any, layers: Mapping[str, Mapping[str, Any]]) -> Any:
    """`spec`, and where it says nothing of a weight of `layers`, what these say; a name or number says all."""
    if not isinstance(spec, Mapping | None):
        return spec
    for_all = {key: value for key, value in (spec or {}).items() if key in ("w", "b")}
    return {layer: {**own, **for_all} for layer, own in layers.items()} | dict(spec or {})


def json_able(spec: Any) -> Any:
    """`spec` without arrays and initializers: what a saved optimizer keeps of it, whose weights are beside it."""
    return list(map(_json_able, spec)) if _is_one_a_layer(spec) else _json_able(spec)


def _json_able(spec: Any) -> Any:
    if isinstance(spec, Mapping):
        return {key: _json_able(value) for key, value in spec.items()}
    if isinstance(spec, np.generic):
        return spec.item()
    return spec if isinstance(spec, (str, int, float, type(None))) else "zeros"


def _is_one_a_layer(spec: Any) -> bool:
    """Whether it is a list of initializers, rather than of numbers."""
    return isinstance(spec, list | tuple) and any(
        each is None or isinstance(each, str | Mapping) or callable(each) or np.ndim(each) for each in spec
    )


def _check(spec: Any, weights: Collection[str], layers: Collection[str] = ()) -> None:
    if isinstance(spec, Mapping):
        known = {*weights, *layers}
        if unknown := [key for key in spec if key not in known]:
            raise ValueError(f"An initializer's dictionary names {sorted(known)}. Received: {unknown}.")
        for key, value in spec.items():
            if isinstance(value, Mapping) and key not in layers:
                raise ValueError(f"{WHAT}. Received: {value!r} for the weight {key!r}.")
            _check(value, weights)
        return
    if spec is None or callable(spec):
        return
    if isinstance(spec, str):
        _from_keras(spec, 0)
        return
    try:
        array = np.asarray(spec)
        if array.dtype.kind not in "fiu":
            raise TypeError("no numbers")
        array = array.astype(np.float64)
    except (OverflowError, TypeError, ValueError):
        raise ValueError(f"{WHAT}. Received: {spec!r}.") from None
    if isinstance(spec, bool | np.bool_) or not np.all(np.abs(array) < 1e15):
        raise ValueError(f"Initial weights are finite, and below 1e15. Received: {spec!r}.")


def _from_keras(name: str, seed: int) -> Initializer:
    try:
        initializer = keras.initializers.get(name)
        if type(initializer) is keras.initializers.Initializer:
            raise ValueError("the abstract class")
        config = initializer.get_config()
        return type(initializer).from_config({**config, "seed": seed} if "seed" in config else config)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{WHAT}. Received: {name!r}.") from error


def _called(function: Callable, where: str, named: str | None = None) -> Initializer:
    def initializer(shape, dtype):
        dtype = tf.as_dtype(dtype)
        try:
            value = tf.convert_to_tensor(function(tuple(shape), dtype=dtype))
        except Exception as error:
            raise ValueError(
                f"The initializer of {where} fails for shape {tuple(shape)}: {error} Received: {named or function!r}."
            ) from error
        return _shaped(value, shape, dtype, where)

    return initializer


def _from_array(array: Any, where: str) -> Initializer:
    return lambda shape, dtype: _shaped(np.asarray(array), shape, dtype, where)


def _shaped(value: Any, shape: Sequence[int], dtype: tf.DType, where: str) -> tf.Tensor:
    if tuple(value.shape) not in ((), tuple(shape)):
        raise ValueError(f"The weight {where} has the shape {tuple(shape)}. Received: an array {tuple(value.shape)}.")
    return tf.cast(tf.broadcast_to(value, shape), dtype)
