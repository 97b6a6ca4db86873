"""What LearnedOptimizer writes beside its variables in Keras's files, and whether what a file holds is its own.

Keras numbers an optimizer's variables: "0", "1", ... and takes a file to be an optimizer's own where their number is
right. Beside them stand here

    learned_<network>.<layer>.<weight>    the rule's weights
    rule                                  JSON as bytes: the networks' classes and options, the variables' shapes
    unused_<i>                            nothing: see `_num_unused`

The rule and the shapes are said since arrays of the same shapes need not mean the same: two rules differ by a scale or
a rate alone, and states that are kept in blocks, whose sizes are rounded up, have one shape for several models.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from l2l_tf.deployment import keras_serialization
from l2l_tf.networks.network import class_name
from l2l_tf.unrolling.coordinates import AssignedNetworks

Shape = tuple[int, ...]

_PHI = "learned_"
_RULE = "rule"
_UNUSED = "unused_"

# Where a rule's weights started, and when its clock stops: neither changes what weights and state mean.
_NOT_OF_THE_RULE = frozenset({"initializer", "seed", "trained_steps"})


def extra(network: AssignedNetworks, shapes: Sequence[Shape], num_variables: int) -> dict[str, np.ndarray]:
    """What is written beside an optimizer's `num_variables` variables: for model variables of these `shapes`."""
    entries = {_PHI + key: value for key, value in keras_serialization.flat_weights(network).items()}
    entries[_RULE] = np.frombuffer(json.dumps(_rule(network, shapes)).encode(), np.uint8)
    num_unused = _num_unused(num_variables + len(entries), len(shapes))
    return entries | {f"{_UNUSED}{i}": np.zeros((), np.uint8) for i in range(num_unused)}


def parts(store: Any) -> tuple[dict[str, Any], dict[str, Any], Any]:
    """The optimizer's variables by number, the rule's weights, and the rule (None in older files)."""
    entries = {key: store[key] for key in store.keys()}  # noqa: SIM118 (a store is no mapping)
    weights = {key.removeprefix(_PHI): value for key, value in entries.items() if key.startswith(_PHI)}
    rule = entries.pop(_RULE, None)
    variables = {k: v for k, v in entries.items() if not k.startswith((_PHI, _UNUSED))}
    return variables, weights, rule


def foreign(
    network: AssignedNetworks,
    shapes: Sequence[Shape],
    own: Sequence[Shape],
    variables: Mapping[str, Any],
    weights: Mapping[str, Any],
    rule: Any,
) -> str | None:
    """Why what `parts` found is not of this optimizer, whose variables have the shapes `own`; None where it is."""
    if variables.keys() != {str(i) for i in range(len(own))}:
        return "the file holds the variables of another optimizer"
    own_weights = {key: value.shape for key, value in keras_serialization.flat_weights(network).items()}
    if {key: _shape(value) for key, value in weights.items()} != own_weights:
        return "the file holds the weights of another rule" if weights else "the file holds another optimizer"
    if rule is None and not weights and len(own) < 3:
        return "the file does not say of which rule it is"  # The iterations and the rate of any optimizer, not built.
    if rule is not None:
        try:
            saved = json.loads(np.asarray(rule, np.uint8).tobytes())
            networks, saved_shapes = saved["networks"], saved["shapes"]
            same = _agree(networks, _rule(network, shapes)["networks"])
        except (ValueError, TypeError, KeyError, AttributeError):
            return "the file does not say of which rule it is"
        if not same:
            return "the file holds the state of another rule"
        if saved_shapes != [list(shape) for shape in shapes]:
            return "the file holds the state of variables of other shapes"
    if any(_shape(variables[str(i)]) != shape for i, shape in enumerate(own)):
        return "the file holds variables of other shapes"
    return None


def _rule(network: AssignedNetworks, shapes: Sequence[Shape]) -> dict[str, Any]:
    networks = {}
    for name, member in network.networks.items():
        options = {key: value for key, value in member.options.items() if key not in _NOT_OF_THE_RULE}
        networks[name] = {"net": class_name(member), "options": json.loads(json.dumps(options))}
    return {"networks": networks, "shapes": [list(shape) for shape in shapes]}


def _agree(saved: dict[str, Any], own: dict[str, Any]) -> bool:
    """Whether the networks are the same. An option that one of them does not say came with another version."""
    if saved.keys() != own.keys():
        return False
    for name, entry in own.items():
        theirs, ours = saved[name]["options"], entry["options"]
        if saved[name]["net"] != entry["net"] or any(theirs[key] != ours[key] for key in theirs.keys() & ours.keys()):
            return False
    return True


def _num_unused(num_entries: int, num_model_variables: int) -> int:
    """How many entries more make a number that no optimizer of Keras has, so that each of them leaves ours alone.

    They count entries: where the number is their own they look for those by name, or assign them, and raise. For V
    variables of the model they have k V + j of their own, j up to 3 (iterations, learning rate, Nadam's product) and k
    from none (SGD) to 5 (three slots, a moving average, an accumulator).
    """
    number = num_entries
    while number <= 5 * num_model_variables + 3 and (number - 1) % max(num_model_variables, 1) < 3:
        number += 1
    return number - num_entries


def _shape(value: Any) -> Shape:
    return tuple(np.shape(value))
