"""The networks of an `AssignedNetworks`, each run in the way that suits it: `Native`, `NativeMLP`, `Blocked` or
`Whole`.

A part keeps the network's state, what the network saw and the cotangents of both in a form of its own, between
`enter` and `leave`. All kinds of part have the same methods.
"""

from l2l_tf.fast import native
from l2l_tf.fast.blocked import Blocked
from l2l_tf.fast.native.mlp_part import NativeMLP
from l2l_tf.fast.native.part import Native
from l2l_tf.fast.rules import rule_of
from l2l_tf.fast.whole import Whole
from l2l_tf.networks.network import Tensors
from l2l_tf.unrolling.coordinates import AssignedNetworks

Part = Native | NativeMLP | Blocked | Whole


def parts_of(
    network: AssignedNetworks,
    parameters: Tensors,
    rows_per_block: int,
    step_by_step: bool = False,
    in_native_code: bool = True,
) -> dict[str, Part]:
    """Name to part, of every network that updates some of `parameters`.

    Args:
      network, parameters: see `unroll`.
      rows_per_block: about how many rows (coordinates) go into one call.
      step_by_step: whether a replay asks for one step at a time, as with second derivatives.
      in_native_code: whether to take native code where there is some.
    """
    operations = native.operations() if in_native_code else None
    parts: dict[str, Part] = {}
    for name, owned in network.owned(parameters).items():
        member, own = network.networks[name], {key: parameters[key] for key in owned}
        rule = rule_of(member)
        if operations is not None and native.coordinate_mlp.has_way_back(member):
            parts[name] = NativeMLP(member, own, operations)
        elif rule is None:
            parts[name] = Whole(member, own)
        elif operations is None:
            parts[name] = Blocked(member, rule, own, rows_per_block)
        else:
            parts[name] = Native(member, rule, own, rows_per_block, operations, step_by_step)
    return parts
