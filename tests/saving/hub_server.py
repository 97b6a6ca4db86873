"""The Hub's side of what `huggingface_hub` sends over HTTP, for its real client: a server in memory."""

import base64
import contextlib
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

TOKEN = "hf_of_the_test"


class Server(ThreadingHTTPServer):
    """Repositories by name: a list of commits, each a dictionary of file name to bytes.

    Attributes:
      repositories: that.
      served: the names of files that were sent out, in order.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[str, list[dict[str, bytes]]] = {}
        self.served: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def find(self, repository: str, revision: str) -> dict[str, bytes] | None:
        commits = self.repositories[repository]
        if revision == "main":
            return commits[-1]
        return next((files for files in commits if commit_name(files) == revision), None)


@contextlib.contextmanager
def serving():
    """A `Server` that answers while the context lasts."""
    server = Server()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def commit_name(files: dict[str, bytes]) -> str:
    return hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *arguments):
        pass

    def do_HEAD(self):
        self._file()

    def do_GET(self):
        parts = self._parts()
        if parts[0] != "api":
            return self._file()
        if parts[1] != "models":
            return self._error(404, "NotFound")
        repository = "/".join(parts[2:4])
        if repository not in self.server.repositories:
            return self._error(401, "RepoNotFound")
        revision = parts[5] if len(parts) > 5 else "main"
        if (files := self.server.find(repository, revision)) is None:
            return self._error(404, "RevisionNotFound")
        siblings = [{"rfilename": name} for name in files]
        return self._json({"id": repository, "modelId": repository, "sha": commit_name(files), "siblings": siblings})

    def do_POST(self):
        body = self._body()
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self._error(403, "Forbidden")
        parts = self._parts()
        if parts == ["api", "repos", "create"]:
            asked = json.loads(body)
            repository = f"{asked['organization']}/{asked['name']}" if asked.get("organization") else asked["name"]
            self.server.repositories.setdefault(repository, [{".gitattributes": b""}])
            return self._json({"url": f"{self.server.address}/{repository}"})
        if parts == ["api", "validate-yaml"]:  # The head of the card.
            return self._json({"errors": [], "warnings": []})
        repository, what = "/".join(parts[2:4]), parts[4]
        if what == "preupload":
            names = [file["path"] for file in json.loads(body)["files"]]
            modes = [{"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in names]
            return self._json({"files": modes})
        assert what == "commit", self.path
        files = dict(self.server.repositories[repository][-1])
        for line in map(json.loads, filter(None, body.decode().split("\n"))):
            if line["key"] == "file":
                files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            elif line["key"] == "deletedFile":
                del files[line["value"]["path"]]
        self.server.repositories[repository].append(files)
        name = commit_name(files)
        return self._json({"commitOid": name, "commitUrl": f"{self.server.address}/{repository}/commit/{name}"})

    def _file(self):
        owner, name, _, revision, *path = self._parts()
        files = self.server.find(f"{owner}/{name}", revision)
        path = "/".join(path)
        if path not in files:
            return self._error(404, "EntryNotFound")
        headers = {"X-Repo-Commit": commit_name(files), "ETag": f'"{hashlib.sha1(files[path]).hexdigest()}"'}
        if self.command == "GET":
            self.server.served.append(path)
        return self._send(200, files[path], headers)

    def _parts(self):
        return [unquote(part) for part in self.path.partition("?")[0].strip("/").split("/")]

    def _body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        whole = b""
        while size := int(self.rfile.readline(), 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return whole

    def _json(self, content):
        self._send(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def _error(self, status, code):
        self._send(status, b"{}", {"X-Error-Code": code, "Content-Type": "application/json"})

    def _send(self, status, content, headers):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": len(content)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
