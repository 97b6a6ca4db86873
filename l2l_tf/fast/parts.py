"""The networks of an `AssignedNetworks`, each run in the way that suits it: `Blocked` or `Whole`.

A part keeps the network's state, what the network saw and the cotangents of both in a form of its own, between
`enter` and `leave`. Both kinds of part have the same methods.
"""

from l2l_tf.coordinates import AssignedNetworks
from l2l_tf.fast.blocked import Blocked
from l2l_tf.fast.rules import rule_of
from l2l_tf.fast.whole import Whole
from l2l_tf.networks.network import Tensors

Part = Blocked | Whole


def parts_of(network: AssignedNetworks, parameters: Tensors, rows_per_block: int) -> dict[str, Part]:
    """Name to part, of every network that updates some of `parameters`."""
    parts: dict[str, Part] = {}
    for name, owned in network.owned(parameters).items():
        member, own = network.networks[name], {key: parameters[key] for key in owned}
        rule = rule_of(member)
        parts[name] = Whole(member, own) if rule is None else Blocked(member, rule, own, rows_per_block)
    return parts
