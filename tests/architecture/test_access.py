"""Every address, operation and socket action, asked for by every kind of caller; and none of them without a row."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from accounts.models import ApiKey, Group, User
from accounts.programs.scoped_routes import CLOSED, rights_for
from app.api import api, openai_api, scim_api
from chat.socket.actions import ACTIONS
from tests import factories
from tests.architecture.access_matrix import ANYBODY, API, PAGES, SIGNED_IN, SIGNED_OUT, SOCKET_ACTIONS, Row
from tests.architecture.world import make_world
from tests.conftest import SignIn, read_registry_anew

# Guarded by tests of their own: the admin site as a whole, what only describes the interface, and the ways through an
# organisation's provider, of which there are none here.
ELSEWHERE = re.compile(r"^((admin|api|openai|scim):|(openid_connect|saml)_)")

ASKING_FOR_A_SECRET = ("oauth:token", "oauth:revoke", "oauth:introspect", "oauth:userinfo")


class World:
    """The cast, the ids of what there is, and a browser or program for each caller."""

    def __init__(self, people: dict[str, User], ids: dict[str, str], signed_in: SignIn, with_key: SignIn) -> None:
        self.people = people
        self.ids = ids
        self.recorded = 0  # how many events the last request wrote
        self._signed_in = signed_in
        self._with_key = with_key
        self._callers: dict[tuple[str, bool], Client] = {}

    def client(self, caller: str, *, is_program: bool) -> Client:
        """A browser of theirs, or a program, as it was when they came: whatever it asked before is forgotten again.

        Signing in once each, since that costs more than most requests do.
        """
        if (caller, is_program) not in self._callers:
            sign_in = self._with_key if is_program else self._signed_in
            self._callers[caller, is_program] = sign_in(self.people.get(caller))
        client = copy.copy(self._callers[caller, is_program])
        client.cookies = copy.deepcopy(client.cookies)
        return client

    def ask(
        self, row: Row, caller: str, ids: dict[str, str] | None = None, *, client: Client | None = None
    ) -> HttpResponse:
        """Send the row's request as ``caller``, with a ``client`` of theirs if one is given, and undo what it did."""
        user = self.people.get(caller)
        is_api = row.name.startswith("/")
        client = client or self.client(caller, is_program=is_api)
        ids = (ids or self.ids) | ({"own_email": user.email} if user else {})
        address = row.name.format(**ids) if is_api else reverse(row.name, kwargs=self._args(row, ids))
        read_registry_anew()
        with transaction.atomic():
            before = _events()
            response = self._send(client, row, address, ids)
            self.recorded = _events() - before
            transaction.set_rollback(True)
        return response

    def _args(self, row: Row, ids: dict[str, str]) -> dict[str, str]:
        return {name: value[1:] if value.startswith("=") else ids[value] for name, value in row.args.items()}

    def _send(self, client: Client, row: Row, address: str, ids: dict[str, str]) -> Any:
        if row.method == "GET":
            query = {name: _filled(value, ids) for name, value in row.query.items()}
            return client.get(address, query, secure=row.name.startswith("oauth:"))
        if row.method == "DELETE":
            return client.delete(address)
        if row.file:
            return client.post(address, {"file": SimpleUploadedFile("new.md", b"# New\n\nSomething new.")})
        data = {name: _filled(value, ids) for name, value in (row.data or {}).items()}
        if row.name.startswith("/"):
            send = {"PATCH": client.patch, "PUT": client.put}.get(row.method, client.post)
            return send(address, data, content_type="application/json")
        return client.post(address, data, secure=row.name.startswith("oauth:"))


def _events() -> int:
    """How many the audit log has."""
    with connection.cursor() as cursor:
        cursor.execute("select sum(seq) from audit_head")
        return int(cursor.fetchone()[0])


def _filled(value: Any, ids: dict[str, str]) -> Any:
    is_id = isinstance(value, str) and value.startswith("{") and value.endswith("}")
    return ids.get(value[1:-1], value) if is_id else value


@pytest.fixture
def world(
    alice: User,
    bob: User,
    charlie: User,
    olivia: User,
    dana: User,
    aaron: User,
    ada: User,
    sam: User,
    crew: Group,
    signed_in: SignIn,
    with_key: SignIn,
) -> World:
    people = {"alice": alice, "bob": bob, "charlie": charlie, "olivia": olivia, "dana": dana, "aaron": aaron}
    people |= {"ada": ada, "sam": sam}
    return World(people, make_world(people, crew), signed_in, with_key)


