"""Fresh, seeded draws of a Keras model's weights, whatever its layers call their initializers.

Keras keeps no record of what a weight was drawn by: its layers name the options as they like (`recurrent_initializer`
for `recurrent_kernel`), and a layer of the user's own may have none. So each layer is made a second time, from its own
`get_config` and `get_build_config`, as Keras does when it loads a model, within a scope in which new weights wait for
their values and hold on to their initializers.
"""

import collections
import contextlib
import inspect
import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend.common import global_state

# From shape, dtype and a seed `[2]` to the value of a weight.
Draw = Callable[[tf.TensorShape, tf.DType, tf.Tensor], tf.Tensor]
_OF_ANY_LAYER = ("name", "trainable", "dtype")


class _Weight(NamedTuple):
    """A weight of a layer that was made again: its name, shape, initializer, and value, where it has one."""

    name: str
    shape: tuple[int, ...]
    initializer: Callable | None
    value: np.ndarray | None


def random_weights(model) -> dict[str, Draw]:
    """From the path of each weight that Keras draws at random to a draw of it by a seed.

    Weights of frozen layers are left out, and those with constant initializers.

    Raises:
      ValueError: a layer has weights of which it cannot be told what they are drawn by, or that no seed reaches.
    """
    found: dict[str, Draw] = {}
    named = {name: known for layer in model._flatten_layers() for name, known in _own_objects(layer).items()}
    around = {id(inner): layer for layer in model._flatten_layers() for inner in layer._layers}
    for layer in model._flatten_layers():
        if layer.trainable and _own_variables(layer):
            with _leaving_no_trace(), keras.saving.CustomObjectScope(named):
                found |= _draws(layer, around)
    return found


