"""Everything that is open ends within a second of whatever ends it: each ending against each opening.

One run for each ending: all there is to have open is opened at once, the deed is done, and every line is watched. What
should end must be closed and stay closed; what should not goes on. ``ENDINGS_INTO=docs/signing-in.md`` writes the times
into the table there; without it the table is only looked at, so that it names what is tried here.
"""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from accounts import roles
from accounts.models import ApiKey, Consent, Device, Program, User
from accounts.people import people
from accounts.programs.keys import revoke_key, rotate_key
from accounts.programs.oauth.consents import withdraw_consent
from accounts.programs.oauth.programs import end_program
from accounts.programs.oauth.tokens import REFRESH, new_secret
from accounts.signing_in import devices, second_step
from chat.models import Assistant, Conversation, Message
from chat.writing.runner import runner
from tests import factories
from tests.factories import PASSWORD
from tests.serving import server

__all__ = ["server"]
pytestmark = pytest.mark.django_db(transaction=True)

DOCS = Path(__file__).resolve().parents[2] / "docs" / "signing-in.md"
CLIENT_SECRET = "parley-cs-" + "s" * 43
MOST_SECONDS = 1.0
SESSION, KEY, TOKEN = "session", "key", "token"
BY = (SESSION, KEY, TOKEN)


@dataclass
class Open:
    """All that alice has open: one session, one key, one program's token, and lines by each of them."""

    server: str
    conversation: Conversation
    answer: str
    session: str
    key: str
    token: str
    refresh: str
    program: Program
    consent: Consent
    download: str
    ended: threading.Event = field(default_factory=threading.Event)
    stop: threading.Event = field(default_factory=threading.Event)

    def headers(self, by: str) -> dict[str, str]:
        if by == SESSION:
            return {"Cookie": f"{settings.SESSION_COOKIE_NAME}={self.session}", "Origin": self.server}
        return {"Authorization": f"Bearer {self.key if by == KEY else self.token}"}

    def is_refused(self, client: httpx.Client, address: str, *statuses: int) -> float | None:
        """When the call that was refused had begun; None when it went through."""
        began_at = time.monotonic()
        return began_at if client.get(address).status_code in statuses else None

    def client(self, by: str) -> httpx.Client:
        return httpx.Client(base_url=self.server, headers=self.headers(by), timeout=10, verify=False)


# ---------------------------------------------------------------- openings
# Each calls ``ready`` when it is open, blocks until it is over, and returns.

Ready = Callable[[], None]
Opening = Callable[[Open, str, Ready], float | None]  # when it was over, where that is not now


def asked_again(it: Open, by: str, ready: Ready, address: str = "/api/v1/groups") -> float | None:
    """The credential itself, asked with over and over."""
    with it.client(by) as client:
        assert client.get(address).status_code == 200
        ready()
        while not it.stop.wait(0.02):
            if began_at := it.is_refused(client, address, 401, 302):
                return began_at
    return None


def page(it: Open, by: str, ready: Ready) -> float | None:
    """A page of the browser's, asked for over and over."""
    return asked_again(it, by, ready, "/account/keys/")


def refreshed(it: Open, by: str, ready: Ready) -> float | None:
    """The refresh token, which can be tried once only: when all has been done."""
    ready()
    it.ended.wait(20)
    began_at = time.monotonic()
    form = {"grant_type": "refresh_token", "refresh_token": it.refresh}
    form |= {"client_id": str(it.program.pk), "client_secret": CLIENT_SECRET}
    answer = httpx.post(f"{it.server}/oauth/token", data=form, timeout=10, verify=False)
    if answer.status_code == 200:
        it.stop.wait(20)
    return began_at


def line(it: Open, by: str, ready: Ready) -> float | None:
    """A websocket."""
    address = f"ws://{urlsplit(it.server).netloc}/ws/conversations/{it.conversation.id}/?after=0"
    headers = it.headers(by)
    origin: Any = headers.pop("Origin", None)
    with connect(address, origin=origin, additional_headers=headers, subprotocols=["parley.v1+json"]) as opened:  # type: ignore[list-item]
        opened.recv(timeout=10)
        ready()
        try:
            while not it.stop.is_set():
                opened.recv(timeout=10)
        except ConnectionClosed as closed:
            assert closed.rcvd is not None and closed.rcvd.code == 4401
    return None


