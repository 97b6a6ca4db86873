"""Where a trained optimizer comes from when it is used: a pretrained name, a saved folder, or networks at hand."""

from pathlib import Path
from typing import Any, NamedTuple

from l2l_tf import pretrained
from l2l_tf.networks.network import Network
from l2l_tf.saving import saved_optimizer
from l2l_tf.unrolling.coordinates import AssignedNetworks, Assignments

Source = str | Path | Network


class Resolved(NamedTuple):
    """The networks of a source, and what its folder says of it."""

    networks: AssignedNetworks
    metadata: dict[str, Any]


def resolve(source: Source, net_assignments: Assignments | None = None) -> Resolved:
    """The networks that `source` means.

    Args:
      source: a name that `pretrained.names()` lists, the folder of a saved optimizer, its address on the Hugging Face
        Hub (`hf://user/name`), or networks, which are taken themselves and not copied. A name comes before a folder of
        the same name in the working directory.
      net_assignments: which network owns which parameters, in place of what the source says. A single network
        from a folder owns all parameters: the names in the folder are those of the problem it was trained on.

    Raises:
      ValueError: `source` is none of these, does not load, or cannot be downloaded.
    """
    metadata: dict[str, Any] = {}
    if isinstance(source, AssignedNetworks):
        found = source
    elif isinstance(source, Network):
        found = AssignedNetworks({"network": source})
    else:
        folder = _folder(source)
        config, _ = saved_optimizer.read(folder)
        # What a source is used on is one function, whatever it was trained on.
        found, metadata = saved_optimizer.load(folder, function_axis=None), config.get("metadata", {})
        if len(found.networks) == 1:
            found = AssignedNetworks(found.networks)
    if net_assignments is not None:
        found = AssignedNetworks(found.networks, net_assignments)
    return Resolved(found, metadata)


def _folder(source: Any) -> Path:
    if isinstance(source, (str, Path)) and (folder := pretrained.folder(str(source))).is_dir():
        return folder
    raise ValueError(
        f"A learned optimizer is a pretrained name ({', '.join(pretrained.names()) or 'none are installed'}), the "
        f"folder of a saved optimizer, hf://user/name, or a Network. Received: {source!r}."
    )
