"""One step of a network on parameters, with its state as a flat list of tensors between steps.

All kinds of application have the same members:

    names                           of the parameters it updates
    initial_state()                 -> a name for checkpoints and h_0, tensor by tensor
    __call__(observation, state)    -> updates, next state

A coordinate whose gradient is not usable (`dtypes.is_usable`) gets the update 0 and keeps its state. So does one that
has had no gradient but 0 since the beginning (`waiting.awake`): its first gradient that is not 0 is its first step.
What several coordinates share (a step count, the row of a convolution kernel) is said at each kind.
"""

from collections.abc import Mapping

import tensorflow as tf

from l2l_tf.deployment.in_blocks import Blocks
from l2l_tf.deployment.in_one_operation import InOneOperation
from l2l_tf.deployment.whole import Whole
from l2l_tf.fast import native
from l2l_tf.fast.rules import Preprocessed, rule_of
from l2l_tf.unrolling.coordinates import AssignedNetworks

STATE_DTYPES = ("float32", "bfloat16")

Application = Blocks | InOneOperation | Whole


def applications(
    network: AssignedNetworks, parameters: Mapping[str, tf.TensorSpec], state_dtype: str = "float32"
) -> dict[str, Application]:
    """Name to application, of every network that updates some of `parameters` (their shapes and types).

    Raises:
      ValueError: the assignments do not fit the parameters, or a network does not take its parameters.
    """
    operations = native.operations()
    made: dict[str, Application] = {}
    for name, owned in network.owned(parameters).items():
        member, own = network.networks[name], {key: parameters[key] for key in owned}
        rule = rule_of(member)
        if rule is not None:
            made[name] = Blocks(member, rule, own, state_dtype, operations)
        # Native code tells by the next slots who waits, and a decay of 0 leaves none.
        elif operations is not None and native.coordinate_mlp.applies(member) and all(member.options["decays"]):
            made[name] = InOneOperation(member, own, operations)
        else:
            made[name] = Whole(member, own)
    return made


def check_state_dtype(network: AssignedNetworks, state_dtype: str) -> None:
    """Raises a ValueError where a network's state is not kept in `state_dtype`."""
    for name, member in network.networks.items():
        if state_dtype == "bfloat16" and not isinstance(rule_of(member), Preprocessed):
            raise ValueError(
                f"state_dtype={state_dtype!r} is for the deep LSTMs in float32, whose cells forget; running averages "
                f"and counts need float32. Received: the network {name!r}, {type(member).__name__}."
            )
