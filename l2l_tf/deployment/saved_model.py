"""A trained optimizer as a SavedModel, which loads where neither this package nor Sonnet is installed.

The state is a flat list of tensors, and parameters of any shapes are flattened and put below one another. An update
works on any number of coordinates, or, for rules that see tensors, on those of the shapes it was exported for.
docs/use/export.md has the loops.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from l2l_tf.deployment import export_folder, waiting, whole
from l2l_tf.fast.rules import updates_rows
from l2l_tf.networks.dtypes import is_usable
from l2l_tf.networks.lstm import DeepLSTM
from l2l_tf.networks.network import Network, Observation
from l2l_tf.pretrained import sources
from l2l_tf.saving import provenance

FORMAT_VERSION = 1
Shapes = Mapping[str, Sequence[int]]
_ROWS = object()  # The place of states with a row for each coordinate.
_OBSERVED = {"parameters": [None], "loss": [], "step": [], "validation_loss": []}


def export_saved_model(source: sources.Source, path: str | Path, shapes: Shapes | None = None) -> None:
    """Writes the optimizer `source` to the folder `path`; several networks go to `path/<network>` each.

    What `tf.saved_model.load(path)` gives, for n coordinates:

        initial_state(n)             h_0, a list of tensors
        update(gradients, state)     the updates u_t, shaped as the gradients, and h_{t+1}
        metadata()                   JSON: networks and options, what the state is, what it was trained on

    and the signatures "initial_state" (num_coordinates -> state_0, state_1, ...) and "update" (gradients, state_0, ...
    -> updates, next_state_0, ...). Gradients are float32 `[n]`. For networks that see rows (KernelDeepLSTM: kernels
    `[h, w, in, out]` as `[in * out, h * w]`; StandardDeepLSTM: vectors), n counts rows and gradients are `[n, size]`.
    Rules that observe more than gradients take it after the state, in the order that metadata()["observes"] says.
    PerParameterMLP takes the coordinates of a call as one tensor's: call it for each tensor, or give `shapes`.

    A coordinate (a row) whose gradient is NaN, infinite or beyond 1e15 gets the update 0 and keeps its rows of the
    state; what coordinates share goes on as if the gradient were 0. So does one whose gradient was 0 in every step
    so far.

    The folder is written beside `path` and moved there once it is complete. An export that stood there is replaced.

    Args:
      source: a name of `l2l_tf.pretrained.names()`, the folder of a saved optimizer, or a Network.
      path: the folder to write.
      shapes: of the parameters by name, in the order in which a call has their coordinates. The SavedModel is then
        for these alone. Networks that see shapes (AdafactorMLP, HierarchicalLSTM) need them; of several networks,
        each takes its own parameters.

    Raises:
      ValueError: an unknown source, a network that groups coordinates by functions, or by tensors without `shapes`, or
        something else than an export at `path`.
    """
    networks, trained_on = sources.resolve(source)
    path = Path(path)
    owned = dict.fromkeys(networks.networks) if shapes is None else networks.owned(shapes)
    modules = {}
    for name, names in owned.items():
        own = None if names is None or shapes is None else {key: tuple(shapes[key]) for key in names}
        modules[name] = _module(name, networks.networks[name], trained_on, own)
    with export_folder.replacing(path) as folder:
        for name, module in modules.items():
            target = folder if len(modules) == 1 else folder / name
            signatures = {"initial_state": module.serve_initial_state, "update": module.serve_update}
            tf.saved_model.save(module, str(target), signatures=signatures)


def _module(name: str, network: Network, trained_on: Mapping[str, Any], shapes: Shapes | None) -> tf.Module:
    """`network` with functions over any number of coordinates, or those of `shapes`, as attributes.

    Which axes of the state count coordinates is seen from the states of one and of two; NtmBfgs has two such axes in
    one tensor.
    """
    size = _row_size(name, network) if shapes is None else None
    fixed = None if shapes is None else sum(math.prod(shape) for shape in shapes.values())
    one, two = (tf.nest.flatten(network.initial_state(_parameters(network, n, size, shapes))) for n in (1, 2))
    specs = [[None if i != j else i for i, j in zip(left.shape, right.shape)] for left, right in zip(one, two)]
    structure = network.initial_state(_parameters(network, 1, size, shapes))
    state_specs = [tf.TensorSpec(shape, h.dtype, name=f"state_{i}") for i, (h, shape) in enumerate(zip(one, specs))]
    places = _places(structure, specs, shapes)
    observed = [field for field in _OBSERVED if field in network.observes]
    observed_shapes = _OBSERVED | {"parameters": [fixed]}
    observed_specs = [tf.TensorSpec(observed_shapes[field], tf.float32, name=field) for field in observed]
    gradient_spec = tf.TensorSpec([fixed] if size is None else [None, size], tf.float32, name="gradients")

    def checked(gradients, state):
        """`gradients`, once the state is seen to be of as many coordinates."""
        number = _checked_number(network, tf.shape(gradients)[0], fixed)
        checks = [
            tf.debugging.assert_equal(
                tf.shape(tensor)[axis],
                number,
                f"For gradients of n coordinates, state_{i} is that of initial_state(n).",
            )
            for i, (tensor, shape) in enumerate(zip(state, specs))
            for axis, extent in enumerate(shape)
            if extent is None
        ]
        with tf.control_dependencies(checks):
            return tf.identity(gradients)

    @tf.function(input_signature=[tf.TensorSpec([], tf.int32, name="num_coordinates")], autograph=False)
    def initial_state(num_coordinates):
        num_coordinates = _checked_number(network, num_coordinates, fixed)
        return [
            tf.broadcast_to(h, tf.stack([num_coordinates if extent is None else extent for extent in shape]))
            if None in shape
            else tf.identity(h)
            for h, shape in zip(one, specs)
        ]

    @tf.function(input_signature=[gradient_spec, state_specs, *observed_specs], autograph=False)
    def update(gradients, state, *seen):
        packed = tf.nest.pack_sequence_as(structure, state)
        gradients = checked(gradients, state)
        usable = is_usable(gradients)
        clean = tf.where(usable, gradients, tf.zeros_like(gradients))
        updates, next_state = _step(network, clean, packed, dict(zip(observed, seen)), shapes)
        moves = usable if size is None else tf.reduce_all(usable, 1)
        if network.waits:
            moves &= _awake(clean, state, places, shapes)
        kept = [
            _where_rows(moves, after, before) if place is _ROWS else after
            for after, before, place in zip(tf.nest.flatten(next_state), state, places)
        ]
        return _where_rows(moves, updates, tf.zeros_like(updates)), kept

    @tf.function(input_signature=[tf.TensorSpec([], tf.int32, name="num_coordinates")], autograph=False)
    def serve_initial_state(num_coordinates):
        return {f"state_{i}": h for i, h in enumerate(initial_state(num_coordinates))}

    @tf.function(input_signature=[gradient_spec, *state_specs, *observed_specs], autograph=False)
    def serve_update(gradients, *rest):
        updates, next_state = update(gradients, list(rest[: len(one)]), *rest[len(one) :])
        return {"updates": updates, **{f"next_state_{i}": h for i, h in enumerate(next_state)}}

    facts = json.dumps(
        {
            "format_version": FORMAT_VERSION,
            "name": name,
            "network": type(network).__name__,
            "net_options": network.options,
            "observes": ["gradients", *observed],
            "row_size": size,
            "shapes": None if shapes is None else {key: list(shape) for key, shape in shapes.items()},
            "state": [{"shape": spec.shape.as_list(), "dtype": spec.dtype.name} for spec in state_specs],
            "trained_on": dict(trained_on),
            "exported": {"date": provenance.date(), "versions": provenance.versions()},
        }
    )

    @tf.function(input_signature=[], autograph=False)
    def metadata():
        return tf.constant(facts)

    module = tf.Module(name="learned_optimizer")
    module.network = network
    module.initial_state, module.update, module.metadata = initial_state, update, metadata
    module.serve_initial_state, module.serve_update = serve_initial_state, serve_update
    return module


def _places(structure: Any, specs: Sequence[list[int | None]], shapes: Shapes | None) -> list[Any]:
    """Whose each tensor of the state is: `_ROWS`, a row for each coordinate; a parameter's name, of which it is a slot;
    or None."""
    if shapes is None:
        return [_ROWS if spec[:1] == [None] else None for spec in specs]
    parameters = {name: tf.TensorSpec(shape) for name, shape in shapes.items()}
    number = sum(math.prod(shape) for shape in shapes.values())
    slots = [
        owner if owner is not None and tuple(spec) == tuple(shapes[owner]) else None
        for owner, spec in zip(whole.owners(structure, parameters), specs)
    ]
    return [_ROWS if slot is None and spec[:1] == [number] else slot for slot, spec in zip(slots, specs)]


def _awake(gradients: tf.Tensor, state: Sequence[tf.Tensor], places: Sequence[Any], shapes: Shapes | None) -> tf.Tensor:
    """Which coordinates, or rows, have had a gradient other than 0 (`waiting`), `[n]`."""
    rows = [entries for entries, place in zip(state, places) if place is _ROWS]
    if shapes is None:
        return waiting.awake(tf.reduce_max(tf.abs(gradients), list(range(1, gradients.shape.rank))), rows)
    if rows:
        return waiting.awake(gradients, rows)
    slots: dict[str, list[tf.Tensor]] = {name: [] for name in shapes}
    for entries, place in zip(state, places):
        if place in slots:
            slots[place].append(entries)
    parts = _parts(gradients, shapes)
    return tf.concat([tf.reshape(waiting.awake(parts[name], own), [-1]) for name, own in slots.items()], 0)


def _where_rows(rows: tf.Tensor, then: tf.Tensor, otherwise: tf.Tensor) -> tf.Tensor:
    """`then` in the rows marked in `rows` `[n]`, `otherwise` in others."""
    return tf.where(tf.reshape(rows, [-1] + [1] * (then.shape.rank - 1)), then, otherwise)


def _row_size(name: str, network: Network) -> int | None:
    """Entries of a row, or None where a row is a single coordinate."""
    if network.sees_shapes:
        raise ValueError(
            f"The network {name!r} sees to which tensor a coordinate belongs, and where. Give "
            f"export_saved_model(shapes=...) the parameters' shapes by name, in the order of their coordinates. "
            f"Received: {type(network).__name__} without shapes."
        )
    if network.coordinatewise:
        return None
    if isinstance(network, DeepLSTM):
        return network.linear.w.shape[1]
    if network.options.get("function_axis", 0) is None:
        return None
    raise ValueError(
        f"A SavedModel updates the coordinates of one function, flattened. The network {name!r} groups them by tensors "
        f"or functions; use it through LearnedOptimizer or MetaOptimizer, or with function_axis=None where it takes "
        f"that option. Received: {type(network).__name__}."
    )


def _checked_number(network: Network, number: tf.Tensor, fixed: int | None) -> tf.Tensor:
    """The number of coordinates, once it is seen to be one that the network or the export is for."""
    checks = []
    if fixed is not None:
        checks.append(tf.debugging.assert_equal(number, fixed, f"This export is for {fixed:,} coordinates."))
    elif (most := network.max_coordinates) is not None:
        message = f"{type(network).__name__} takes up to {most:,} coordinates."
        checks.append(tf.debugging.assert_less_equal(number, most, message))
    with tf.control_dependencies(checks):
        return tf.identity(number)


def _parameters(network: Network, n: int, size: int | None, shapes: Shapes | None) -> dict[str, tf.Tensor]:
    if shapes is not None:
        return {name: tf.zeros(shape) for name, shape in shapes.items()}
    if size is None:
        return {"x": tf.zeros([n])}
    kernel_shape = network.options.get("kernel_shape")
    return {"x": tf.zeros([*kernel_shape, n, 1] if kernel_shape else [n, size])}


def _step(
    network: Network, gradients: tf.Tensor, state: Any, seen: Mapping[str, tf.Tensor], shapes: Shapes | None
) -> tuple[tf.Tensor, Any]:
    if shapes is None and updates_rows(network):
        rows = gradients[:, None] if network.coordinatewise else gradients
        updates, next_state = network.update_rows(tf.cast(rows, network.linear.w.dtype), state)
        updates = tf.cast(updates, gradients.dtype)
        return updates[:, 0] if network.coordinatewise else updates, next_state
    observation = Observation(_parts(gradients, shapes))._replace(**seen)
    if "parameters" in seen:
        observation = observation._replace(parameters=_parts(seen["parameters"], shapes))
    updates, next_state = network(observation, state)
    return tf.concat([tf.reshape(update, [-1]) for update in updates.values()], 0), next_state


def _parts(flat: tf.Tensor, shapes: Shapes | None) -> dict[str, tf.Tensor]:
    if shapes is None:
        return {"x": flat}
    parts = tf.split(flat, [math.prod(shape) for shape in shapes.values()])
    return {name: tf.reshape(part, shape) for (name, shape), part in zip(shapes.items(), parts)}
