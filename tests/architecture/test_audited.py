"""Whoever changes something says so in the audit log, and nobody changes anything past the verbs.

Read from the source, so that a new verb is held to it before anybody thinks of a test: a public function that takes an
``actor`` and writes rows reaches ``audit.record``; edges (views, REST, sockets, admin pages, commands, tasks) write no
rows themselves.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from django.conf import settings

PACKAGES = ("accounts", "moderation", "knowledge", "chat", "app/operations")
RECORDERS = {"record", "record_with"}
WRITES = {"save", "create", "bulk_create", "bulk_update", "update_or_create", "get_or_create", "update", "delete"}
WRITES |= {"inserting", "changing"}  # of app.web.statements
EDGES = ("views.py", "api.py", "tasks.py", "receivers.py")
EDGE_FOLDERS = ("views", "api", "pages", "socket", "openai")

# Edges that write rows, each for its reason.
EXCUSED = {
    # The turns that a program brings along are part of the question it asks, which is audited with it.
    "chat/openai/api.py:_import_turns",
    # Bookkeeping of the queue: a document waits again, as it did before its reader died.
    "knowledge/tasks.py:requeue_stuck",
}


@dataclass
class Function:
    """One function of the source: what it calls, by the last part of the name, and whether it writes rows."""

    place: str
    name: str
    takes_actor: bool
    calls: set[str] = field(default_factory=set)
    writes: bool = False


@lru_cache(maxsize=1)
def functions() -> list[Function]:
    """All of them; read once, because it takes seconds."""
    return list(_functions())


def _functions() -> Iterator[Function]:
    for package in PACKAGES:
        for path in sorted((Path(settings.BASE_DIR) / package).rglob("*.py")):
            if "migrations" in path.parts:
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield _read(path.relative_to(settings.BASE_DIR).as_posix(), node)


def _read(path: str, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Function:
    arguments = {argument.arg for argument in [*node.args.args, *node.args.kwonlyargs]}
    found = Function(f"{path}:{node.name}", node.name, "actor" in arguments)
    for each in ast.walk(node):
        if isinstance(each, ast.Call):
            name, through = _called(each.func)
            found.calls.add(name)
            # Rows are written through a manager or query, or by saving one; dict.update and set.update are not that.
            found.writes |= name in WRITES - {"update", "delete"} or (name in WRITES and "objects" in through)
    return found


def _called(node: ast.expr) -> tuple[str, set[str]]:
    """The name called last, and every name on the way to it."""
    through: set[str] = set()
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    for each in ast.walk(node):
        if isinstance(each, ast.Attribute):
            through.add(each.attr)
    return name, through


def _reaching(start: set[str], known: list[Function]) -> set[str]:
    """Names of functions that call one of ``start``, directly or through others."""
    reaching = set(start)
    while True:
        more = {one.name for one in known if one.calls & reaching} - reaching
        if not more:
            return reaching
        reaching |= more


def test_every_verb_that_writes_also_records() -> None:
    known = functions()
    records = _reaching(RECORDERS, known)
    writing = _reaching({one.name for one in known if one.writes}, known)
    verbs = [one for one in known if one.takes_actor and not one.name.startswith("_") and one.name in writing]
    assert len(verbs) > 20
    assert [verb.place for verb in verbs if verb.name not in records] == []


def _is_edge(place: str) -> bool:
    return place.endswith(EDGES) or Path(place).parent.name in EDGE_FOLDERS


def test_edges_write_nothing_themselves() -> None:
    known = [one for one in functions() if _is_edge(one.place.split(":")[0])]
    assert len(known) > 50
    assert {one.place for one in known if one.writes} - EXCUSED == set()
