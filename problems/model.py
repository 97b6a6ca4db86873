"""A model on data held in memory, whatever library the model is of."""

from typing import Any

import tensorflow as tf

from problems.problem import Parameters, Problem, draw_rows, split_seed


class ModelProblem(Problem):
    """A model on data that is held in memory; what `from_keras` and `from_sonnet` make.

    Args:
      draw: from a seed to theta_0.
      forward: from parameters, inputs, targets, a seed and whether the model trains, to the scalar loss.
      dataset, validation_dataset, batch_size, name: as in `from_keras`.

    Raises:
      ValueError: a batch size below 1, or what `in_memory` refuses.
    """

    def __init__(self, draw, forward, dataset, validation_dataset, /, batch_size, name):
        self.name = name
        self.options = {}
        self._draw = draw
        self._forward = forward
        self._data = in_memory(dataset)
        self._batch_size = batch_size
        self._validation_data: tuple[Any, Any] = ((), ())
        if validation_dataset is not None:
            self._validation_data = in_memory(validation_dataset)
            self.held_out_splits = ("validation",)

    def initial_parameters(self, instance, seed) -> Parameters:
        return self._draw(seed)

    def loss(self, parameters, instance, seed):
        return self._minibatch_loss(parameters, self._data, seed, training=True)

    def validation_loss(self, parameters, instance, seed):
        if not self.held_out_splits:
            return super().validation_loss(parameters, instance, seed)
        return self._minibatch_loss(parameters, self._validation_data, seed, training=False)

    def held_out_loss(self, parameters, instance, split):
        if split not in self.held_out_splits:
            return super().held_out_loss(parameters, instance, split)
        x, y = self._validation_data
        return self._forward(parameters, x, y, tf.constant([0, 0]), False)

    def _minibatch_loss(self, parameters, data, seed, training):
        rows_seed, model_seed = split_seed(seed, 2)
        num_rows = tf.nest.flatten(data)[0].shape[0]
        rows = draw_rows(rows_seed, self._batch_size, num_rows)
        x, y = tf.nest.map_structure(lambda array: tf.gather(array, rows), data)
        return self._forward(parameters, x, y, model_seed, training)


def in_memory(dataset) -> tuple[Any, Any]:
    """`(x, y)` as tensors, of arrays or of a finite `tf.data.Dataset` of batches.

    Raises:
      ValueError: the dataset is infinite or empty, or not of pairs.
    """
    if isinstance(dataset, tf.data.Dataset):
        if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
            raise ValueError("The dataset is read into memory, so it must be finite. Received: an infinite one.")
        batches = list(dataset)
        dataset = tf.nest.map_structure(lambda *parts: tf.concat(parts, 0), *batches) if batches else ()
    if not isinstance(dataset, tuple | list) or len(dataset) != 2:
        raise ValueError(
            "A dataset is a pair of arrays (x, y), or a tf.data.Dataset of batches of them, not empty. "
            f"Received: {type(dataset).__name__} of {len(dataset) if hasattr(dataset, '__len__') else '?'}."
        )
    x, y = tf.nest.map_structure(tf.convert_to_tensor, tuple(dataset))
    counts = {array.shape[0] if array.shape.rank else 0 for array in tf.nest.flatten((x, y))}
    if len(counts) != 1 or 0 in counts:
        raise ValueError(f"x and y need the same number of rows, at least 1. Received: {sorted(counts)}.")
    return x, y
