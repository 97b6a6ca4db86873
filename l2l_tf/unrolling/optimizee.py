"""A problem's functions at a point of a run: its losses and their gradients, as rules need them."""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from l2l_tf.networks.network import Tensors
from l2l_tf.unrolling.run import Run


def check_parameters(parameters: Any) -> None:
    """Refuses what is no theta.

    Raises:
      ValueError: anything but floating-point tensors by name.
    """
    if isinstance(parameters, Mapping):
        is_tensor = {
            name: isinstance(name, str) and tf.is_tensor(value) and value.dtype.is_floating
            for name, value in parameters.items()
        }
        if is_tensor and all(is_tensor.values()):
            return
        received = str({name: _kind(value) for name, value in parameters.items()})
    else:
        received = _kind(parameters)
    raise ValueError(f"A problem's parameters are floating-point tensors by name. Received: {received}.")


def at_step(function: Callable[..., Any], run: Run) -> Any:
    """What one of a problem's functions gives at theta_t, on the minibatch of step t."""
    return function(run.parameters, run.instance, run.minibatch_seed)


def loss_at_step(loss: Callable[..., tf.Tensor], run: Run) -> tf.Tensor:
    """One of the problem's losses at theta_t, on the minibatch of step t.

    Raises:
      ValueError: it is not a floating-point scalar.
    """
    value = tf.convert_to_tensor(at_step(loss, run))
    if value.shape.rank or not value.dtype.is_floating:
        raise ValueError(f"A problem's loss is a floating-point scalar. Received: {_kind(value)}.")
    return value


def value_and_gradient(loss: Callable[..., tf.Tensor], run: Run) -> tuple[tf.Tensor, Tensors]:
    """One of the problem's losses at theta_t, on the minibatch of step t, and its gradient.

    Raises:
      ValueError: it is not a floating-point scalar.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(run.parameters)
        value = loss_at_step(loss, run)
    return value, dense(tape.gradient(value, run.parameters, unconnected_gradients=tf.UnconnectedGradients.ZERO))


def dense(gradients: Tensors) -> Tensors:
    """Gradients with those of rows alone, as `tf.gather` and embeddings leave them, written out."""
    return {name: tf.convert_to_tensor(gradient) for name, gradient in gradients.items()}


def _kind(value: Any) -> str:
    return f"{value.dtype.name} of shape {value.shape}" if tf.is_tensor(value) else type(value).__name__
