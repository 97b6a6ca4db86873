"""Where a step runs: in what XLA compiles, and over variables of one device, or not."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tensorflow.python.ops import control_flow_util
from tensorflow.python.ops.resource_variable_ops import BaseResourceVariable


def in_xla() -> bool:
    """Whether what is traced now is compiled by XLA, which has no operations of our own."""
    return control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())


def are_local(variables: Sequence[Any]) -> bool:
    return not in_xla() and all(isinstance(variable, BaseResourceVariable) for variable in variables)