def outcome(row: Row, response: HttpResponse) -> str:
    """``"in"`` when the request went through to what the row names, else how it was refused."""
    if response.status_code == 302 and response.headers["Location"].startswith("/account/login/"):
        return "sign in"
    if response.status_code in (401, 403, 404):
        return str(response.status_code)
    is_answer = response.status_code < 400 or row.name == "readyz"
    return "in" if is_answer else f"{response.status_code}: {response.content[:300]!r}"


def expected(row: Row, caller: str) -> str:
    if caller in row.allowed:
        return "in"
    if row.name in ASKING_FOR_A_SECRET:
        return str(row.refusal)
    if caller in SIGNED_OUT and not row.hides:
        return "401" if row.name.startswith("/") else "sign in"
    return str(row.refusal)


def differing(row: Row, world: World) -> dict[str, str]:
    """Who gets something else than the row says, and what."""
    wrong = {}
    for caller in sorted(ANYBODY):
        was = outcome(row, world.ask(row, caller))
        if was != expected(row, caller):
            wrong[caller] = f"{was}, not {expected(row, caller)}"
    return wrong


def by_area(rows: Iterable[Row]) -> list[Any]:
    """One parameter for each area of the pages and each kind of thing in the REST interfaces: a world is made for all
    rows of it together, since making one takes as long as asking twenty times."""
    areas: dict[str, list[Row]] = {}
    for row in rows:
        is_api = row.name.startswith("/")
        area = "/".join(row.name.split("/")[:4]) if is_api else row.name.rpartition(":")[0] or "elsewhere"
        areas.setdefault(area, []).append(row)
    return [pytest.param(tuple(found), id=area) for area, found in areas.items()]


@pytest.mark.parametrize("rows", by_area(row for row in PAGES + API if not row.commits))
def test_each_caller_gets_what_the_matrix_says(rows: Sequence[Row], world: World, embedding_weights: Path) -> None:
    wrong = {str(row): found for row in rows if (found := differing(row, world))}
    assert not wrong, wrong


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("row", [row for row in PAGES + API if row.commits], ids=str)
def test_each_caller_gets_what_the_matrix_says_of_async_operations(row: Row, world: World) -> None:
    assert differing(row, world) == {}


def _bound() -> Iterator[Row]:
    """Rows about one object of somebody's, in which others are told that there is nothing."""
    return (row for row in PAGES + API if row.refusal == 404 and SIGNED_IN - row.allowed and not row.commits)


@pytest.mark.parametrize("rows", by_area(_bound()))
def test_anothers_object_looks_like_no_object(rows: Sequence[Row], world: World) -> None:
    nothing = {name: "987654321" if value.isdigit() else str(uuid4()) for name, value in world.ids.items()}
    wrong = []
    for row in rows:
        outsider = sorted(SIGNED_IN - row.allowed)[0]
        theirs, none = world.ask(row, outsider), world.ask(row, outsider, nothing)
        if not (theirs.status_code == none.status_code == 404 and plain(theirs, world.ids) == plain(none, nothing)):
            wrong.append(f"{row}: {theirs.status_code}, {none.status_code}")
    assert wrong == []


def plain(response: HttpResponse, ids: dict[str, str]) -> str:
    """A page without what differs between any two requests."""
    text = response.content.decode()
    for value in ids.values():
        text = text.replace(f"/{value}/", "/ID/") if value.isdigit() else text.replace(value, "ID")
    return re.sub(r"\b[A-Za-z0-9]{64}\b", "CSRF TOKEN", text)


def test_every_address_has_a_row() -> None:
    named = {row.name for row in PAGES}
    there = {name for name in _addresses(get_resolver().url_patterns) if not ELSEWHERE.match(name)}
    assert there - named == set(), "say in access_matrix.py who may use these"
    assert named - there == set(), "these are in access_matrix.py but not in Parley"


def _addresses(patterns: list[Any], prefix: str = "") -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            space = f"{pattern.namespace}:" if pattern.namespace else ""
            yield from _addresses(pattern.url_patterns, prefix + space)
        elif isinstance(pattern, URLPattern):
            yield prefix + (pattern.name or pattern.lookup_str.rpartition(".")[2])


