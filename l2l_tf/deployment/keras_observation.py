"""What the networks of a LearnedOptimizer see of a training in Keras: gradients, parameters, the step, the length."""

import math
from collections.abc import Collection, Mapping
from typing import Any

import tensorflow as tf

from l2l_tf.deployment.annealing import Annealing
from l2l_tf.networks import Observation
from l2l_tf.unrolling.coordinates import AssignedNetworks

_OBSERVED = frozenset({"gradients", "parameters", "step", "length"})


def check(network: AssignedNetworks) -> None:
    """Checks that no network observes what Keras does not tell.

    Raises:
      ValueError: one does.
    """
    for name, member in network.networks.items():
        if unseen := sorted(member.observes - _OBSERVED):
            raise ValueError(
                f"Keras tells an optimizer the gradients, the parameters and the step, not the {', '.join(unseen)}, "
                f"which the network {name!r} observes. Use it through l2l_tf.MetaOptimizer. "
                f"Received: {type(member).__name__}."
            )


def observation(
    observes: Collection[str],
    parameters: Mapping[str, tf.TensorSpec],
    values: Mapping[str, Any],
    gradients: Mapping[str, tf.Tensor],
    iterations: Any,
    annealing: Annealing,
) -> Observation:
    """What the networks see. A gradient that is not given is NaN, of which a network learns nothing.

    Args:
      observes: what they observe.
      parameters: shapes, and types that are computed in, of all variables.
      values: the variables.
      gradients: those that are given.
      iterations: number of the update.
      annealing: knows the length of the run.
    """
    seen = Observation(
        {
            name: gradients[name] if name in gradients else tf.fill(p.shape, tf.constant(math.nan, p.dtype))
            for name, p in parameters.items()
        }
    )
    if "parameters" in observes:
        seen = seen._replace(
            parameters={name: tf.cast(tf.convert_to_tensor(v), parameters[name].dtype) for name, v in values.items()}
        )
    if "step" in observes:
        seen = seen._replace(step=tf.cast(iterations, tf.float32))
    if "length" in observes:
        seen = seen._replace(length=annealing.length)
    return seen
