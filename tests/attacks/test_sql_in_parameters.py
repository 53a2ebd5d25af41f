"""SQL through filters, sorting, cursors, form fields and headers: what a caller says is never part of a statement.

Each address is asked with every name that it reads, one hostile after the other; the statements that went to the
database are looked through for what was sent.
"""

from __future__ import annotations

import base64
import itertools
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from tests.architecture.access_matrix import API, PAGES, Row
from tests.architecture.test_access import World
from tests.attacks.parameters import names_read, rest_names

MARK = "q7zx"
HOSTILE = [
    f"{MARK}' or '1'='1",
    f'{MARK}"; drop table accounts_user; --',
    f"-{MARK},owner__password",
    f"{MARK}__password",
    f"1) or pg_sleep(9)--{MARK}",
    f"{MARK}\\' union select password from accounts_user --",
    f"%{MARK}%s%(a)s{{0}}$1::regclass",
    f"{MARK}\0",
    "-1",
    "9" * 400,
    "NaN",
    "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    base64.urlsafe_b64encode(json.dumps([f"{MARK}'", f"{MARK}'"]).encode()).decode(),
    base64.urlsafe_b64encode(json.dumps(["9999-12-31T23:59:59+00:00", f"{MARK}' or 1=1"]).encode()).decode(),
]
CALLERS = ("ada", "alice", "olivia", "dana", "aaron", "bob", "charlie")


@contextmanager
def statements() -> Iterator[list[str]]:
    """The text of every statement meanwhile, without its values."""
    told: list[str] = []

    def note(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
        told.append(sql if isinstance(sql, str) else str(sql))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield told


def address_of(row: Row, world: World) -> str:
    if row.name.startswith("/"):
        return row.name.format(**world.ids)
    args = {name: value[1:] if value.startswith("=") else world.ids[value] for name, value in row.args.items()}
    return reverse(row.name, kwargs=args)


def client_for(row: Row, world: World) -> Client:
    caller = next(name for name in CALLERS if name in row.allowed or not row.allowed)
    return world.client(caller, is_program=row.name.startswith("/"))


READ = [row for row in PAGES + API if row.method == "GET" and not row.commits and row.allowed]
WRITTEN = [row for row in PAGES + API if row.method != "GET" and row.data and not row.commits and row.allowed]


def check(response: Any, told: list[str], what: str) -> None:
    assert response.status_code < 500 or response.status_code == 503, f"{what}: {response.status_code}"
    assert not [sql for sql in told if MARK in sql], f"{what}: part of a statement"


def ask(row: Row, world: World, query: dict[str, str]) -> None:
    with transaction.atomic(), statements() as told:
        check(client_for(row, world).get(address_of(row, world), query), told, f"{row} {query}")
        transaction.set_rollback(True)


def test_no_query_reaches_a_statement(world: World, embedding_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attacked, turn = 0, itertools.cycle(HOSTILE)
    for row in READ:
        with names_read(monkeypatch) as read:
            ask(row, world, row.query)
        names = sorted(read | rest_names().get(re.sub(r"{[^}]*}", "{}", row.name), frozenset()))
        for _ in range(2 if names else 0):
            ask(row, world, row.query | {name: next(turn) for name in names})
            attacked += len(names)
    assert attacked > 200


def test_no_field_reaches_a_statement(world: World, embedding_weights: Path) -> None:
    turn = itertools.cycle(HOSTILE)
    for row, name in ((each, name) for each in WRITTEN for name in each.data or ()):
        client, address = client_for(row, world), address_of(row, world)
        kind = {"content_type": "application/json"} if row.name.startswith("/") else {}
        send = {"PATCH": client.patch, "PUT": client.put}.get(row.method, client.post)
        for hostile in (next(turn), f"{MARK}\0"):
            forged = {**filled(row, world), name: [hostile] if isinstance((row.data or {})[name], list) else hostile}
            with transaction.atomic(), statements() as told:
                check(send(address, forged, **kind), told, f"{row} {name}={hostile}")
                transaction.set_rollback(True)


def filled(row: Row, world: World) -> dict[str, Any]:
    """The form as it is meant to be sent."""
    ids = world.ids | {"own_email": "alice@example.org"}
    return {
        name: ids.get(value[1:-1], value) if isinstance(value, str) else value
        for name, value in (row.data or {}).items()
    }


HEADERS = ("X-Request-ID", "Accept-Language", "User-Agent", "Referer", "X-Forwarded-For", "HX-Target", "HX-Current-URL")
HEADERS += (
    "HX-Trigger-Name",
    "Last-Event-ID",
    "If-None-Match",
    "If-Modified-Since",
    "Range",
    "Accept",
    "Authorization",
)


def test_no_header_and_no_cookie_reaches_a_statement(world: World) -> None:
    forged = dict.fromkeys(HEADERS, f"{MARK}' or '1'='1") | {"HX-Request": "true"}
    for row in [row for row in READ if not row.args and not row.name.startswith("/")]:
        client = client_for(row, world)
        for name in ("parley_language", "parley_passage_form", "messages", "csrftoken"):
            client.cookies[name] = f"{MARK}' or '1'='1"
        with transaction.atomic(), statements() as told:
            check(client.get(address_of(row, world), row.query, headers=forged), told, str(row))
            transaction.set_rollback(True)
    with statements() as told:
        for name, value in (("sessionid", MARK), ("sessionid", f"{MARK}' or '1'='1")):
            stranger = Client()
            stranger.cookies[name] = value
            assert stranger.get("/account/keys/").status_code == 302
        for key in (f"parley_{MARK}' or '1'='1", f"{MARK}", "parley_\0"):
            answer = Client().get("/api/v1/assistants", headers={"Authorization": f"Bearer {key}"})
            assert answer.status_code == 401
    assert not [sql for sql in told if MARK in sql]


def test_an_address_of_another_shape_is_no_address(world: World) -> None:
    """Ids in paths are of one kind, and nothing else gets as far as a view."""
    turn = itertools.cycle((f"{MARK}'", f"{MARK}--", "..%2f..%2f"))
    for row in READ:
        if not (row.args or "{" in row.name):
            continue
        client, address = client_for(row, world), address_of(row, world)
        for value in {world.ids[name] for name in row.args.values() if name in world.ids}:
            forged = next(turn)
            with statements() as told:
                answer = client.get(address.replace(value, forged))
            assert answer.status_code in (404, 422, 302), f"{row} {forged}: {answer.status_code}"
            assert not [sql for sql in told if MARK in sql]