def keras_seed(seed: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """A seed as the state of a Keras seed generator, which is not negative."""
    return tf.cast(tf.bitwise.bitwise_and(seed, tf.int32.max), dtype)


def _own_objects(layer) -> dict[str, Any]:
    """Classes and functions of the user's that a layer's configuration may name: its own, and its attributes'."""
    values = [
        value for value in vars(layer).values() if not getattr(type(value), "__module__", "").startswith("keras.")
    ]
    functions = {value.__name__: value for value in values if inspect.isfunction(value)}
    return functions | {type(value).__name__: type(value) for value in (layer, *values)}


def _own_variables(layer) -> list:
    """The variables of a layer, not those of layers inside of it."""
    return [*layer._trainable_variables, *layer._non_trainable_variables]


def _draws(layer, around: dict[int, Any]) -> dict[str, Draw]:
    variables = _own_variables(layer)
    try:
        copy, again = _made_again(layer, around)
    except Exception as error:  # Whatever a layer's constructor raises.
        return _by_attributes(layer, variables, error)
    known = [(variable.name, tuple(variable.shape)) for variable in variables]
    if [(weight.name, weight.shape) for weight in again] != known:
        return _by_attributes(layer, variables, None)
    found = {}
    for i, (variable, weight) in enumerate(zip(variables, again, strict=True)):
        if _takes_seed(weight.initializer):
            found[variable.path] = _seeded(weight.initializer)
        elif not _is_constant(weight.initializer):
            _, twice = _made_again(layer, around)
            if draw := _draw_of(layer, weight, twice[i], copy):
                found[variable.path] = draw
    return found


def _made_again(layer, around: dict[int, Any]) -> tuple[Any, list[_Weight]]:
    """A copy of the layer made from its configuration, and its own weights, in their order.

    A layer whose configuration holds too little, as that of Keras's ConvLSTMCell, may come with the one `around` it.
    """
    try:
        copy = _built(layer)
    except Exception:
        outer = around.get(id(layer))
        if outer is None:
            raise
        outer_copy, _ = _made_again(outer, around)
        copy = outer_copy._layers[[id(inner) for inner in outer._layers].index(id(layer))]
    return copy, [
        _Weight(v.name, tuple(v.shape), v._initializer, None if v._initializer else v.numpy())
        for v in _own_variables(copy)
    ]


def _built(layer) -> Any:
    try:
        return _built_within(keras.StatelessScope(initialize_variables=False), layer)
    except Exception as error:
        # A weight made from an array, `keras.Variable(values)`, cannot wait for its value.
        if "while in a stateless scope" not in str(error):
            raise
    return _built_within(contextlib.nullcontext(), layer)


def _built_within(scope, layer) -> Any:
    with scope:
        kind: Any = type(layer)
        copy = _from_config(kind, layer.get_config())
        if not copy.built and (config := layer.get_build_config()):
            copy.build_from_config(config)
    return copy


def _draw_of(layer, weight: _Weight, other: _Weight, copy) -> Draw | None:
    """A seeded draw of a weight that is an array or a function of shape and dtype; None if it is always the same.

    `other` is the weight in another build of the layer, and `copy` the layer that `weight` is of.
    """
    if weight.initializer is None or other.initializer is None:
        if weight.value is not None and other.value is not None and np.array_equal(weight.value, other.value):
            return None
        raise _unseeded(layer, weight.name)
    # It may be made of initializers, as the one of an LSTM's bias, where the forget gate's is set to 1.
    draw = _with_seeds(weight.initializer, copy)
    one, same, another = (np.asarray(draw(weight.shape, tf.float32, tf.constant([1, i]))) for i in (1, 1, 2))
    if np.array_equal(one, same) and not np.array_equal(one, another):
        return draw
    if np.array_equal(one, same) and np.array_equal(one, other.initializer(weight.shape, dtype="float32")):
        return None
    raise _unseeded(layer, weight.name)


def _from_config(kind: Any, config: dict[str, Any]) -> Any:
    """A layer of its configuration; what any layer has in it, as its name, may be missing among the constructor's."""
    parameters = inspect.signature(kind).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return kind.from_config(config)
    return kind.from_config({n: value for n, value in config.items() if n in parameters or n not in _OF_ANY_LAYER})


def _by_attributes(layer, variables: list, error: Exception | None) -> dict[str, Draw]:
    """The draws of a layer that cannot be made again: those by an attribute that is called as the weight is."""
    found = {}
    for variable in variables:
        initializer = getattr(layer, f"{variable.name}_initializer", None)
        if isinstance(initializer, keras.initializers.Initializer):
            if _takes_seed(initializer):
                found[variable.path] = _seeded(initializer)
            elif not _is_constant(initializer):
                raise _unseeded(layer, variable.name)
        elif np.ptp(variable.numpy()):  # Zeros or ones throughout are no draw.
            reason = "another one comes of its get_config()" if error is None else f"{type(error).__name__}: {error}"
            raise ValueError(
                f"The layer {layer.name!r} cannot be made again from its get_config(), so its weight {variable.name!r} "
                f"cannot be drawn afresh: {' '.join(reason.split())} Let get_config() hold what "
                f"{type(layer).__name__} takes, or start from the model's present weights, by redraw=False."
            ) from error
    return found


def _unseeded(layer, name: str) -> ValueError:
    return ValueError(
        f"The weight {name!r} of the layer {layer.name!r} is drawn in a way that no seed reaches, so the same command "
        "would start from other weights. Give it one of keras.initializers, or start every run from the model's "
        "present weights with redraw=False."
    )


def _takes_seed(initializer: Any) -> bool:
    return isinstance(initializer, keras.initializers.Initializer) and "seed" in initializer.get_config()


def _is_constant(initializer: Any) -> bool:
    """Whether it is one of Keras's own without a seed: zeros, ones, a constant, the identity."""
    return isinstance(initializer, keras.initializers.Initializer) and type(initializer).__module__.startswith("keras.")


def _seeded(initializer) -> Draw:
    generator = keras.random.SeedGenerator(0)
    return _drawing(type(initializer).from_config(initializer.get_config() | {"seed": generator}), generator)


def _with_seeds(function: Callable, layer) -> Draw:
    """A function whose initializers, which are the layer's attributes or in its own closure, draw by the seed."""
    generator = keras.random.SeedGenerator(0)
    cells = [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]
    for initializer in [function, *cells, *vars(layer).values()]:
        if _takes_seed(initializer) and hasattr(initializer, "seed"):
            initializer.seed = generator
    return _drawing(function, generator)


def _drawing(initializer: Callable, generator) -> Draw:
    def draw(shape, dtype, seed):
        state = keras_seed(seed, generator.state.value.dtype)
        with keras.StatelessScope(state_mapping=[(generator.state, state)]):
            return initializer(tuple(shape), dtype=dtype.name)

    return draw


@contextlib.contextmanager
def _leaving_no_trace() -> Iterator[None]:
    """Keeps the numbers in the names of Keras's layers, and Python's and NumPy's generators, as they are.

    Keras would also give values to the weights of the copies, when a scope ends next.
    """
    names = global_state.get_global_attribute("object_name_uids")
    kept = None if names is None else dict(names)
    waiting = list(global_state.get_global_attribute("uninitialized_variables") or [])
    python_state, numpy_state = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
        global_state.set_global_attribute("uninitialized_variables", waiting)
        counts = None if kept is None else collections.defaultdict(int, kept)
        global_state.set_global_attribute("object_name_uids", counts)
