"""A commit of a hub: only safe kinds of files are fetched, and nothing stays of what is refused."""

import hashlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np
import orjson
import pytest
from django.core.management import CommandError, call_command
from safetensors.numpy import save

from app.embedded.paths import CLONE, data_folder
from app.inference.models import Model
from app.inference.weights import pulling
from app.inference.weights.catalogue import known_models
from app.inference.weights.pulling import model_folder, verify

pytestmark = pytest.mark.django_db
COMMIT = "0123456789abcdef0123456789abcdef01234567"
PATH = f"/org/m/resolve/{COMMIT}"


class Hub(BaseHTTPRequestHandler):
    """The three calls of the hub's protocol that a download makes."""

    protocol_version = "HTTP/1.1"
    files: ClassVar[dict[str, bytes]] = {}
    asked: ClassVar[list[str]] = []
    fetched: ClassVar[list[str]] = []
    goes_on = threading.Event()  # while it is not set, more.safetensors stops coming in the middle

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        type(self).fetched.append(self.path)
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        type(self).asked.append(self.path)
        name = self.path.partition(f"/resolve/{COMMIT}/")[2]
        if name in self.files:
            body = self.files[name]
        elif self.path.startswith("/api/models/org/m/"):
            siblings = [{"rfilename": name} for name in self.files]
            tree = [{"type": "file", "path": name, "size": len(data), "oid": "0"} for name, data in self.files.items()]
            is_tree = "/tree/" in self.path
            body = orjson.dumps(tree if is_tree else {"id": "org/m", "sha": COMMIT, "siblings": siblings})
        else:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/json" if not name else "application/octet-stream")
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
        self.end_headers()
        if with_body and name == "more.safetensors" and not type(self).goes_on.is_set():
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            type(self).goes_on.wait(30)
            return
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    Hub.files = {
        "config.json": b'{"max_position_embeddings": 512}',
        "model.safetensors": save({"layer": np.arange(100_000, dtype=np.float32)}),
        "pytorch_model.bin": b"\x80\x04pickle",
        "modeling_m.py": b"print()",
    }
    Hub.asked, Hub.fetched = [], []
    Hub.goes_on.set()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    yield Hub
    server.shutdown()
    server.server_close()


def pull(name: str) -> None:
    call_command("models", "pull", name, "--repo", "org/m", "--revision", COMMIT)


def test_a_commit_is_fetched_without_what_could_run(hub: type[Hub]) -> None:
    pull("from-hub")
    model = Model.objects.get()
    assert sorted(model.files) == ["config.json", "model.safetensors"]
    assert (model.revision, model.context_tokens) == (f"org/m@{COMMIT}", 512)
    assert verify("from-hub") == model.files
    assert not [path for path in hub.asked if path.endswith((".bin", ".py"))]


def test_a_model_whose_code_is_named_in_its_configuration_is_refused(hub: type[Hub]) -> None:
    hub.files["config.json"] = b'{"auto_map": {"AutoModel": "modeling_m.M"}}'
    with pytest.raises(CommandError, match="auto_map"):
        pull("with-code")
    assert not Model.objects.exists()
    assert not model_folder("with-code").exists()
    assert not list(model_folder("with-code").parent.glob(".pull-with-code"))


def test_a_repository_that_is_not_there_is_said_plainly(hub: type[Hub]) -> None:
    with pytest.raises(CommandError, match=r"org/other.*goes on with it"):
        call_command("models", "pull", "other", "--repo", "org/other", "--revision", COMMIT)


def test_a_killed_download_goes_on_with_the_file_it_was_at(hub: type[Hub]) -> None:
    hub.files["more.safetensors"] = hub.files["model.safetensors"]
    hub.goes_on.clear()
    draft = data_folder().models / ".pull-in-two"
    command = ["models", "pull", "in-two", "--repo", "org/m", "--revision", COMMIT]
    with subprocess.Popen([sys.executable, "manage.py", *command], cwd=CLONE, stderr=subprocess.DEVNULL) as first:
        try:
            assert _eventually(lambda: _are_whole(draft) and f"{PATH}/more.safetensors" in hub.asked)
            with pytest.raises(CommandError, match="by another command"):
                pull("in-two")
        finally:
            first.kill()
    assert list(draft.rglob("*.incomplete")) and not model_folder("in-two").exists() and not Model.objects.exists()
    hub.goes_on.set()
    hub.fetched.clear()
    pull("in-two")
    assert [path for path in hub.fetched if path.startswith(PATH)] == [f"{PATH}/more.safetensors"]
    assert verify("in-two") == Model.objects.get().files
    assert not draft.exists()


def test_what_does_not_fit_on_the_disk_is_not_begun(hub: type[Hub], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.inference.weights.folders.SPARE_BYTES", 2**60)
    with pytest.raises(CommandError, match="are free"):
        pull("too-big")
    assert not list((data_folder().models / ".pull-too-big").rglob("*.safetensors"))


def test_a_known_model_without_a_commit_is_not_guessed(hub: type[Hub]) -> None:
    with pytest.raises(CommandError, match="--revision"):
        call_command("models", "pull", "gpt-oss-120b")
    assert not hub.asked


def test_what_is_said_of_a_packaged_model_is_not_ignored(hub: type[Hub]) -> None:
    with pytest.raises(CommandError, match="everything but its name"):
        call_command("models", "pull", "smollm2-135m", "--role", "guard")


def test_what_is_said_of_a_known_model_holds(hub: type[Hub], monkeypatch: pytest.MonkeyPatch) -> None:
    known = known_models()["gpt-oss-120b"]
    mine = replace(known, repo="org/m", revision=COMMIT)
    monkeypatch.setattr(pulling, "known_models", lambda: {known.name: mine})
    call_command("models", "pull", known.name, "--role", "guard", "--licence", "Own")
    model = Model.objects.get()
    assert (model.role, model.licence, model.revision) == ("guard", "Own", f"org/m@{COMMIT}")


def _are_whole(draft: Path) -> bool:
    """The two files before the one that stops: they are there, and the download has noted that they are."""
    notes = draft / ".cache/huggingface/download"
    return all(
        (draft / name).exists() and (notes / f"{name}.metadata").exists()
        for name in ("config.json", "model.safetensors")
    )


def _eventually(true: Callable[[], bool], seconds: float = 90.0) -> bool:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    return true()
