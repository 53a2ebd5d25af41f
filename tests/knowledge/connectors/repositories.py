"""Real Git repositories on loopback, served over smart HTTP by dulwich's own server."""

from __future__ import annotations

import base64
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from dulwich.objects import Blob, Commit, Tree
from dulwich.repo import Repo
from dulwich.server import DictBackend
from dulwich.web import make_wsgi_chain

Entry = bytes | tuple[int, bytes]


class Repository:
    """A repository that a test fills: ``commit({"a.md": b"…"})``. ``asked`` lists (method, path)."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.repo = Repo.init_bare(str(folder))
        self.asked: list[tuple[str, str]] = []
        self.token = ""
        self.port = 0

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        return f"http://{self.host}/team/handbook.git"

    def commit(self, files: dict[str, Entry], branch: str = "main") -> str:
        """Make these files all there is on a branch; an entry may be (mode, what the mode points to)."""
        store = self.repo.object_store
        commit = Commit()
        commit.tree = self._tree(files).id
        ref = b"refs/heads/" + branch.encode()
        commit.parents = [self.repo.refs[ref]] if ref in self.repo.refs else []
        commit.author = commit.committer = b"Olivia <olivia@example.org>"
        commit.author_time = commit.commit_time = 1_790_000_000
        commit.author_timezone = commit.commit_timezone = 0
        commit.message = b"Write"
        store.add_object(commit)
        self.repo.refs[ref] = commit.id
        if branch == "main":
            self.repo.refs.set_symbolic_ref(b"HEAD", ref)
        return commit.id.decode()

    def _tree(self, files: dict[str, Entry]) -> Tree:
        tree, folders = Tree(), {}
        for path, entry in files.items():
            name, slash, rest = path.partition("/")
            if slash:
                folders.setdefault(name, {})[rest] = entry
                continue
            mode, body = (0o100644, entry) if isinstance(entry, bytes) else entry
            if mode == 0o160000:
                tree.add(name.encode(), mode, body)
                continue
            blob = Blob.from_string(body)
            self.repo.object_store.add_object(blob)
            tree.add(name.encode("utf-8", "surrogateescape"), mode, blob.id)
        for name, below in folders.items():
            tree.add(name.encode(), stat.S_IFDIR, self._tree(below).id)
        self.repo.object_store.add_object(tree)
        return tree

    def answer(self, environ: dict[str, Any], start: Any) -> Any:
        self.asked.append((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        expected = "Basic " + base64.b64encode(f"x-access-token:{self.token}".encode()).decode()
        if self.token and environ.get("HTTP_AUTHORIZATION") != expected:
            start("401 Unauthorized", [("Content-Length", "0"), ("WWW-Authenticate", "Basic")])
            return [b""]
        return make_wsgi_chain(DictBackend({"/team/handbook.git": self.repo}))(environ, start)


class _Quiet(WSGIRequestHandler):
    timeout = 30  # one after the other: a line on which nothing is said keeps the others waiting no longer

    def log_message(self, *arguments: object) -> None:
        return


class _Server(WSGIServer):
    def handle_error(self, request: object, address: object) -> None:
        return


@contextmanager
def serving(repository: Repository) -> Iterator[Repository]:
    server = make_server("127.0.0.1", 0, repository.answer, server_class=_Server, handler_class=_Quiet)
    repository.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield repository
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
        repository.repo.close()