def events(it: Open, by: str, ready: Ready) -> float | None:
    """The server-sent events of an answer."""
    address = f"{it.server}/api/v1/messages/{it.answer}/events"
    return read_stream(it, httpx.stream("GET", address, headers=it.headers(by), timeout=10), ready, "not_signed_in")


def completion(it: Open, by: str, ready: Ready) -> float | None:
    """A streamed answer of the interface that OpenAI's clients know."""
    body = {"model": "writer", "messages": [{"role": "user", "content": "Count"}], "stream": True}
    address = f"{it.server}/v1/chat/completions"
    asked = httpx.stream("POST", address, json=body, headers=it.headers(by), timeout=10)
    return read_stream(it, asked, ready, "not_signed_in")


def read_stream(it: Open, asked: Any, ready: Ready, last: str) -> float | None:
    with asked as answer:
        assert answer.status_code == 200
        said = ""
        for part in answer.iter_text():
            said = (said + part)[-500:]
            ready()
            if it.stop.is_set():
                return None
    assert last in said, said
    return None


def whole(it: Open, by: str, ready: Ready) -> float | None:
    """The same answer, waited for as a whole."""
    body = {"model": "writer", "messages": [{"role": "user", "content": "Count"}]}
    answered: list[int] = []

    def ask() -> None:
        with suppress(httpx.HTTPError):
            answered.append(it.client(by).post("/v1/chat/completions", json=body, timeout=30).status_code)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    time.sleep(0.5)
    ready()
    while asking.is_alive() and not it.stop.is_set():
        asking.join(0.02)
    assert it.stop.is_set() or answered == [401]
    return None


def download(it: Open, by: str, ready: Ready) -> float | None:
    """A file that its reader takes slowly."""
    address = urlsplit(it.server)
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect((address.hostname, address.port))
        head = "".join(f"{name}: {value}\r\n" for name, value in it.headers(by).items())
        sock.sendall(f"GET {it.download} HTTP/1.1\r\nHost: {address.netloc}\r\n{head}\r\n".encode())
        begun = sock.recv(2048)
        assert begun.startswith(b"HTTP/1.1 200"), begun
        announced = int(re.search(rb"content-length: (\d+)", begun.lower())[1])  # type: ignore[index]
        ready()
        count = 0
        it.ended.wait(20)  # what the two machines hold of it already comes anyway
        sock.settimeout(10)
        while not it.stop.is_set() and count < announced and (part := sock.recv(65_536)):
            count += len(part)
        it.stop.wait(0 if count < announced else 20)
    assert it.stop.is_set() or count < announced, "the whole file came"
    return None


OPENINGS: dict[str, tuple[Opening, tuple[str, ...]]] = {
    "page": (page, (SESSION,)),
    "call": (asked_again, BY),
    "refresh": (refreshed, (TOKEN,)),
    "socket": (line, BY),
    "events": (events, BY),
    "stream": (completion, (KEY, TOKEN)),
    "whole answer": (whole, (KEY, TOKEN)),
    "download": (download, (SESSION,)),
}
CREDENTIALS = ("page", "call", "refresh")


# ---------------------------------------------------------------- endings


def sign_out(it: Open, alice: User, ada: User) -> None:
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = it.session
    assert client.post("/account/logout/").status_code == 302


def end_from_elsewhere(it: Open, alice: User, ada: User) -> None:
    devices.end_session(actor=alice, device=Device.objects.get(session_key=it.session))


def end_all_others(it: Open, alice: User, ada: User) -> None:
    devices.end_other_sessions(actor=alice, but=None)


def suspend(it: Open, alice: User, ada: User) -> None:
    people.suspend_person(actor=ada, user=alice)


def change_password(it: Open, alice: User, ada: User) -> None:
    client = Client()
    client.force_login(alice, backend=settings.AUTHENTICATION_BACKENDS[0])
    new = "Another-Horse-8-Battery"
    form = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert client.post("/account/password/change/", form).status_code == 302


def change_roles(it: Open, alice: User, ada: User) -> None:
    people.assign_roles(actor=ada, user=alice, roles=["employee", "owner"])


