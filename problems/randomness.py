"""Random numbers that our seeds do not reach: found in what was traced and refused, or drawn from a seed after all.

An operation like `tf.random.normal` keeps a state of its own: the same command gives other numbers, and whoever goes
over a step a second time, as second derivatives do, sees another draw than the first time.
"""

import contextlib
import functools
import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import op_def_registry
from tensorflow.python.ops import gen_random_ops

from problems.user_code import Place, UserCodeError, innermost

_ADVICE = (
    "The same command would give other results. Draw by tf.random.stateless_* or tf.nn.experimental.stateless_dropout "
    "from the seed that the function is given, or, in a Keras layer, by keras.random with a "
    "keras.random.SeedGenerator that is an attribute of the layer."
)
_KERAS_STATE = "seed_generator_state"


@contextlib.contextmanager
def refused(what: str, where: str = "") -> Iterator[None]:
    """Refuses what the body traces if it draws random numbers that no seed of ours reaches.

    Found are TensorFlow's operations with a random state, in the functions, loops and branches inside too, Keras's
    generators whose state is not handed in, and draws of Python's and NumPy's global generators, which tracing would
    freeze.

    Args:
      what: is traced, for the error.
      where: it stands, as a sentence to end the errors that know no line.

    Raises:
      UserCodeError: with the name of the operation and the line it is from.
    """
    graph = None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()
    begin = len(graph.get_operations()) if graph else 0
    read = set(_keras_states(graph))
    python_state, numpy_state = random.getstate(), _numpy_state()
    yield
    # First, as Keras draws its seeds from Python's generator.
    if set(_keras_states(graph)) - read:
        raise UserCodeError(
            f"{what} draws random numbers that no seed of ours reaches, by keras.random or a layer with a generator "
            f"that is not the model's own. {_ADVICE}{where}"
        )
    if random.getstate() != python_state or _numpy_state() != numpy_state:
        raise UserCodeError(
            f"{what} draws from the global generator of Python's random or of NumPy, once, while it is traced, and no "
            f"seed of ours reaches that. {_ADVICE}{where}"
        )
    if graph is None:
        return
    for operation in graph.get_operations()[begin:]:
        if kind := _unseeded(operation.type, operation.get_attr, graph):
            at = place_of(operation)
            raise UserCodeError(
                f"{what} draws random numbers that no seed of ours reaches, by the operation {kind}"
                f"{f' at {at}' if at else ''}. {_ADVICE}{'' if at else where}"
            )


def place_of(operation: tf.Operation) -> Place | None:
    """The user's line that made an operation."""
    return innermost((Place(frame.filename, frame.lineno) for frame in operation.traceback or ()), within_ours=True)


def _keras_states(graph: Any) -> Iterator[int]:
    for variable in getattr(graph, "_watched_variables", ()):
        if _KERAS_STATE in variable.name:
            yield id(variable)


def _numpy_state() -> tuple:
    name, keys, *rest = np.random.get_state()
    return (name, np.asarray(keys).tobytes(), *rest)


def _unseeded(kind: str, attribute: Callable[[str], Any], graph: tf.Graph, seen: set[str] | None = None) -> str | None:
    """The random operation that an operation is, or that a function, loop or branch has inside."""
    seen = set() if seen is None else seen
    definition = op_def_registry.get(kind)
    if definition is None:
        return None
    if _is_random(kind, definition, attribute):
        return kind
    for of in definition.attr:
        if of.type not in ("func", "list(func)"):
            continue
        given = attribute(of.name)
        for function in given if of.type == "list(func)" else [given]:
            name = getattr(function, "name", function)
            if not isinstance(name, str) or name in seen:
                continue
            seen.add(name)
            if found := _unseeded_in(graph._get_function(name), graph, seen):
                return found
    return None


def _unseeded_in(function: Any, graph: tf.Graph, seen: set[str]) -> str | None:
    if function is None:
        return None
    for node in function.cached_definition.node_def:
        if found := _unseeded(node.op, functools.partial(_of_node, node), graph, seen):
            return found
    return None


def _of_node(node: Any, name: str) -> Any:
    value = node.attr[name]
    kind = value.WhichOneof("value")
    if kind == "list":
        return list(value.list.func)
    return getattr(value, kind) if kind else None


def _is_random(kind: str, definition: Any, attribute: Callable[[str], Any]) -> bool:
    names = {of.name for of in definition.attr}
    if kind.startswith("Cudnn"):  # Recurrent layers on a GPU: random where they drop out.
        return "dropout" in names and bool(attribute("dropout"))
    if kind.startswith("Fractional"):  # Pooling in random regions; TensorFlow does not count it as stateful.
        return "deterministic" in names and not attribute("deterministic")
    if not definition.is_stateful or kind == "StatefulPartitionedCall":
        return False
    return bool(names & {"seed", "seed2"}) or kind.startswith(("Rng", "Stateful", "NonDeterministic", "Random"))


@contextlib.contextmanager
def seeded(seed: tf.Tensor) -> Iterator[None]:
    """Lets TensorFlow's random operations with a state draw from `seed` instead, for code that takes no seed.

    That is what `tf.random.normal`, `uniform`, `truncated_normal`, `shuffle` and `categorical` are made of, and with
    them `tf.nn.dropout` and `snt.Dropout`. Each draws from a seed of its own, by its place in the program; one inside
    a `tf.function`, a loop or a branch is left as it is, as it would draw the same at every call.

    TensorFlow is changed for the time of the body, and for this thread alone: bodies go one after the other.

    Args:
      seed: `[2]`.
    """
    thread, count = threading.get_ident(), 0

    def here() -> Any:
        return None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()

    home = here()

    def instead(original, stateless):
        @functools.wraps(original)
        def operation(*arguments, seed=0, seed2=0, name=None, **options):
            nonlocal count
            if threading.get_ident() != thread or here() is not home:
                return original(*arguments, seed=seed, seed2=seed2, name=name, **options)
            count += 1
            return stateless(*arguments, own(count), **options)

        return operation

    def own(number: int) -> tf.Tensor:
        return tf.random.fold_in(tf.bitwise.bitwise_and(seed, tf.int32.max), number)

    with _LOCK:
        originals = {name: getattr(gen_random_ops, name) for name in _STATELESS}
        try:
            for name, stateless in _STATELESS.items():
                setattr(gen_random_ops, name, instead(originals[name], stateless))
            yield
        finally:
            for name, original in originals.items():
                setattr(gen_random_ops, name, original)


def _categorical(logits, num_samples, seed, output_dtype=tf.int64):
    return tf.random.stateless_categorical(logits, num_samples, seed, output_dtype)


def _shuffle(value, seed):
    # By rows, as the operation itself has no gradient.
    rows = tf.range(tf.shape(value)[0])
    return tf.gather(value, tf.random.experimental.stateless_shuffle(rows, seed))


_LOCK = threading.RLock()
_STATELESS: dict[str, Callable] = {
    "random_uniform": lambda shape, dtype, seed: tf.random.stateless_uniform(shape, seed, dtype=dtype),
    "random_uniform_int": lambda shape, low, high, seed: tf.random.stateless_uniform(
        shape, seed, low, high, tf.convert_to_tensor(low).dtype
    ),
    "random_standard_normal": lambda shape, dtype, seed: tf.random.stateless_normal(shape, seed, dtype=dtype),
    "truncated_normal": lambda shape, dtype, seed: tf.random.stateless_truncated_normal(shape, seed, dtype=dtype),
    "random_shuffle": _shuffle,
    "multinomial": _categorical,
}
