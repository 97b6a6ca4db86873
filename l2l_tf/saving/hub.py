"""Saved optimizers on the Hugging Face Hub: addresses `hf://user/name`, or `hf://user/name@revision`.

A repository there is taken as the folder of a saved optimizer is: `config.json` and the weights that it names are
downloaded, and nothing else, into the cache of `huggingface_hub`, which is an extra (`pip install "l2l_tf[hub]"`).
Before files are asked for, one request says which commit the revision is: without a network it fails at once, where
the download of a file would be tried again and again, and what that commit has in the cache is not asked for again.
Needs no TensorFlow, but for `push`.
"""

import contextlib
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from l2l_tf.saving import saved_optimizer

if TYPE_CHECKING:
    from l2l_tf.unrolling.coordinates import AssignedNetworks

SCHEME = "hf://"
_ADDRESS = re.compile(r"hf:/{1,2}([\w.-]+/[\w.-]+?)(?:@([\w./-]+))?", re.ASCII)  # A Path makes one slash of two.
# As huggingface_hub lays its cache out.
_IN_CACHE = re.compile(r"models--(.+?)--(.+)")
_CARD = "README.md"
_SECONDS = 5.0  # For the Hub to answer the first request.
_NO_LIBRARY = "hf:// needs the package huggingface_hub, which is an extra: pip install 'l2l_tf[hub]'."


class HubError(ValueError):
    """An optimizer that cannot be had from the Hub, or put there, and what to do about it."""


class Address(NamedTuple):
    """`user/name`, and the branch, tag or commit; None for the main branch."""

    repository: str
    revision: str | None

    def __str__(self) -> str:
        return f"{SCHEME}{self.repository}{f'@{self.revision}' if self.revision else ''}"


def is_address(path: str | Path) -> bool:
    """Whether `path` is one on the Hub and no folder of this machine."""
    return str(path).startswith("hf:/")


def parsed(address: str | Path) -> Address:
    """The parts of an address.

    Raises:
      HubError: it is none.
    """
    found = _ADDRESS.fullmatch(str(address))
    if found is None or ".." in str(address) or "--" in found[1]:
        raise HubError(f"An address is {SCHEME}user/name or {SCHEME}user/name@revision. Received: {str(address)!r}.")
    return Address(found[1], found[2])


def local(path: str | Path) -> Path:
    """The folder at `path`, or the one that what is at an address was downloaded to. Another path is itself.

    Without a network, what the revision had when it was last downloaded.

    Raises:
      HubError: not on the Hub, not for us, no network, no `huggingface_hub`.
      SavedOptimizerError: its `config.json` is no saved optimizer's.
    """
    if not is_address(path):
        return Path(path)
    address = parsed(path)
    api = _api()
    try:
        info = _asked(address, lambda: api.model_info(address.repository, revision=address.revision, timeout=_SECONDS))
    except _NotReachedError as error:
        if (cached := _in_cache(api, address)) is None:
            raise HubError(str(error)) from error
        return cached
    if saved_optimizer.CONFIG not in _files(info):
        raise HubError(f"There is no saved optimizer at '{address}': it has no {saved_optimizer.CONFIG}.")
    return _reached(address, lambda: _downloaded(api, address, info.sha))


def name_of(folder: str | Path) -> str:
    """The address, with its commit, of a folder that `local` gave; of any other folder its path."""
    folder = Path(folder)
    if folder.parent.name == "snapshots" and (found := _IN_CACHE.fullmatch(folder.parent.parent.name)):
        return str(Address(f"{found[1]}/{found[2]}", folder.name))
    return str(folder)


def push(
    network: "AssignedNetworks",
    address: str | Path,
    metadata: dict[str, Any] | None = None,
    overwrite: bool = False,
    private: bool | None = None,
) -> str:
    """Puts the networks on the Hub, in one commit, as `saved_optimizer.save` would write them.

    A repository, or branch, that is not there is made; an optimizer that is, is replaced; a card (README.md) is
    written where there is none.

    Args:
      network, metadata: what is saved. The metadata is public where the repository is.
      address: where to; its revision is a branch.
      overwrite: whether a `config.json` there that is not of a saved optimizer is replaced too.
      private: of a repository that is made; None leaves it to the user's settings.

    Returns:
      The address of the commit.

    Raises:
      HubError: not logged in, not allowed, no network, no `huggingface_hub`.
      ValueError: see `saved_optimizer.save`.
    """
    to = parsed(address)
    api = _api()
    with _temporary_folder() as folder, _temporary_folder() as before:
        saved_optimizer.save(network, folder, metadata)
        _reached(to, lambda: api.create_repo(to.repository, private=private, exist_ok=True))
        if to.revision:
            _reached(to, lambda: api.create_branch(to.repository, branch=to.revision, exist_ok=True))
        info = _reached(to, lambda: api.model_info(to.repository, revision=to.revision, timeout=_SECONDS))
        there = _files(info)
        if saved_optimizer.CONFIG in there:
            _reached(to, lambda: _download(api, to, info.sha, saved_optimizer.CONFIG, local_dir=before))
        stale = saved_optimizer.replaced_by_saving(before, overwrite) & there
        if _CARD not in there:
            (folder / _CARD).write_text(_card(to, network), encoding="utf-8")
        commit = _reached(to, lambda: _commit(api, to, folder, stale))
    return str(Address(to.repository, commit.oid))