def change_made_role(it: Open, alice: User, ada: User) -> None:
    role = roles.create_role(actor=ada, name="Desk", capabilities=["usage.read"])
    User.objects.filter(pk=alice.pk).update(roles=["employee", role.slug])
    roles.change_role(actor=ada, role=role, name="Desk", capabilities=["usage.read", "audit.read"])


def change_address(it: Open, alice: User, ada: User) -> None:
    people.change_address(actor=ada, user=alice, email="alice@haldenrook.example")


def take_second_step_off(it: Open, alice: User, ada: User) -> None:
    second_step.reset_second_step(actor=ada, user=alice)


def revoke_the_key(it: Open, alice: User, ada: User) -> None:
    revoke_key(actor=alice, key=ApiKey.objects.get(user=alice))


def give_another_secret(it: Open, alice: User, ada: User) -> None:
    rotate_key(actor=alice, key=ApiKey.objects.get(user=alice), overlap_hours=0)


def give_token_back(it: Open, alice: User, ada: User) -> None:
    form = {"token": it.token, "client_id": str(it.program.pk), "client_secret": CLIENT_SECRET}
    assert httpx.post(f"{it.server}/oauth/revoke", data=form, timeout=10).status_code == 200


def take_consent_back(it: Open, alice: User, ada: User) -> None:
    withdraw_consent(actor=alice, consent=it.consent)


def end_the_program(it: Open, alice: User, ada: User) -> None:
    end_program(actor=ada, program=it.program)


ALL = frozenset(BY)
# What ends for good, and what is cut off although its credential works on: roles and passwords end what is open.
ENDINGS: dict[str, tuple[Callable[[Open, User, User], None], frozenset[str], frozenset[str]]] = {
    "signing out": (sign_out, frozenset({SESSION}), frozenset()),
    "ending it from another device": (end_from_elsewhere, frozenset({SESSION}), frozenset()),
    "ending all other sessions": (end_all_others, frozenset({SESSION}), frozenset()),
    "suspension": (suspend, ALL, frozenset()),
    "another password": (change_password, frozenset({SESSION, TOKEN}), frozenset({KEY})),
    "other roles": (change_roles, frozenset({SESSION, TOKEN}), frozenset({KEY})),
    "a role that gives something else": (change_made_role, frozenset({SESSION, TOKEN}), frozenset({KEY})),
    "another address": (change_address, frozenset({SESSION, TOKEN}), frozenset({KEY})),
    "the second step taken off": (take_second_step_off, frozenset({SESSION}), frozenset({KEY, TOKEN})),
    "the key revoked": (revoke_the_key, frozenset({KEY}), frozenset()),
    "another secret at once": (give_another_secret, frozenset({KEY}), frozenset()),
    "the token given back": (give_token_back, frozenset({TOKEN}), frozenset()),
    "consent withdrawn": (take_consent_back, frozenset({TOKEN}), frozenset()),
    "the program ended": (end_the_program, frozenset({TOKEN}), frozenset()),
}


@pytest.fixture
def it(server: str, writer: Assistant, alice: User, ada: User, scripted_server: Any) -> Iterator[Open]:
    """Everything opened, with an answer under way that takes half a minute."""
    scripted_server.script(tokens=[f"{number} " for number in range(1_500)], pace=0.02)
    client = Client(REMOTE_ADDR="192.0.2.7")
    client.post("/account/login/", {"login": alice.email, "password": PASSWORD})
    program = factories.make_program(owner=ada)
    consent = factories.make_consent(user=alice, program=program)
    refresh, later = new_secret(REFRESH), timezone.now() + timedelta(days=1)
    refreshing = {"refresh_digest": ApiKey.digest_of(refresh), "refresh_expires_at": later}
    token = factories.make_token(user=alice, program=program, consent=consent, **refreshing)
    conversation = factories.make_conversation(owner=alice, assistant=writer)
    elsewhere = factories.make_conversation(owner=alice, assistant=writer)
    place = factories.keep(b"The gate closes at nine. " * 500_000)
    file = factories.make_file(owner=alice, conversation=elsewhere, text="", file=place)
    opened = Open(
        server=server,
        conversation=conversation,
        answer="",
        session=str(client.cookies[settings.SESSION_COOKIE_NAME].value),
        key=factories.make_key(alice),
        token=token,
        refresh=refresh,
        program=program,
        consent=consent,
        download=f"/files/{file.pk}/original",
    )
    asked = httpx.post(
        f"{server}/api/v1/conversations/{conversation.id}/messages", json={"text": "Count"}, headers=opened.headers(KEY)
    )
    opened.answer = asked.json()["id"]
    yield opened
    opened.stop.set()
    for pk in Message.objects.filter(role=Message.Role.ASSISTANT).values_list("pk", flat=True):
        runner.stop_soon(pk)
    assert scripted_server.wait_for(lambda: all(one.ended_at for one in scripted_server.requests))


