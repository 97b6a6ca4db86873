"""A problem's functions at a point of a run: its losses and their gradients, as rules need them."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import tensorflow as tf

from l2l_tf.networks.network import Tensors
from l2l_tf.unrolling.run import Run
from problems import calling, randomness, user_code
from problems.problem import Problem

_MOST_AXES = 7


def check_parameters(parameters: Any, where: str = "") -> None:
    """Refuses what is no theta; `where` ends the error.

    Raises:
      ValueError: anything but floating-point tensors by name, of at most 7 axes.
    """
    if isinstance(parameters, Mapping):
        is_tensor = {
            name: isinstance(name, str) and tf.is_tensor(value) and value.dtype.is_floating
            for name, value in parameters.items()
        }
        if is_tensor and all(is_tensor.values()):
            if high := [name for name, value in parameters.items() if (value.shape.rank or 0) > _MOST_AXES]:
                raise ValueError(
                    f"A problem's parameters have at most {_MOST_AXES} axes, as TensorFlow slices no records of more: "
                    f"reshape in the loss. Received: {high[0]!r} of shape {parameters[high[0]].shape}.{where}"
                )
            return
        received = str({name: _kind(value) for name, value in parameters.items()})
    else:
        received = _kind(parameters)
    raise ValueError(f"A problem's parameters are floating-point tensors by name. Received: {received}.{where}")


def drawn(problem: Problem, seed: tf.Tensor) -> Any:
    """A function f of the problem's.

    Raises:
      ValueError: what `sample` gives is no nest of tensors.
      UserCodeError: see `problems.calling.call`.
    """
    instance = calling.call(problem.sample, seed)
    for leaf in tf.nest.flatten(instance):
        try:
            if leaf is not None and not isinstance(leaf, tf.__internal__.CompositeTensor):
                tf.convert_to_tensor(leaf)
        except (TypeError, ValueError) as error:
            raise ValueError(
                "A problem's sample is tensors, or lists, tuples and dictionaries of them. "
                f"Received: {_kind(leaf)}.{calling.seen_at(problem.sample)}"
            ) from error
    return instance


def first_parameters(problem: Problem, instance: Any, seed: tf.Tensor) -> Tensors:
    """theta_0 for a function f.

    Raises:
      ValueError: see `check_parameters`.
      UserCodeError: see `problems.calling.call`.
    """
    parameters = calling.call(problem.initial_parameters, instance, seed)
    check_parameters(parameters, calling.seen_at(problem.initial_parameters))
    return parameters


def at_step(function: Callable[..., Any], run: Run) -> Any:
    """What one of a problem's functions gives at theta_t, on the minibatch of step t.

    Raises:
      UserCodeError: see `problems.calling.call`.
    """
    return calling.call(function, run.parameters, run.instance, run.minibatch_seed)


def loss_at_step(loss: Callable[..., tf.Tensor], run: Run) -> tf.Tensor:
    """One of the problem's losses at theta_t, on the minibatch of step t.

    Raises:
      ValueError: it is not a floating-point scalar.
    """
    value = at_step(loss, run)
    try:
        converted = tf.convert_to_tensor(value)
    except (TypeError, ValueError):
        converted = None
    if converted is not None and converted.shape.rank is None:  # As tf.py_function leaves it.
        converted = tf.ensure_shape(converted, [])
    if converted is None or converted.shape.rank or not converted.dtype.is_floating:
        received = _kind(value if converted is None else converted)
        raise ValueError(f"A problem's loss is a floating-point scalar. Received: {received}.{calling.seen_at(loss)}")
    return converted


def value_and_gradient(loss: Callable[..., tf.Tensor], run: Run) -> tuple[tf.Tensor, Tensors]:
    """One of the problem's losses at theta_t, on the minibatch of step t, and its gradient.

    Raises:
      ValueError: it is not a floating-point scalar.
      UserCodeError: an operation of it has no gradient; and see `at_step`.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(run.parameters)
        value = loss_at_step(loss, run)
    with differentiable(loss):
        gradients = tape.gradient(value, run.parameters, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    # As tf.py_function leaves them, gradients may have lost their shapes.
    return value, {
        name: gradient if gradient.shape.rank is not None else tf.ensure_shape(gradient, run.parameters[name].shape)
        for name, gradient in dense(gradients).items()
    }


@contextlib.contextmanager
def differentiable(loss: Callable[..., Any]) -> Iterator[None]:
    """Names the loss, and the line, where the body finds that one of its operations has no gradient.

    Raises:
      UserCodeError: from TensorFlow's LookupError.
    """
    try:
        yield
    except LookupError as error:
        kind = str(error).rpartition(" ")[2]
        place = None
        if not tf.executing_eagerly():
            operations = tf.compat.v1.get_default_graph().get_operations()
            places = (randomness.place_of(operation) for operation in operations if operation.type == kind)
            place = next(filter(None, places), None)
        raise user_code.UserCodeError(
            f"{calling.title(loss)} has no gradient that TensorFlow knows: {error}"
            f"{f', at {place}' if place else ''}. Use another operation there, or tf.custom_gradient."
        ) from error


def dense(gradients: Tensors) -> Tensors:
    """Gradients with those of rows alone, as `tf.gather` and embeddings leave them, written out."""
    return {name: tf.convert_to_tensor(gradient) for name, gradient in gradients.items()}


def _kind(value: Any) -> str:
    return f"{value.dtype.name} of shape {value.shape}" if tf.is_tensor(value) else type(value).__name__