def test_every_operation_has_a_row() -> None:
    there = {
        (method.upper(), re.sub(r"{[^}]*}", "{}", path))
        for interface in (api, openai_api, scim_api)
        for path, methods in interface.get_openapi_schema()["paths"].items()
        for method in methods
    }
    # Of SCIM's descriptions the matrix names one each, by the name that the RFC gives it.
    described = re.compile(r"(/scim/v2/(?:Schemas|ResourceTypes))/.+")
    named = {(row.method, described.sub(r"\1/{}", re.sub(r"{[^}]*}", "{}", row.name))) for row in API}
    assert there - named == set(), "say in access_matrix.py who may use these"
    assert named - there == set(), "these are in access_matrix.py but not in Parley"


def test_every_socket_action_has_a_row() -> None:
    assert set(ACTIONS) == set(SOCKET_ACTIONS)


# What every operation does with a program that has not been given the right, or has come too late.
ONLY_SEARCH = {"capabilities": ["knowledge.search"]}
OPEN_TO_SEARCH = re.compile(
    r"GET /api/v1/(sources|source-kinds|sources/{source}|documents/{document}|passages/{passage}|groups|usage/mine"
    r"|limits/mine|insights/mine|keys/current)|POST (/api/v1/search|/v1/embeddings)"
)


def _with(secret: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {secret}"})


@pytest.mark.parametrize("rows", by_area(row for row in API if not row.commits))
def test_a_key_out_of_scope_expired_or_of_somebody_suspended_gets_nothing(rows: Sequence[Row], world: World) -> None:
    wrong = {}
    dead = {caller: _dead(world.people[caller], world.people["sam"]) for caller in {_first(row) for row in rows}}
    limited = {caller: _limited(world.people[caller]) for caller in dead}
    for row in rows:
        caller, is_open = _first(row), OPEN_TO_SEARCH.fullmatch(str(row)) is not None
        for name, secret in dead[caller].items():
            was = outcome(row, world.ask(row, caller, client=_with(secret)))
            if was != "401":
                wrong[f"{row} {name}"] = was
        for name, secret in limited[caller].items():
            response = world.ask(row, caller, client=_with(secret))
            if outcome(row, response) != ("in" if is_open else "403"):
                wrong[f"{row} {name}"] = outcome(row, response)
            elif not is_open:
                body, is_scim = response.json(), row.name.startswith("/scim/")
                said = body["detail"] if is_scim else body["error"]["message"]
                assert is_scim or body["error"]["code"] == "out_of_scope", row
                assert "This key" in said or "This token" in said, row
    assert not wrong, wrong


def _first(row: Row) -> str:
    """One who may: by what they are themselves rather than by an office, of which a limited key brings nothing."""
    return "alice" if "alice" in row.allowed else sorted(row.allowed)[0]


def _dead(user: User, suspended: User) -> dict[str, str]:
    """Secrets that were somebody's, and open nothing."""
    program = factories.make_program(owner=user)
    past = timezone.now() - timedelta(seconds=1)
    ended = factories.make_program(owner=user, revoked_at=past)
    return {
        "expired key": factories.make_key(user, expires_at=past),
        "revoked key": factories.make_key(user, revoked_at=past),
        "suspended key": factories.make_key(suspended),
        "old secret": _old_secret(user, past),
        "expired token": factories.make_token(user=user, program=program, expires_at=past),
        "ended token": factories.make_token(user=user, program=program, revoked_at=past),
        "token of somebody suspended": factories.make_token(user=suspended, program=program),
        "token of another password": factories.make_token(user=user, program=program, stand="0" * 64),
        "token of an ended program": factories.make_token(user=user, program=ended),
    }


def _limited(user: User) -> dict[str, str]:
    """Secrets that open the search alone."""
    program = factories.make_program(owner=user)
    scopes = ["knowledge.search", "openid"]
    return {
        "limited key": factories.make_key(user, **ONLY_SEARCH),
        "limited token": factories.make_token(user=user, program=program, scopes=scopes),
    }


def _old_secret(user: User, past: datetime) -> str:
    """Of a rotated key: the secret before, after its time."""
    secret = ApiKey.new_secret()
    factories.make_key(user, previous_digest=ApiKey.digest_of(secret), previous_until=past)
    return secret


def test_every_operation_says_what_a_limited_program_needs_for_it() -> None:
    closed = {
        str(row)
        for row in API
        if rights_for(row.method, re.sub(r"{[^}]*}", "x", row.name)) is None and not re.match(CLOSED, row.name)
    }
    assert closed == set(), "say in accounts/programs/scoped_routes.py which right these take"
