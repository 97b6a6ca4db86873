"""A Hugging Face Hub in memory, in place of the module `huggingface_hub`: what `l2l_tf.saving.hub` asks of it."""

import hashlib
import types
from pathlib import Path
from types import SimpleNamespace


class Hub:
    """Repositories by name: branch to the list of its commits, each of them file name to bytes.

    Attributes:
      repositories: that.
      downloads: what was downloaded, in order.
      down: an error that every request raises, while it is set.
      writable: whether its user may write.
      logged_in: whether there is one.
    """

    def __init__(self, cache: Path):
        self.repositories: dict[str, dict[str, list[dict[str, bytes]]]] = {}
        self.cards: dict[str, bool | None] = {}
        self.downloads: list[str] = []
        self.down: Exception | None = None
        self.writable = self.logged_in = True
        self.gated: set[str] = set()
        self._cache = cache
        self.module = types.ModuleType("huggingface_hub")
        self.module.errors = errors = types.ModuleType("huggingface_hub.errors")

        class HfHubHTTPError(OSError):
            def __init__(self, message, status):
                super().__init__(message)
                self.response = SimpleNamespace(status_code=status)

        errors.HfHubHTTPError = HfHubHTTPError
        errors.RepositoryNotFoundError = type("RepositoryNotFoundError", (HfHubHTTPError,), {})
        errors.GatedRepoError = type("GatedRepoError", (errors.RepositoryNotFoundError,), {})
        errors.RevisionNotFoundError = type("RevisionNotFoundError", (HfHubHTTPError,), {})
        errors.RemoteEntryNotFoundError = type("RemoteEntryNotFoundError", (HfHubHTTPError,), {})
        errors.LocalTokenNotFoundError = type("LocalTokenNotFoundError", (OSError,), {})
        errors.LocalEntryNotFoundError = type("LocalEntryNotFoundError", (FileNotFoundError,), {})
        self.module.CommitOperationAdd = CommitOperationAdd
        self.module.CommitOperationDelete = CommitOperationDelete
        self.module.HfApi = lambda library_name=None: HfApi(self, library_name)

    def commit(self, repository: str, revision: str | None) -> dict[str, bytes]:
        """The files of a branch's last commit, or of the commit of that name."""
        errors = self.module.errors
        if repository not in self.repositories:
            raise errors.RepositoryNotFoundError("401 Client Error.\n\nRepository Not Found for url: ...", 401)
        branches = self.repositories[repository]
        if (revision or "main") in branches:
            return branches[revision or "main"][-1]
        for commits in branches.values():
            for files in commits:
                if sha(files) == revision:
                    return files
        raise errors.RevisionNotFoundError("404 Client Error.", 404)

    def cached(self, repository: str, commit: str) -> Path:
        return self._cache / f"models--{repository.replace('/', '--')}" / "snapshots" / commit


def sha(files: dict[str, bytes]) -> str:
    return hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()


class CommitOperationAdd:
    def __init__(self, path_in_repo, path_or_fileobj):
        self.path_in_repo, self.path_or_fileobj = path_in_repo, path_or_fileobj


class CommitOperationDelete:
    def __init__(self, path_in_repo, is_folder="auto"):
        self.path_in_repo, self.is_folder = path_in_repo, is_folder


class HfApi:
    """Of the real one's methods those that are called, with the arguments that are given to them."""

    def __init__(self, hub, library_name=None):
        self._hub = hub

    def model_info(self, repo_id, *, revision=None, timeout=None):
        assert timeout, "Without a limit a dead network is waited for."
        self._reach()
        files = self._hub.commit(repo_id, revision)
        return SimpleNamespace(sha=sha(files), siblings=[SimpleNamespace(rfilename=name) for name in files])

    def hf_hub_download(self, repo_id, filename, *, revision=None, local_dir=None, local_files_only=False):
        hub, errors = self._hub, self._hub.module.errors
        refs = hub.cached(repo_id, "").parent / "refs"
        if local_files_only:
            commit = (refs / revision).read_text() if (refs / revision).exists() else revision
            if not (found := hub.cached(repo_id, commit) / filename).exists():
                raise errors.LocalEntryNotFoundError("Cannot find the requested files in the local cache.")
            return str(found)
        if revision not in {sha(files) for commits in hub.repositories[repo_id].values() for files in commits}:
            raise AssertionError("A branch may move between two files.")
        commit = revision
        folder = hub.cached(repo_id, commit) if local_dir is None else Path(local_dir)
        if local_dir is None and (folder / filename).exists():
            return str(folder / filename)  # A commit does not change: nobody is asked.
        self._reach()
        if repo_id in hub.gated:
            raise errors.GatedRepoError("403 Client Error.", 403)
        if filename not in (files := hub.commit(repo_id, revision)):
            raise errors.RemoteEntryNotFoundError("404 Client Error.", 404)
        hub.downloads.append(filename)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / filename).write_bytes(files[filename])
        if local_dir is None:
            refs.mkdir(exist_ok=True)
            (refs / "main").write_text(commit)
        return str(folder / filename)

    def create_repo(self, repo_id, *, private=None, exist_ok=False):
        self._write()
        assert exist_ok or repo_id not in self._hub.repositories
        if repo_id not in self._hub.repositories:
            self._hub.repositories[repo_id] = {"main": [{".gitattributes": b""}]}
            self._hub.cards[repo_id] = private

    def create_branch(self, repo_id, *, branch, exist_ok=False):
        self._write()
        branches = self._hub.repositories[repo_id]
        assert exist_ok or branch not in branches
        branches.setdefault(branch, [branches["main"][-1]])

    def create_commit(self, repo_id, operations, *, commit_message, revision=None):
        self._write()
        assert commit_message
        files = dict(self._hub.commit(repo_id, revision))
        for operation in operations:
            if isinstance(operation, CommitOperationDelete):
                del files[operation.path_in_repo]
            else:
                files[operation.path_in_repo] = operation.path_or_fileobj
        self._hub.repositories[repo_id][revision or "main"].append(files)
        return SimpleNamespace(oid=sha(files))

    def _reach(self):
        if self._hub.down is not None:
            raise self._hub.down

    def _write(self):
        self._reach()
        errors = self._hub.module.errors
        if not self._hub.logged_in:
            raise errors.LocalTokenNotFoundError("Token is required, but no token found.")
        if not self._hub.writable:
            raise errors.HfHubHTTPError("403 Forbidden: you have no write access.\nMore.", 403)
