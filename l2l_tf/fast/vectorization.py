"""Whether a problem's functions take many parameters at once, and whether XLA may compile them.

Both are read from the graph of one member, traced once.
"""

import functools
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import tensorflow as tf

from l2l_tf.fast.arrays import bytes_of
from l2l_tf.unrolling import optimizee
from l2l_tf.unrolling.run import Run
from problems.problem import Problem

logger = logging.getLogger(__name__)

# XLA draws other floating-point numbers from a seed than TensorFlow does, and other integers from a negative seed.
_DRAWS = ("Random", "TruncatedNormal", "Multinomial")
_SAME_DRAWS = ("StatelessRandomUniformInt", "StatelessRandomUniformFullInt", "StatelessRandomGet")
_KEY = "StatelessRandomGetKeyCounter"
_NO_NEGATIVE = "BitwiseAnd"
_SLOW = ("Conv", "DepthwiseConv")  # XLA's for CPUs, and minutes to compile


class Way(NamedTuple):
    """How a problem's members may be taken along.

    Attributes:
      refusal: why not all at once; empty if they may.
      bytes: that the tensors of one member's losses and gradients take, all of them together.
    """

    refusal: str
    bytes: int

    @property
    def vectorises(self) -> bool:
        return not self.refusal


def _in_a_thread(find: Callable[..., Any], problem: Problem, functions: tuple[str, ...], specs: tuple, structure: Any):
    run = tf.nest.pack_sequence_as(structure.value, list(specs))
    # A thread of its own is no part of the graph that is traced; what fails there fails in use. Within tf.init_scope,
    # loops with gradients, as in recurrent networks of many steps, vectorise that elsewhere do not.
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(find, problem, functions, run).result()


@functools.lru_cache(maxsize=64)
def _known_way(*key: Any) -> Way:
    return _in_a_thread(_find_way, *key)


@functools.lru_cache(maxsize=64)
def _known_to_compile(*key: Any) -> bool:
    return _in_a_thread(_find_whether_it_compiles, *key)


class _Structure:
    """A nest as a key: alike where its structure is."""

    def __init__(self, value: Any):
        self.value = tf.nest.map_structure(lambda x: 0, value)
        self._text = repr(self.value)

    def __hash__(self):
        return hash(self._text)

    def __eq__(self, other):
        return isinstance(other, _Structure) and self._text == other._text


def way(problem: Problem, functions: tuple[str, ...], run: Run) -> Way:
    """How members that differ in their parameters may be taken along.

    Args:
      problem: what they minimise.
      functions: which of its losses they need, by name; `loss` with its gradient.
      run: of one of them; only shapes and types are read.
    """
    return _known_way(*_key(problem, functions, run))


@functools.lru_cache(maxsize=64)
def tell(problem: Problem, refusal: str) -> None:
    """Says, once for a problem, that members run one by one."""
    logger.warning(
        "Members of populations on the problem %r run one after the other, as it cannot be vectorised: %s.",
        problem.name,
        refusal,
    )


def compiles(problem: Problem, functions: tuple[str, ...], run: Run) -> bool:
    """Whether XLA may compile members that are taken along all at once, with the same draws; arguments as of `way`.

    XLA keeps what it was asked about until the process ends, about 1 MiB: ask where it would pay.
    """
    return _known_to_compile(*_key(problem, functions, run))


def _key(problem: Problem, functions: tuple[str, ...], run: Run) -> tuple[Any, ...]:
    seen = run._replace(seed=(), state=(), carried=(), minibatch=tf.TensorSpec([2], tf.int32))
    specs = tuple(tf.TensorSpec(x.shape, x.dtype) for x in tf.nest.flatten(seen))
    return problem, functions, specs, _Structure(seen)


def _losses(problem: Problem, functions: tuple[str, ...], run: Run) -> list[Any]:
    return [
        optimizee.value_and_gradient(problem.loss, run)
        if name == "loss"
        else optimizee.loss_at_step(getattr(problem, name), run)
        for name in functions
    ]


def _find_way(problem: Problem, functions: tuple[str, ...], run: Run) -> Way:
    def of_two(run, parameters):
        return tf.vectorized_map(
            lambda own: _losses(problem, functions, run._replace(parameters=own)),
            parameters,
            fallback_to_while_loop=False,
        )

    two = tf.nest.map_structure(lambda x: tf.TensorSpec([2, *x.shape], x.dtype), run.parameters)
    if reason := _refusal(lambda: tf.function(of_two, autograph=False).get_concrete_function(run, two)):
        return Way(reason, 0)
    return Way("", max(1, sum(map(_bytes, _graph(problem, functions, run).get_operations()))))


def _find_whether_it_compiles(problem: Problem, functions: tuple[str, ...], run: Run) -> bool:
    if not draws_alike(_graph(problem, functions, run)):
        return False

    def of_flat(*own):
        return _losses(problem, functions, tf.nest.pack_sequence_as(run, own))

    compiled = tf.function(of_flat, autograph=False, jit_compile=True)
    flat = tf.nest.flatten(run)
    return not _refusal(lambda: compiled.experimental_get_compiler_ir(*flat)(stage="hlo"))


def _graph(problem: Problem, functions: tuple[str, ...], run: Run) -> tf.Graph:
    of_one = tf.function(functools.partial(_losses, problem, functions), autograph=False)
    return of_one.get_concrete_function(run).graph


def _bytes(op: tf.Operation) -> int:
    """What the outputs of an operation take, of those whose shapes are known; data that is handed in is not its."""
    if op.type == "Placeholder":
        return 0
    return bytes_of([x for x in op.outputs if x.shape.is_fully_defined() and x.dtype.size])


def _refusal(attempt: Callable[[], Any]) -> str:
    """The first line of what `attempt` raises; empty if it does not."""
    tensorflow_logger = tf.get_logger()
    tensorflow_logger.addFilter(_nothing)  # It logs the stacks of the conversion, in a hundred lines and more.
    try:
        attempt()
    except Exception as error:  # Of whatever kind: the way that remains raises what is the problem's own fault.
        return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
    finally:
        tensorflow_logger.removeFilter(_nothing)
    return ""


def _nothing(record: logging.LogRecord) -> bool:
    del record
    return False


def draws_alike(graph: tf.Graph) -> bool:
    """Whether compiling a function keeps what it draws, and is not known to be slow."""
    for op in _all_ops(graph):
        kind = op.type
        if kind.startswith(_SLOW):
            return False
        if kind == _KEY:
            if op.inputs[0].op.type != _NO_NEGATIVE:
                return False
        elif any(word in kind for word in _DRAWS) and not kind.startswith(_SAME_DRAWS):
            return False
    return True


def _all_ops(graph: tf.Graph) -> list[tf.Operation]:
    """What the outputs of a function need: the rest is never computed. Functions within count as a whole."""
    waiting, live = [tensor.op for tensor in graph.outputs], {}
    while waiting:
        op = waiting.pop()
        if op.name not in live:
            live[op.name] = op
            waiting += [*(tensor.op for tensor in op.inputs), *op.control_inputs]
    inner = [graph._get_function(name) for name in graph._functions]
    return [*live.values(), *(op for function in inner for op in function.graph.get_operations())]
