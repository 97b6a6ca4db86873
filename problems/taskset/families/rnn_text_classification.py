"""Recurrent networks that classify texts."""

from typing import Any

import tensorflow as tf

from problems.taskset.data import tables
from problems.taskset.families.optimizee import cross_entropy
from problems.taskset.families.recurrent import Recurrent

READOUTS = {
    "last": lambda outputs: outputs[-1],
    "mean": lambda outputs: tf.reduce_mean(outputs, 0),
    "max": lambda outputs: tf.reduce_max(outputs, 0),
}


class RnnTextClassification(Recurrent):
    """Mean cross entropy of a text's label by the core's last output, their mean or their largest over time."""

    def __init__(self, config: dict[str, Any]):
        super().__init__(config, tables.num_classes(config["data"]))
        self._readout = READOUTS[config["readout"]]

    def loss(self, parameters, batch, noise):
        tokens, labels = batch
        read = self._readout(self._outputs(parameters, tokens))
        return cross_entropy(labels, read @ parameters["linear/w"] + parameters["linear/b"])