def _commit(api: Any, to: Address, folder: Path, stale: set[str]) -> Any:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    written = sorted(file.name for file in folder.iterdir())
    return api.create_commit(
        to.repository,
        [
            *(CommitOperationAdd(path_in_repo=name, path_or_fileobj=(folder / name).read_bytes()) for name in written),
            *(CommitOperationDelete(path_in_repo=name) for name in sorted(stale - set(written))),
        ],
        commit_message="Save a learned optimizer",
        revision=to.revision,
    )


def _downloaded(api: Any, address: Address, revision: str, **options: Any) -> Path:
    """The folder in the cache, with `config.json` and the weights that it names."""
    config = Path(_download(api, address, revision, saved_optimizer.CONFIG, **options))
    for name in saved_optimizer.weights_named(config.parent):
        _download(api, address, revision, name, **options)
    return config.parent


def _in_cache(api: Any, address: Address) -> Path | None:
    """The folder with what was downloaded before; None where that is not there, or not all."""
    try:
        return _downloaded(api, address, address.revision or "main", local_files_only=True)
    except saved_optimizer.SavedOptimizerError:
        raise
    except Exception:
        return None


def _download(api: Any, address: Address, revision: str, name: str, **options: Any) -> str:
    return api.hf_hub_download(address.repository, name, revision=revision, **options)


def _files(info: Any) -> set[str]:
    return {sibling.rfilename for sibling in info.siblings or []}


def _api() -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise HubError(_NO_LIBRARY) from error
    return huggingface_hub.HfApi(library_name="l2l_tf")


class _NotReachedError(Exception):
    """Nobody answered."""


def _reached(address: Address, request: Any) -> Any:
    """What `_asked` gives, where nothing else helps."""
    try:
        return _asked(address, request)
    except _NotReachedError as error:
        raise HubError(str(error)) from error


def _asked(address: Address, request: Any) -> Any:
    """What `request()` gives.

    Raises:
      HubError: the Hub, or its library, refuses.
      _NotReachedError: anything else, as each version of the library has an HTTP client of its own and lets its errors
        through.
    """
    from huggingface_hub import errors

    try:
        return request()
    except saved_optimizer.SavedOptimizerError:
        raise
    except errors.GatedRepoError as error:
        raise HubError(
            f"'{address}' is there for those whom its owner lets in. Ask on its page, and log in: hf auth login."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise HubError(f"'{SCHEME}{address.repository}' has no revision {address.revision!r}.") from error
    except errors.RepositoryNotFoundError as error:
        raise HubError(
            f"There is no '{SCHEME}{address.repository}', or it is private. Check the name; for a private one, log in: "
            "hf auth login."
        ) from error
    except errors.LocalTokenNotFoundError as error:
        raise HubError(f"'{address}' needs an account of the Hub's. Log in: hf auth login.") from error
    except errors.RemoteEntryNotFoundError as error:
        raise HubError(
            f"'{address}' lacks a file that its {saved_optimizer.CONFIG} names. Ask who put it there to push it again."
        ) from error
    except errors.HfHubHTTPError as error:
        raise HubError(_refused(address, error)) from error
    except Exception as error:
        raise _NotReachedError(
            f"The Hub was not reached for '{address}' ({_first_line(error)}), and no copy of it is here. Check the "
            "network, or give the folder of a saved optimizer."
        ) from error


def _refused(address: Address, error: Any) -> str:
    status = error.response.status_code
    if status in (401, 403):
        return f"No permission for '{address}' ({status}). Log in with a token that has it: hf auth login."
    return f"The Hub refused '{address}' ({status}): {_first_line(error)}"


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), "") or type(error).__name__


@contextlib.contextmanager
def _temporary_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="l2l_tf-") as folder:
        yield Path(folder)


def _card(to: Address, network: "AssignedNetworks") -> str:
    nets = ", ".join(sorted({type(member).__name__ for member in network.networks.values()}))
    address = Address(to.repository, None)
    return f"""---
library_name: l2l_tf
tags: [learned-optimizer]
---
A learned optimizer ({nets}) for the package `l2l_tf`. What it was trained on is in `config.json`.

```python
from l2l_tf import LearnedOptimizer

model.compile(optimizer=LearnedOptimizer("{address}"), loss=...)
```
"""