@pytest.fixture(scope="module")
def times() -> Iterator[dict[tuple[str, str], float]]:
    """The longest time of each ending and opening; written into the documentation where that was asked for."""
    measured: dict[tuple[str, str], float] = {}
    yield measured
    if into := os.environ.get("ENDINGS_INTO"):
        path = Path(into)
        path.write_text(with_table(path.read_text(), measured))


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_open_ends_within_a_second(
    ending: str, it: Open, alice: User, ada: User, times: dict[tuple[str, str], float]
) -> None:
    end, over, cut = ENDINGS[ending]
    wanted = {(name, by): by in over or (by in cut and name not in CREDENTIALS) for name, by in each_opening()}
    ended_at: dict[tuple[str, str], float] = {}
    open_now = {one: threading.Event() for one in wanted}

    def watch(one: tuple[str, str]) -> None:
        over_at = OPENINGS[one[0]][0](it, one[1], open_now[one].set)
        ended_at[one] = over_at or time.monotonic()

    with ThreadPoolExecutor(len(wanted)) as pool:
        watched = {pool.submit(watch, one): one for one in wanted}
        try:
            for one, opened in open_now.items():
                assert opened.wait(10), f"{one} did not open"
            most = MOST_SECONDS + slowness(server=it.server)
            end(it, alice, ada)
            done_at = time.monotonic()
            it.ended.set()
            wait([each for each, one in watched.items() if wanted[one]], timeout=most + 2)
            still = {one for one, is_over in wanted.items() if is_over and one not in ended_at}
            gone = {one for one, is_over in wanted.items() if not is_over and one in ended_at}
            wrong = {one: each.exception() for each, one in watched.items() if each.done() and each.exception()}
        finally:
            it.ended.set()
            it.stop.set()
    assert not wrong
    assert not still, f"open still: {still}"
    assert not gone, f"ended without a reason: {gone}"
    for each in watched:
        each.result()
    took = {one: max(0.0, ended_at[one] - done_at) for one, is_over in wanted.items() if is_over}
    for one, seconds in took.items():
        name = one[0]
        times[ending, name] = max(times.get((ending, name), 0.0), seconds)
    late = {one: round(seconds, 2) for one, seconds in took.items() if seconds > most}
    assert not late, f"after more than a second: {late}"


def slowness(server: str) -> float:
    """Seconds to allow besides where the machine has other things to do: ten times what the least of answers takes."""
    began_at = time.monotonic()
    httpx.get(f"{server}/healthz", timeout=20, verify=False)
    return 10 * (time.monotonic() - began_at)


def test_the_documentation_has_a_row_for_each_ending() -> None:
    table = DOCS.read_text()
    assert [name for name in ENDINGS if f"| {name} |" not in table] == []


def each_opening() -> list[tuple[str, str]]:
    return [(name, by) for name, (_, ways) in OPENINGS.items() for by in ways]


def with_table(text: str, measured: dict[tuple[str, str], float]) -> str:
    """The page with the times of what was open already between its two marks."""
    opened = [name for name in OPENINGS if name not in CREDENTIALS]
    lines = [f"| ended by | {' | '.join(opened)} |", "|---" * (len(opened) + 1) + "|"]
    for ending in ENDINGS:
        cells = [f"{measured[ending, name]:.2f}" if (ending, name) in measured else "" for name in opened]
        lines.append(f"| {ending} | {' | '.join(cells)} |")
    begin, end = "<!-- endings -->\n", "<!-- /endings -->"
    before, rest = text.split(begin)
    return before + begin + "\n".join(lines) + "\n" + end + rest.split(end)[1]
