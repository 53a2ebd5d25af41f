"""Parley as people meet it: the web process and the worker as `make run` starts them, with its people and documents.

The processes are real and their own, on the run's PostgreSQL and Valkey; only the writing model is scripted, so that an
answer says what a test expects, at the pace it needs. Everything below is committed, and emptied again at the end.
"""

from __future__ import annotations

import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

from accounts.models import Role, User
from app.demo.company import FOLDER
from app.demo.fill import RULES
from app.embedded import application, processes
from app.inference.registry import ensure_model, register_worker
from app.inference.scripted_server import ScriptedServer
from chat.models import Assistant
from knowledge.ingestion import upload_document
from knowledge.models import Document, Source
from knowledge.publication.processing import process_document
from knowledge.syncs.importing import bring_in, look
from tests import factories
from tests.journeys import hostile

CREW = "Crew"


@dataclass
class House:
    """A running Parley. ``model`` is the scripted server that its writing assistants use."""

    port: int
    model: ScriptedServer
    _running: dict[str, tuple[subprocess.Popen[bytes], processes.Part]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start_web(self) -> None:
        """Start the web process, or start it again on the same port; returns when it answers."""
        self._start(application.web_part(self.port))

    def kill_web(self) -> None:
        """kill -9, in the middle of whatever it does."""
        process, _ = self._running.pop("web")
        processes.kill_group(process.pid)
        process.wait()

    def start_worker(self) -> None:
        """Start what reads documents, unless it runs already; it takes what waits as soon as it can."""
        if "worker" not in self._running:
            self._start(application.worker_part())

    def stop_worker(self) -> None:
        """So that it does nothing behind the back of those who do not expect one, such as naming conversations."""
        if "worker" in self._running:
            processes.stop(*self._running.pop("worker"))

    def stop(self) -> None:
        while self._running:
            processes.stop(*self._running.popitem()[1])

    def said(self) -> str:
        """What the processes wrote to their logs."""
        return "".join(self._log(name).read_text() for name in ("web", "worker") if self._log(name).exists())

    def _start(self, part: processes.Part) -> None:
        with self._log(part.name).open("ab") as log:
            self._running[part.name] = (processes.start(part, output=log), part)

    def _log(self, name: str) -> Path:
        return settings.DATA.logs / f"journeys-{name}.log"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def furnish(model: ScriptedServer) -> None:
    """The cast, the company's handbook and a hostile document, and three assistants under the house rules."""
    people = {name: factories.make_user(name) for name in ("alice", "charlie")}
    people["dana"] = factories.make_user("dana", roles=[Role.MODERATOR])
    people["frank"] = factories.make_user("frank", roles=[Role.MODERATOR])
    people["ada"] = factories.make_user("ada", roles=[Role.ADMIN])
    people["aaron"] = factories.make_user("aaron", roles=[Role.AUDITOR])
    olivia = people["olivia"] = factories.make_user("olivia", roles=[Role.OWNER])
    crew = factories.make_group(CREW, members=[people["alice"], olivia])
    summary = bring_in(actor=olivia, visit=look(actor=olivia, path=FOLDER / "everyone", source_name="Handbook"))
    assert not summary.failures, summary.failures
    _publish(factories.make_source(owner=olivia, name=hostile.SOURCE, groups=[crew]), hostile.FILE, hostile.DOCUMENT)
    _make_assistants(model)
    factories.make_prompt(owner=people["alice"], name="Thank you", text="Write a short thank-you note.")
    welcome = "Write a welcome note for {{name}} in {{language=English}}."
    factories.make_prompt(owner=olivia, name="Welcome note", text=welcome, group=crew)


def _publish(source: Source, name: str, text: str) -> None:
    document = upload_document(actor=source.owner, source=source, file=[text.encode()], name=name)
    process_document(document.pk)
    assert Document.objects.get(pk=document.pk).state == Document.State.PUBLISHED


def _make_assistants(server: ScriptedServer) -> None:
    model = ensure_model(name="scripted", role="generate")
    register_worker(model_name="scripted", address=server.url)
    policy = factories.make_policy(slug="house-rules", rules=RULES)
    factories.make_assistant(slug="handbook", policy=policy, is_default=True)
    writes = {"mode": Assistant.Mode.GENERATE, "model": model, "policy": policy, "repeats_answers": False}
    writer = factories.make_assistant(slug="writer", searches=False, **writes)
    writer.offers_models.add(ensure_model(name="large", role="generate"))
    register_worker(model_name="large", address=server.url)
    factories.make_assistant(slug="researcher", **writes)


def empty() -> None:
    """Leave the database to the next tests as it was found."""
    call_command("flush", verbosity=0, interactive=False, reset_sequences=False)
    assert not User.objects.exists()
