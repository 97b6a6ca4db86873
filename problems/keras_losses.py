"""What `model.compile` takes as a loss, as one function of targets and outputs that means what it means there."""

import inspect
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras.src.trainers.compile_utils import CompileLoss


class _Outputs(list):
    """A model's outputs: a list that TensorFlow does not take for one tensor, as it does with lists of equal shapes."""

    def __tf_tensor__(self, dtype=None, name=None):
        raise TypeError(
            "This loss is given all outputs of the model, and took their list for one tensor. Take them one by one, or "
            "give a loss for each output, as loss=[f, f]."
        )


def loss_of_outputs(model, loss: Any, loss_weights: Any, y: Any, outputs: Any) -> Callable[[Any, Any], tf.Tensor]:
    """The scalar loss of targets and outputs.

    A name, an object of `keras.losses`, a list, a dictionary and weights mean what they mean in `compile`: with several
    outputs, the weighted sum of the losses of each, and where Keras masks outputs, the mean over what is not masked.
    A function of the user's own is given all of the targets and outputs, of which it makes one loss; in `compile` it
    would be given one output at a time.

    Args:
      model, loss, loss_weights: as for `compile`.
      y, outputs: an example of targets and outputs, for their structure.

    Raises:
      ValueError: a loss that does not fit the outputs.
    """
    several = tf.nest.is_nested(outputs)
    if _is_own(loss) and several:
        if loss_weights is not None:
            raise ValueError(
                "loss_weights go with a loss for each output, and one function of the user's own is given all outputs. "
                f"Received: loss_weights={loss_weights!r}."
            )
        return lambda y, outputs: tf.reduce_mean(loss(_one_by_one(y), _one_by_one(outputs)))
    masked = any(getattr(output, "_keras_mask", None) is not None for output in tf.nest.flatten(outputs))
    if not several and not tf.nest.is_nested(loss) and loss_weights is None and not masked:
        function = keras.losses.get(loss)
        return lambda y, outputs: tf.reduce_mean(function(y, outputs))
    names = getattr(model, "output_names", None)
    compiled = CompileLoss(loss, _weights(loss_weights), output_names=names)
    try:
        compiled(y, outputs)
    except Exception as error:  # Keras raises what it happens upon, KeyErrors too.
        raise ValueError(
            f"The loss does not fit the model's outputs, as compile would say: {type(error).__name__}: "
            f"{' '.join(str(error).split())} Received: loss={loss!r}, loss_weights={loss_weights!r}, outputs "
            f"{_structure(outputs)} and targets {_structure(y)}."
        ) from error

    def total(y, outputs):
        with keras.StatelessScope():  # It counts means of each loss, as `fit` shows them.
            return compiled(y, outputs)

    return total


def _is_own(loss: Any) -> bool:
    """Whether it is a function of the user's own, and none of Keras's."""
    if not callable(loss) or isinstance(loss, keras.losses.Loss) or inspect.isclass(loss):
        return False
    return not getattr(loss, "__module__", "").startswith("keras.")


def _one_by_one(outputs: Any) -> Any:
    return _Outputs(outputs) if isinstance(outputs, list | tuple) else outputs


def _weights(loss_weights: Any) -> Any:
    """Whole numbers as Keras takes them: it takes one weight for all only as a float."""
    return float(loss_weights) if isinstance(loss_weights, int) else loss_weights


def _structure(value: Any) -> str:
    return str(tf.nest.map_structure(lambda tensor: list(tensor.shape), value))
