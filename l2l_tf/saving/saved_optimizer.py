"""A saved optimizer: a folder with `config.json` and one `.npz` of weights for each network. No pickle.

`config.json` names the weight files by their digests, has one of itself, and is replaced last, so the folder holds a
whole optimizer whenever the machine stops. Checking a folder needs no TensorFlow, and imports nothing that it names.
"""

import contextlib
import hashlib
import io
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from l2l_tf.saving import archive, files

if TYPE_CHECKING:
    from l2l_tf.unrolling.coordinates import AssignedNetworks

FORMAT_VERSION = 2
_UNSIGNED = 1  # The format before `config.json` had a digest of its own, or after somebody edited it.
_DIGEST = "sha256"
CONFIG = "config.json"
_WEIGHTS = re.compile(r".+\.[0-9a-f]{12}\.npz")
_ENTRY = {"net", "net_options", "weights", "sha256"}


class SavedOptimizerError(ValueError):
    """A folder that does not hold a saved optimizer of this format, and what to do about it."""


def save(
    network: "AssignedNetworks", path: str | Path, metadata: dict[str, Any] | None = None, overwrite: bool = False
) -> None:
    """Writes the networks, their assignments and `metadata` (JSON-able) to the folder `path`.

    An optimizer that was saved there before is replaced.

    Args:
      network, path, metadata: what is written, and where.
      overwrite: whether a `config.json` there that is not of a saved optimizer is replaced too.

    Raises:
      ValueError: a network that `networks.get` does not know, or the `config.json` of something else.
      OSError: the folder cannot be written; an optimizer saved there before is still whole.
    """
    from l2l_tf.networks.network import class_name, weights_of

    path = Path(path)
    nets = {name: class_name(member) for name, member in network.networks.items()}
    stale = {path / name for name in replaced_by_saving(path, overwrite)}
    networks = {}
    for name, member in network.networks.items():
        buffer = io.BytesIO()
        np.savez(buffer, **weights_of(member))  # type: ignore[arg-type]
        data = buffer.getvalue()
        digest = hashlib.sha256(data).hexdigest()
        file = path / f"{name}.{digest[:12]}.npz"
        files.write(file, data)
        stale.discard(file)
        networks[name] = {
            "net": nets[name],
            "net_options": member.options,
            "weights": file.name,
            "sha256": digest,
        }
    config = {
        "format_version": FORMAT_VERSION,
        "networks": networks,
        "net_assignments": network.net_assignments,
        "metadata": metadata or {},
    }
    files.write(path / CONFIG, json.dumps({**config, _DIGEST: _digest(config)}, indent=2) + "\n")
    for file in stale:
        with contextlib.suppress(OSError):
            file.unlink()


def read(path: str | Path) -> tuple[dict[str, Any], dict[str, dict[str, np.ndarray]]]:
    """The configuration of the folder `path`, and for each network its weights by name.

    Raises:
      SavedOptimizerError: the folder or one of its files is missing, cut short, or of another format.
    """
    path = Path(path)
    if not path.is_dir():
        raise SavedOptimizerError(f"There is no saved optimizer at {str(path)!r}: no such folder.")
    config = _read_config(path)
    return config, {name: _read_weights(path, entry) for name, entry in config["networks"].items()}


def load(path: str | Path, **options: Any) -> "AssignedNetworks":
    """Rebuilds the networks saved at `path`.

    Args:
      path: the folder.
      **options: in place of the saved ones, in the networks that take them: `function_axis`, say, which another
        problem answers otherwise.

    Raises:
      SavedOptimizerError: see `read`; also weights that do not fit their network.
      ValueError: an option that no network there is takes.
    """
    from l2l_tf import networks
    from l2l_tf.networks import catalogue
    from l2l_tf.unrolling.coordinates import AssignedNetworks

    if unknown := [option for option in options if not any(option in e.options for e in catalogue.CATALOGUE.values())]:
        raise ValueError(f"No network takes these options: {unknown}.")
    config, weights = read(path)
    members = {}
    for name, entry in config["networks"].items():
        try:
            changes = {option: value for option, value in options.items() if catalogue.takes(entry["net"], option)}
            members[name] = networks.get(entry["net"], **entry["net_options"] | changes)
            networks.assign_weights(members[name], weights[name])
        except ValueError as error:
            raise SavedOptimizerError(f"The network {name!r} saved at {str(path)!r} does not load: {error}") from error
    try:
        return AssignedNetworks(members, config["net_assignments"])
    except (ValueError, TypeError) as error:
        raise SavedOptimizerError(f"The assignments saved at {str(path)!r} do not load: {error}") from error


def assign_weights(network: "AssignedNetworks", path: str | Path) -> None:
    """Gives every network of `network` the weights that the one of its name has at `path`.

    Raises:
      SavedOptimizerError: see `read`; also a network that is not there, or whose weights are others.
    """
    from l2l_tf import networks

    _, weights = read(path)
    for name, member in network.networks.items():
        if name not in weights:
            raise SavedOptimizerError(f"{str(path)!r} holds the networks {list(weights)}. Received: {name!r}.")
        try:
            networks.assign_weights(member, weights[name])
        except ValueError as error:
            raise SavedOptimizerError(f"The weights of {name!r} at {str(path)!r} do not fit: {error}") from error


def file_names(networks: Iterable[str]) -> list[str]:
    """The names of the files that `save` writes for networks of these names; of digests all have the same length."""
    return [CONFIG, *(f"{name}.{'0' * 12}.npz" for name in networks)]


def is_weights(name: str) -> bool:
    """Whether `save` gives files such a name."""
    return _WEIGHTS.fullmatch(name) is not None


def weights_named(path: str | Path) -> list[str]:
    """The names of the weight files that the `config.json` at `path` names; whether they are there is not looked at.

    Raises:
      SavedOptimizerError: it is missing, damaged or of another format.
    """
    return sorted({entry["weights"] for entry in _read_config(Path(path))["networks"].values()})


def replaced_by_saving(path: str | Path, overwrite: bool = False) -> set[str]:
    """The names of the weight files of the optimizer saved at `path` before, if any.

    Raises:
      ValueError: the `config.json` there is of something else, without `overwrite`.
    """
    if not overwrite:
        _check_ours(Path(path) / CONFIG)
    try:
        named = weights_named(path)
    except (SavedOptimizerError, OSError):
        return set()
    return {name for name in named if is_weights(name)}  # Another file is not ours to remove.


def _check_ours(file: Path) -> None:
    """Raises a ValueError where there is a file and no saved optimizer wrote it."""
    try:
        config = json.loads(file.read_text())
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, ValueError, RecursionError):
        config = None
    if not isinstance(config, dict) or not {"format_version", "net_assignments"} & set(config):
        raise ValueError(
            f"{str(file)!r} is not of a saved optimizer, or damaged, so it is kept. Save to another folder, or with "
            "overwrite=True."
        )


def _read_config(path: Path) -> dict[str, Any]:
    file = path / CONFIG
    try:
        config = json.loads(file.read_text())
    except FileNotFoundError as error:
        raise SavedOptimizerError(
            f"There is no saved optimizer at {str(path)!r}: the folder has no {CONFIG}. "
            "Give the folder that train.py --save_path or save() wrote."
        ) from error
    except (ValueError, RecursionError) as error:
        raise SavedOptimizerError(f"{str(file)!r} is not whole JSON ({error}). Save the optimizer again.") from error
    version = config.get("format_version") if isinstance(config, dict) else None
    if version not in (FORMAT_VERSION, _UNSIGNED):
        raise SavedOptimizerError(
            f"{str(file)!r} has the format version {version!r}; this l2l_tf reads version {FORMAT_VERSION}. "
            "Load it with the l2l_tf that wrote it, or save the optimizer again."
        )
    signed = config.pop(_DIGEST, None)
    if version == FORMAT_VERSION and signed != _digest(config):
        raise SavedOptimizerError(
            f"{str(file)!r} is not as it was saved (other digest): damaged, or edited. Copy the folder again, or save "
            f'again. If you edited it and mean it, give it the "format_version" {_UNSIGNED}.'
        )
    for key in ("networks", "net_assignments"):
        if key not in config:
            raise SavedOptimizerError(f"{str(file)!r} lacks {key!r}. Save the optimizer again.")
    networks = config["networks"]
    if not isinstance(networks, dict) or not networks or not all(map(_is_entry, networks.values())):
        raise SavedOptimizerError(
            f"{str(file)!r} has a damaged entry 'networks': for each network by its name {sorted(_ENTRY)}. "
            "Save the optimizer again."
        )
    if not isinstance(config.setdefault("metadata", {}), dict):
        raise SavedOptimizerError(f"{str(file)!r} has a damaged entry 'metadata'. Save the optimizer again.")
    return config


def _digest(config: dict[str, Any]) -> str:
    """Of what `config.json` says, however it is written."""
    as_read = json.loads(json.dumps(config))
    return hashlib.sha256(json.dumps(as_read, sort_keys=True).encode()).hexdigest()


def _is_entry(entry: Any) -> bool:
    """Whether it describes a network; its weights are a file in the folder itself, nowhere else."""
    if not isinstance(entry, dict) or not set(entry) >= _ENTRY:
        return False
    names = [entry[key] for key in ("net", "weights", "sha256")]
    whole = all(isinstance(name, str) for name in names) and isinstance(entry["net_options"], dict)
    return whole and entry["weights"].endswith(".npz") and Path(entry["weights"]).name == entry["weights"]


def _read_weights(path: Path, entry: dict[str, Any]) -> dict[str, np.ndarray]:
    file = path / entry["weights"]
    try:
        data = file.read_bytes()
    except FileNotFoundError as error:
        raise SavedOptimizerError(
            f"The weights {str(file)!r}, which {CONFIG} names, are missing. Copy the whole folder, or save again."
        ) from error
    if hashlib.sha256(data).hexdigest() != entry["sha256"]:
        raise SavedOptimizerError(
            f"The weights {str(file)!r} are not those that {CONFIG} names ({len(data)} bytes, other digest): "
            "cut short or changed. Copy the folder again, or save again."
        )
    try:
        return archive.read(data)
    except archive.ArchiveError as error:
        raise SavedOptimizerError(f"{str(file)!r} is not an .npz file of arrays: {error}. Save it again.") from error
